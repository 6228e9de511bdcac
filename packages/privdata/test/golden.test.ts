import { accepted } from "@gossip/crypto";
import { decodeMessage } from "@gossip/proto";
import { expect, it } from "vitest";
import { createTemporaryPrivateData, digestOf, privateDataPeer } from "../src/testing/index.js";

/**
 * A push as Fabric 3.1.5 serializes it, made with its own libraries: the set "rwset" of transaction 4f1c, namespace assets,
 * collection prices, which any member of Org1MSP and any peer of Org2MSP may have.
 */
const push =
  "0807120464656d6f1803ca01740a720a0670726963657312066173736574731a043466316322057277736574280632510a4f" +
  "0a4d0a06707269636573122c0a2a120c120a080112020800120208011a0b12090a074f7267314d53501a0d120b0a074f7267" +
  "324d535010031801200328643001420d120b456e646f7273656d656e74";
/** That member policy by itself. */
const policy = "120c120a080112020800120208011a0b12090a074f7267314d53501a0d120b0a074f7267324d53501003";

it("Private data understands a push of Fabric, and asks for the policy in it byte by byte", async () => {
  const asked: string[] = [];
  const privateData = await createTemporaryPrivateData({
    mayRead: (bytes) => {
      asked.push(Buffer.from(bytes).toString("hex"));
      return accepted;
    },
  });
  const message = decodeMessage(Buffer.from(push, "hex"));
  if (message.type !== "private-data") throw new Error(`expected private data, got ${message.type}`);
  const peer = privateDataPeer("Org1MSP");
  await privateData.store(message.payload, peer);
  const digest = digestOf({ ...message.payload, txId: "4f1c", namespace: "assets", collection: "prices" });
  const [element] = await privateData.answer([digest], peer);
  expect(Buffer.from(element?.payload[0] ?? []).toString()).toBe("rwset");
  expect(asked).toEqual([policy]);
  await privateData.close();
});
