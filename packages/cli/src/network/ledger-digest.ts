import { createHash } from "node:crypto";
import { join } from "node:path";
import { transactionData } from "@gossip/crypto";
import { createLedger } from "@gossip/ledger";
import { readBlock } from "@gossip/proto/fabric";
import { GossipError } from "@gossip/runtime";

/** What a ledger holds, in a form that can be compared. */
export interface LedgerDigest {
  /** Number of blocks. */
  readonly height: number;
  readonly transactions: number;
  /** SHA-256 over the data of all transactions in order, each followed by a line feed; lower-case hex. */
  readonly sha256: string;
}

/** Folder of the ledgers in a peer's data folder. */
export const ledgerFolder = (data: string): string => join(data, "ledgers");

/**
 * Reads a stopped peer's ledger from its disk, from the first block to the last.
 *
 * @throws GossipError `conflict` while a process has it open, `corrupt`, `storage`
 */
export async function digestLedger(data: string, channel: string): Promise<LedgerDigest> {
  const ledger = await createLedger({ dir: ledgerFolder(data), channel });
  try {
    const hash = createHash("sha256");
    let transactions = 0;
    for await (const { number, bytes } of ledger.blocks()) {
      for (const entry of blockData(number, bytes)) {
        hash.update(entry).update("\n");
        transactions += 1;
      }
    }
    return { height: Number(ledger.height), transactions, sha256: hash.digest("hex") };
  } finally {
    await ledger.close();
  }
}

/** Data of a block's transactions; configuration is none. @throws GossipError `corrupt` */
function blockData(number: bigint, bytes: Uint8Array): readonly Uint8Array[] {
  const block = readBlock(bytes);
  if (!block.ok)
    throw new GossipError(
      "corrupt",
      `expected block ${number} in the ledger, got bytes that are none: ${block.detail}`,
    );
  return block.value.data.flatMap((entry) => transactionData(entry) ?? []);
}
