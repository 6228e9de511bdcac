import { setTimeout as delay } from "node:timers/promises";
import type { BlockEntry, TransactionEntry } from "@gossip/peer";
import { GossipError } from "@gossip/runtime";
import { ledgerBlocks } from "../network/ledger-blocks.js";
import { markOfEntry, type PeerEntry, readNetworkFile } from "../network/network-file.js";
import { fetchBlocks } from "../network/operations.js";
import { networkPaths } from "../network/paths.js";
import { isRunning } from "../network/process-mark.js";
import { listenForStop } from "../signals.js";
import { printLine, type Terminal } from "../terminal.js";
import { cut } from "../view/table.js";

export interface BlocksOptions {
  readonly dir: string;
  readonly peer: string;
  readonly from: bigint;
  readonly follow?: boolean;
  readonly json?: boolean;
}

const followPauseMs = 500;

/** `gossip blocks`: from a running peer through its operations service, from a stopped one out of its ledger. */
export async function showBlocks(options: BlocksOptions, terminal: Terminal): Promise<number> {
  const stop = listenForStop();
  const print = (block: BlockEntry) => {
    const lines = options.json === true ? [JSON.stringify(block)] : blockLines(block, terminal);
    for (const line of lines) printLine(terminal, line);
  };
  try {
    let next = await printFrom(options, options.from, print, stop.signal);
    while (options.follow === true && !stop.signal.aborted) {
      await delay(followPauseMs, undefined, { signal: stop.signal });
      next = await printNewer(options, next, print, stop.signal);
    }
    return 0;
  } catch (error) {
    // Ctrl-C, or a reader that has seen enough, is how following ends.
    if (stop.signal.aborted) return 0;
    throw error;
  } finally {
    stop.release();
  }
}

type Print = (block: BlockEntry) => void;

async function printFrom(options: BlocksOptions, from: bigint, print: Print, signal: AbortSignal): Promise<bigint> {
  const { peer, channel } = await findPeer(options);
  const blocks = (await runs(peer))
    ? fetchBlocks(peer.operations, channel, from, signal)
    : ledgerBlocks(networkPaths(options.dir).member("peer", peer.name).data, channel, from);
  let next = from;
  for await (const block of blocks) {
    print(block);
    next = BigInt(block.number) + 1n;
    if (signal.aborted) break;
  }
  return next;
}

/**
 * What came since. A peer that stopped meanwhile is waited for: were its ledger opened here, it could not start again.
 */
async function printNewer(options: BlocksOptions, from: bigint, print: Print, signal: AbortSignal): Promise<bigint> {
  const { peer, channel } = await findPeer(options);
  if (!(await runs(peer))) return from;
  let next = from;
  try {
    for await (const block of fetchBlocks(peer.operations, channel, from, signal)) {
      print(block);
      next = BigInt(block.number) + 1n;
    }
  } catch (error) {
    if (!(error instanceof GossipError) || error.code !== "unavailable") throw error;
  }
  return next;
}

async function findPeer({
  dir,
  peer: wanted,
}: BlocksOptions): Promise<{ readonly peer: PeerEntry; readonly channel: string }> {
  const { peers, channels } = await readNetworkFile(dir);
  const peer = peers.find(({ name }) => name === wanted);
  const [channel] = channels;
  if (peer !== undefined && channel !== undefined) return { peer, channel };
  throw new GossipError(
    "not-found",
    `expected --peer to be one of ${peers.map(({ name }) => name).join(", ")}, got ${wanted}`,
  );
}

async function runs(peer: PeerEntry): Promise<boolean> {
  const mark = markOfEntry(peer);
  return mark !== undefined && (await isRunning(mark));
}

function blockLines(block: BlockEntry, terminal: Terminal): readonly string[] {
  const { stdout } = terminal;
  const width = stdout.isTTY ? stdout.columns : Number.POSITIVE_INFINITY;
  const { transactions } = block;
  const count = transactions.length === 1 ? "1 transaction" : `${transactions.length} transactions`;
  return [
    `block ${block.number} ${block.hash} ${count}`,
    ...transactions.map((one) => cut(`  ${transactionText(one)}`, width)),
  ];
}

/** Text is shown as a JSON string, since a ledger can hold what would move the cursor. */
function transactionText({ size, sha256, text }: TransactionEntry): string {
  return `${sha256.slice(0, 12)} ${size} bytes${text === undefined ? "" : ` ${JSON.stringify(text)}`}`;
}
