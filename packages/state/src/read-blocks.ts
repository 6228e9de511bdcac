import type { BlockPayload } from "@gossip/proto";
import { isPromise, type MaybePromise } from "@gossip/runtime";
import type { Ledger } from "./ledger.js";

/** The fields of the output `read-blocks` that say what to read. */
export interface ReadBlocksRange {
  readonly start: bigint;
  readonly count: number;
  readonly maxBytes: number;
}

/** The blocks for one state response; what could be read is sent even if the ledger failed later in the range. */
export interface ReadBlocksResult {
  /** In order, without a gap; possibly none. */
  readonly payloads: readonly BlockPayload[];
  /** What the ledger threw, if it did; `payloads` are the blocks before it. */
  readonly failure?: unknown;
}

/**
 * Carries out the output `read-blocks` on a ledger. Never throws, so that every request gets its answer, and answers at once
 * where the ledger does.
 */
export function readBlocks(ledger: Pick<Ledger, "read">, range: ReadBlocksRange): MaybePromise<ReadBlocksResult> {
  const payloads: BlockPayload[] = [];
  let bytes = 0;
  /** Whether the next block is wanted. */
  const take = (data: Uint8Array | undefined): boolean => {
    if (data === undefined) return false;
    bytes += data.length;
    if (bytes > range.maxBytes && payloads.length > 0) return false;
    payloads.push({ blockNumber: next(), data, privateData: [] });
    return payloads.length < range.count;
  };
  const next = () => range.start + BigInt(payloads.length);
  const readOn = async (data: PromiseLike<Uint8Array | undefined>): Promise<ReadBlocksResult> => {
    try {
      let wanted = take(await data);
      while (wanted) wanted = take(await ledger.read(next()));
      return { payloads };
    } catch (failure) {
      return { payloads, failure };
    }
  };
  try {
    for (let wanted = range.count > 0; wanted; ) {
      const data = ledger.read(next());
      if (isPromise(data)) return readOn(data);
      wanted = take(data);
    }
    return { payloads };
  } catch (failure) {
    return { payloads, failure };
  }
}
