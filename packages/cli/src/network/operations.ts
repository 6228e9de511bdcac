import type { ChannelEntry, ChannelsView, MembersView } from "@gossip/peer";
import { errorText, GossipError } from "@gossip/runtime";

/** How long a peer may take to answer before it counts as not answering. */
const answerPatienceMs = 3_000;

/** One transaction of a block, as a peer's operations service tells it. */
export interface BlockTransactionView {
  readonly size: number;
  /** SHA-256, lower-case hex. */
  readonly sha256: string;
  /** Absent when the bytes are no text. */
  readonly text?: string;
}

/** One line of `GET /gossip/channels/CHANNEL/blocks`. */
export interface BlockView {
  /** Decimal. */
  readonly number: string;
  readonly hash: string;
  readonly previousHash: string;
  readonly transactions: readonly BlockTransactionView[];
}

/** `GET /gossip/members` of a peer. @throws GossipError `unavailable` */
export async function fetchMembers(operations: string): Promise<MembersView> {
  // The shape is that of our own peer; a foreign service behind the port shows as undefined fields, not as a crash.
  return (await fetchJson(operations, "/gossip/members")) as MembersView;
}

/** What `GET /gossip/channels` of a peer says of one channel. @throws GossipError `unavailable` */
export async function fetchChannel(operations: string, channel: string): Promise<ChannelEntry | undefined> {
  const { channels } = (await fetchJson(operations, "/gossip/channels")) as ChannelsView;
  return channels.find((entry) => entry.channel === channel);
}

/**
 * Blocks of a running peer from `from` to its newest, one line of JSON each, read as they come.
 *
 * @throws GossipError `unavailable`
 */
export async function* fetchBlocks(
  operations: string,
  channel: string,
  from: bigint,
  signal?: AbortSignal,
): AsyncGenerator<BlockView, void, void> {
  const path = `/gossip/channels/${encodeURIComponent(channel)}/blocks?from=${from}`;
  const response = await get(operations, path, signal);
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") yield JSON.parse(line) as BlockView;
  }
  if (rest !== "") yield JSON.parse(rest) as BlockView;
}

async function fetchJson(operations: string, path: string): Promise<unknown> {
  const response = await get(operations, path, AbortSignal.timeout(answerPatienceMs));
  return await response.json();
}

async function get(operations: string, path: string, signal: AbortSignal | undefined): Promise<Response> {
  const url = `http://${operations}${path}`;
  let response: Response;
  try {
    response = await fetch(url, { signal: signal ?? null });
  } catch (cause) {
    if (signal?.aborted === true && signal.reason?.name !== "TimeoutError") throw cause;
    const { cause: inner } = cause as Error;
    throw new GossipError("unavailable", `expected an answer from ${url}, got ${errorText(inner ?? cause)}`, { cause });
  }
  if (response.ok) return response;
  await response.body?.cancel();
  throw new GossipError("unavailable", `expected an answer from ${url}, got status ${response.status}`);
}
