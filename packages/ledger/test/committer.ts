/**
 * A process to be killed: commits blocks one after another and writes the height to its output after each, so that whoever
 * reads it knows what was acknowledged. After a failed commit it writes the error and waits for a line of input before it tries again.
 *
 * Arguments: directory, height at which to stop, bytes per block.
 */
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import type { GossipError } from "@gossip/runtime";
import { makeChain } from "@gossip/state/testing";
import { createLedger } from "../src/index.js";

const [dir = "", stopAt = "0", transactionBytes = "8"] = process.argv.slice(2);
const input = createInterface(process.stdin)[Symbol.asyncIterator]();
const ledger = await createLedger({ dir, channel: "demo" });
say(`height ${ledger.height}`);
while (ledger.height < BigInt(stopAt)) {
  const [block = new Uint8Array()] = makeChain(1, { after: ledger, transactionBytes: Number(transactionBytes) });
  try {
    await ledger.commit(ledger.height, block);
    say(`height ${ledger.height}`);
  } catch (error) {
    const { code, message } = error as GossipError;
    const newest = await ledger.read(ledger.height - 1n).then((bytes) => (bytes === undefined ? "none" : "readable"));
    say(`failed ${JSON.stringify({ code, message, newest })}`);
    await input.next();
  }
}
await ledger.close();
process.exit();

/** Straight to the file descriptor: a line that was written is read, whatever happens to this process. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}
