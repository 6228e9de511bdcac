/** A durable gossip peer inside a program, which reads the blocks of a channel and goes on where it stopped. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { transactionData } from "@gossip/crypto";
import { createPeer } from "@gossip/peer";
import { orgId } from "@gossip/proto";
import { readBlock } from "@gossip/proto/fabric";
import { makeKeys, openOrderer, readKeys, submit } from "./ordering.js";

const dir = await mkdtemp(join(tmpdir(), "embed-a-peer-"));
await makeKeys(dir);
const orderer = await openOrderer(dir);

// Kept by the program, together with what it makes of the blocks. The blocks themselves are kept by the peer.
let next = 0n;

await submit(dir, orderer, ["one", "two"]);
await follow();
console.log(`stopped before block ${next}`);
await submit(dir, orderer, ["three", "four"]);
await follow();

await orderer.close();
await rm(dir, { recursive: true });

/** One life of the peer: prints what is new, and ends when it has all that was ordered. */
async function follow(): Promise<void> {
  const peer = await createPeer({
    id: "peer0.org1",
    localMspId: orgId("Org1"),
    listenAddress: "127.0.0.1:0",
    fileSystemPath: join(dir, "peer"),
    trust: { type: "ed25519", ...(await readKeys(dir, "peer")), organizations: [] },
    channels: [{ genesisBlock: await readFile(join(dir, "demo.block")) }],
    orgLeader: true,
    // The first block names the orderers; this one took a free port.
    deliveryClient: { addressOverrides: [{ from: "orderer:7050", to: orderer.endpoint }] },
    logging: { spec: "warn" },
  });
  const channel = peer.channels.get("demo");
  if (channel === undefined) throw new Error("expected the peer to be in the channel of its first block");
  for await (const { number, bytes } of channel.blocks({ from: next })) {
    const block = readBlock(bytes);
    if (!block.ok) throw new Error(block.detail);
    const texts = block.value.data.map((transaction) => {
      const data = transactionData(transaction);
      return data === undefined ? "the channel's configuration" : new TextDecoder().decode(data);
    });
    console.log(`block ${number}: ${texts.join(", ")}`);
    next = number + 1n;
    if (next === orderer.channels.get("demo")?.height) break;
  }
  await peer.close();
}
