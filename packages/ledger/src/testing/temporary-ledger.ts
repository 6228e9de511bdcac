import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BlockLedger, createLedger, type LedgerOptions } from "../ledger.js";

/** A ledger in a directory of its own among the system's temporary files, which is removed when the ledger is closed. */
export async function createTemporaryLedger(options: Partial<Omit<LedgerOptions, "dir">> = {}): Promise<BlockLedger> {
  const dir = await mkdtemp(join(tmpdir(), "gossip-ledger-"));
  const ledger = await createLedger({ channel: "test", ...options, dir });
  const close = ledger.close.bind(ledger);
  let closing: Promise<void> | undefined;
  ledger.close = () => {
    closing ??= close().then(() => rm(dir, { recursive: true, force: true }));
    return closing;
  };
  return ledger;
}
