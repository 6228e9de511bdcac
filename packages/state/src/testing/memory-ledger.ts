import { GossipError } from "@gossip/runtime";
import { checkNextBlock } from "../check-block.js";
import type { Ledger } from "../ledger.js";

/** A ledger that lives as long as the process. Synchronous, so that a simulation on it stays deterministic. */
export interface MemoryLedger extends Ledger {
  commit(blockNumber: bigint, block: Uint8Array): void;
  read(blockNumber: bigint): Uint8Array | undefined;
  close(): void;
  /** From now on commits fail with `storage` and this text, as on a full disk; `undefined` ends it. */
  failWith(detail: string | undefined): void;
}

/** An empty ledger, or one that holds these blocks. */
export function createMemoryLedger(blocks: readonly Uint8Array[] = []): MemoryLedger {
  const stored: Uint8Array[] = [];
  let lastHash: Uint8Array = new Uint8Array();
  let failure: string | undefined;
  let closed = false;
  const ledger: MemoryLedger = {
    get height() {
      return BigInt(stored.length);
    },
    get lastHash() {
      return lastHash;
    },
    commit(blockNumber, block) {
      refuseClosed();
      const { hash } = checkNextBlock(ledger, blockNumber, block);
      if (failure !== undefined) throw new GossipError("storage", failure);
      stored.push(block);
      lastHash = hash;
    },
    read(blockNumber) {
      refuseClosed();
      return stored[Number(blockNumber)];
    },
    close() {
      closed = true;
    },
    failWith(detail) {
      failure = detail;
    },
  };
  function refuseClosed(): void {
    if (closed) throw new GossipError("closed", "expected an open ledger, got one that was closed");
  }
  for (const block of blocks) ledger.commit(ledger.height, block);
  return ledger;
}
