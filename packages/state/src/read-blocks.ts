import type { BlockPayload } from "@gossip/proto";
import type { Ledger } from "./ledger.js";

export interface ReadBlocksResult {
  /** In order, without a gap; possibly none. */
  readonly payloads: readonly BlockPayload[];
  /** What the ledger threw, if it did; `payloads` are the blocks before it. */
  readonly failure?: unknown;
}

/** Carries out the output `read-blocks` on a ledger. Never throws, so that every request gets its answer. */
export async function readBlocks(
  ledger: Pick<Ledger, "read">,
  range: { readonly start: bigint; readonly count: number; readonly maxBytes: number },
): Promise<ReadBlocksResult> {
  const payloads: BlockPayload[] = [];
  let bytes = 0;
  try {
    for (let blockNumber = range.start; payloads.length < range.count; blockNumber++) {
      const data = await ledger.read(blockNumber);
      if (data === undefined) break;
      bytes += data.length;
      if (bytes > range.maxBytes && payloads.length > 0) break;
      payloads.push({ blockNumber, data, privateData: [] });
    }
  } catch (failure) {
    return { payloads, failure };
  }
  return { payloads };
}
