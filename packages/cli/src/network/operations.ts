import type { BlockEntry, ChannelEntry, ChannelsView, MembersView } from "@gossip/peer";
import { errorText, GossipError } from "@gossip/runtime";
import { readLines } from "../lines.js";

/** A block of 100 MiB of text, of which every character may take six as JSON. */
const maxBlockLineBytes = 600 * 1024 * 1024;

/** How long a peer may take to answer before it counts as not answering. */
const answerPatienceMs = 3_000;

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
): AsyncGenerator<BlockEntry, void, void> {
  const path = `/gossip/channels/${encodeURIComponent(channel)}/blocks?from=${from}`;
  const response = await get(operations, path, signal);
  const decoder = new TextDecoder();
  for await (const line of readLines(wholeBody(response, operations), { maxLineBytes: maxBlockLineBytes })) {
    const entry = JSON.parse(decoder.decode(line)) as BlockEntry | { readonly error: string };
    if ("error" in entry)
      throw new GossipError("unavailable", `expected all blocks from ${operations}, got: ${entry.error}`);
    yield entry;
  }
}

/** A body that ends before its end means that the peer went away, which is no defect of this command. */
async function* wholeBody(response: Response, operations: string): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const chunk of response.body ?? []) yield chunk;
  } catch (cause) {
    throw new GossipError("unavailable", `expected all blocks from ${operations}, the connection was lost`, { cause });
  }
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
