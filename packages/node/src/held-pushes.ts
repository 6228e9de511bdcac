import { blockHash } from "@gossip/crypto";
import { readBlock } from "@gossip/proto/fabric";
import { BoundedMap } from "@gossip/runtime";
import type { Ledger } from "@gossip/state";
import type { Emission } from "./routing.js";

export interface HeldPushesOptions {
  readonly ledger: Ledger;
  /** Blocks that wait at once: as many as state transfer may hold. */
  readonly maxBlocks: number;
  emit(emission: Emission): void;
}

interface Held {
  readonly hash: Uint8Array;
  readonly emission: Emission;
}

/**
 * Pushed blocks on their way to others. Orderers' signatures do not tell whether a block follows on the one before, and a
 * Fabric peer that gets one which does not ends with a panic. So a block is pushed on at once only when it is the next of
 * our ledger and links to its end; any other when it is committed, hence also judged by the configuration in force then.
 */
export class HeldPushes {
  readonly #options: HeldPushesOptions;
  readonly #held: BoundedMap<bigint, Held>;

  constructor(options: HeldPushesOptions) {
    this.#options = options;
    this.#held = new BoundedMap({ maxEntries: options.maxBlocks, whenFull: "evict-oldest" });
  }

  /** A verified block that is news. Called before it goes to the ledger. */
  take(blockNumber: bigint, data: Uint8Array, emission: Emission): void {
    const block = readBlock(data);
    if (!block.ok) return;
    const { ledger, emit } = this.#options;
    const { header } = block.value;
    if (blockNumber === ledger.height && isEqual(header.previousHash, ledger.lastHash)) emit(emission);
    else this.#held.set(blockNumber, { hash: blockHash(header), emission });
  }

  /** The ledger has this block now, and none behind it; from whoever it came. */
  committed(blockNumber: bigint): void {
    const held = this.#held.get(blockNumber);
    if (held === undefined) return;
    this.#held.delete(blockNumber);
    if (isEqual(held.hash, this.#options.ledger.lastHash)) this.#options.emit(held.emission);
  }
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
