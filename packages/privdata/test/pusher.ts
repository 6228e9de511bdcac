/**
 * A process to be killed: stores sets of private data, several at a time, and writes a set's number to its output when it was
 * acknowledged, so that whoever reads it knows what must be there. Blocks are committed meanwhile, which purges. After a
 * failure it writes the error and waits for a line of input before it tries again.
 *
 * Arguments: directory, number to begin with, number at which to stop, bytes per set, retention in blocks.
 */
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import type { GossipError } from "@gossip/runtime";
import { createPrivateData } from "../src/index.js";
import { digestOf, namesOrganization, privateDataPeer } from "../src/testing/index.js";
import { heightAfter, payloadOf } from "./sets.js";

const [dir = "", begin = "0", stopAt = "0", bytes = "8", retention = "1"] = process.argv.slice(2);
const input = createInterface(process.stdin)[Symbol.asyncIterator]();
const peer = privateDataPeer("Org1");
const together = 4;
let next = Number(begin);

const privateData = await createPrivateData({
  ...{ dir, channel: "demo", mayRead: namesOrganization },
  height: () => heightAfter(next),
  txIdAt: () => undefined,
  limits: { retentionBlocks: Number(retention) },
});
say(`open ${privateData.count}`);
while (next < Number(stopAt)) {
  const numbers = Array.from({ length: together }, (_, at) => next + at);
  const stored = await Promise.all(numbers.map(store));
  next += together;
  for (const failed of stored.filter((error) => error !== undefined)) {
    const { code, message } = failed as GossipError;
    const [oldest] = await privateData.answer([digestOf(payloadOf(Number(begin), Number(bytes)))], peer);
    say(`failed ${JSON.stringify({ code, message, oldest: oldest === undefined ? "none" : "readable" })}`);
    await input.next();
  }
}
await privateData.close();
process.exit();

async function store(number: number): Promise<unknown> {
  try {
    await privateData.store(payloadOf(number, Number(bytes)), peer);
    say(`kept ${number}`);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Straight to the file descriptor: a line that was written is read, whatever happens to this process. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}
