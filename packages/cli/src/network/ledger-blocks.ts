import { createLedger } from "@gossip/ledger";
import { type BlockEntry, showBlock } from "@gossip/peer";
import { ledgerFolder } from "./ledger-digest.js";

/**
 * The blocks of a stopped peer, out of its ledger, in the shape in which a running one tells them.
 *
 * @throws GossipError `conflict` while a process has the ledger open, `corrupt`, `storage`
 */
export async function* ledgerBlocks(
  data: string,
  channel: string,
  from: bigint,
): AsyncGenerator<BlockEntry, void, void> {
  const ledger = await createLedger({ dir: ledgerFolder(data), channel });
  try {
    for await (const { number, bytes } of ledger.blocks({ from })) yield showBlock(number, bytes);
  } finally {
    await ledger.close();
  }
}
