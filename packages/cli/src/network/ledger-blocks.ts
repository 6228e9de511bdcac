import { createHash } from "node:crypto";
import { blockHash } from "@gossip/crypto";
import { createLedger } from "@gossip/ledger";
import { readBlock } from "@gossip/proto/fabric";
import { GossipError } from "@gossip/runtime";
import { blockData, ledgerFolder } from "./ledger-digest.js";
import type { BlockTransactionView, BlockView } from "./operations.js";

/**
 * The blocks of a stopped peer, out of its ledger, in the shape in which a running one tells them.
 *
 * @throws GossipError `conflict` while a process has the ledger open, `corrupt`, `storage`
 */
export async function* ledgerBlocks(
  data: string,
  channel: string,
  from: bigint,
): AsyncGenerator<BlockView, void, void> {
  const ledger = await createLedger({ dir: ledgerFolder(data), channel });
  try {
    for await (const { number, bytes } of ledger.blocks({ from })) yield blockView(number, bytes);
  } finally {
    await ledger.close();
  }
}

function blockView(number: bigint, bytes: Uint8Array): BlockView {
  const block = readBlock(bytes);
  if (!block.ok)
    throw new GossipError(
      "corrupt",
      `expected block ${number} in the ledger, got bytes that are none: ${block.detail}`,
    );
  const { header } = block.value;
  return {
    number: String(number),
    hash: hex(blockHash(header)),
    previousHash: hex(header.previousHash),
    transactions: blockData(number, bytes).map(transactionView),
  };
}

function transactionView(data: Uint8Array): BlockTransactionView {
  const view = { size: data.length, sha256: createHash("sha256").update(data).digest("hex") };
  try {
    return { ...view, text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data) };
  } catch {
    return view;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
