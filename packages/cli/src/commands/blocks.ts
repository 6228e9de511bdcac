import { setTimeout as delay } from "node:timers/promises";
import { GossipError } from "@gossip/runtime";
import { ledgerBlocks } from "../network/ledger-blocks.js";
import { markOfEntry, type PeerEntry, readNetworkFile } from "../network/network-file.js";
import { type BlockTransactionView, type BlockView, fetchBlocks } from "../network/operations.js";
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
  try {
    for (let next = options.from; ; ) {
      for await (const block of blocksOf(options, next, stop.signal)) {
        for (const line of options.json === true ? [JSON.stringify(block)] : blockLines(block, terminal)) {
          printLine(terminal, line);
        }
        next = BigInt(block.number) + 1n;
        if (stop.signal.aborted) break;
      }
      if (options.follow !== true || stop.signal.aborted) return 0;
      await delay(followPauseMs, undefined, { signal: stop.signal }).catch(() => {});
    }
  } catch (error) {
    // Ctrl-C is how following ends.
    if (stop.signal.aborted) return 0;
    throw error;
  } finally {
    stop.release();
  }
}

async function* blocksOf(
  options: BlocksOptions,
  from: bigint,
  signal: AbortSignal,
): AsyncGenerator<BlockView, void, void> {
  // Read anew each time: while following, a peer may stop and come back.
  const file = await readNetworkFile(options.dir);
  const peer = file.peers.find(({ name }) => name === options.peer);
  const channel = file.channels[0];
  if (peer === undefined || channel === undefined) {
    const names = file.peers.map(({ name }) => name).join(", ");
    throw new GossipError("not-found", `expected --peer to be one of ${names}, got ${options.peer}`);
  }
  if (await runs(peer)) yield* fetchBlocks(peer.operations, channel, from, signal);
  else yield* ledgerBlocks(networkPaths(options.dir).member("peer", peer.name).data, channel, from);
}

async function runs(peer: PeerEntry): Promise<boolean> {
  const mark = markOfEntry(peer);
  return mark !== undefined && (await isRunning(mark));
}

function blockLines(block: BlockView, terminal: Terminal): readonly string[] {
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
function transactionText({ size, sha256, text }: BlockTransactionView): string {
  return `${sha256.slice(0, 12)} ${size} bytes${text === undefined ? "" : ` ${JSON.stringify(text)}`}`;
}
