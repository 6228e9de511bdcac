/**
 * Messages without a part that they must have (protocol page 01 §12), each signed by a member and put wherever it can
 * stand. Several of them end the process of a stock peer; here each is dropped by its reason, the connection stays, and
 * nobody gets one from us.
 */

import { unsigned } from "@gossip/crypto";
import { type Envelope, encodeMessage } from "@gossip/proto";
import {
  digestMessage,
  membershipResponse,
  privateDataMessage,
  stateInfoSnapshot,
  updateMessage,
} from "@gossip/proto/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { befriend, block, info } from "../test/support/befriend.js";
import { alive, channelName, Scene, sealed } from "../test/support/scene.js";

let scene: Scene;
let met: Awaited<ReturnType<typeof befriend>>;
beforeEach(async () => {
  scene = new Scene();
  met = await befriend(scene);
  // There is something to compare with, as the reference's comparator needs for its crash.
  await met.say(sealed(info(met.crypto, 1n), met.crypto));
  await scene.run(500);
});
afterEach(() => scene.close());

const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const field = (number: number, content: Uint8Array) =>
  Buffer.concat([varint((number << 3) | 2), varint(content.length), content]);
const message = (tag: number, number: number, content: Uint8Array, channel = "") =>
  new Uint8Array(
    Buffer.concat([
      ...(channel === "" ? [] : [field(2, Buffer.from(channel))]),
      hex("18"),
      hex(`0${tag}`),
      field(number, content),
    ]),
  );

function varint(value: number): Uint8Array {
  return value < 0x80 ? Uint8Array.of(value) : Uint8Array.of((value & 0x7f) | 0x80, value >> 7);
}

/** The payload, with a signature that is good for it. */
function signed(payload: Uint8Array): Envelope {
  return { payload, signature: met.crypto.sign(payload) };
}

const id = () => Buffer.from(met.crypto.pkiId, "hex");
const time = hex("08011005");
const aliveWithoutMembership = () =>
  signed(message(1, 5, Buffer.concat([field(2, time), field(4, met.crypto.identity)])));
const aliveWithoutTime = () =>
  signed(message(1, 5, Buffer.concat([field(1, field(3, id())), field(4, met.crypto.identity)])));
const infoWithoutTime = () =>
  signed(message(5, 15, Buffer.concat([field(3, id()), field(4, mac()), field(5, hex("0801"))])));
const infoWithoutProperties = () =>
  signed(message(5, 15, Buffer.concat([field(2, time), field(3, id()), field(4, mac())])));
const mac = () => info(met.crypto, 1n).channelMac;

/** What the victim dropped for it, that the connection stays, and that a good message is taken after it. */
async function expectDropped(envelope: Envelope, ...reasons: readonly string[]): Promise<void> {
  const isConnected = () => met.node.connections.some(({ pkiId }) => pkiId === met.crypto.pkiId);
  expect(isConnected()).toBe(true);
  expect(await met.say(envelope)).toEqual(reasons);
  expect(isConnected()).toBe(true);
  await met.say(sealed(alive(met.crypto, 1_000n), met.crypto));
  expect(met.node.members[0]?.sequence).toBe(1_000n);
}

describe("1.28: said by itself", () => {
  test.each([
    ["an alive message without membership", aliveWithoutMembership],
    ["an alive message without a time", aliveWithoutTime],
    ["a state info without a time, and one like it is held", infoWithoutTime],
    ["a state info without properties", infoWithoutProperties],
    ["a leadership message without a time", () => signed(message(4, 20, field(1, id()), channelName))],
    ["a membership request without self information", () => signed(hex("18013200"))],
    ["a block message without a payload", () => signed(message(4, 8, hex(""), channelName))],
    ["private data without a payload", () => signed(message(3, 25, hex(""), channelName))],
    [
      "private data without a read-write set",
      () => signed(message(3, 25, field(1, field(1, Buffer.from("c"))), channelName)),
    ],
    [
      "private data elements without a digest",
      () => signed(message(3, 24, field(1, field(2, hex("01"))), channelName)),
    ],
    ["a handshake without a PKI-ID", () => signed(message(1, 14, field(2, hex("01"))))],
    ["a handshake without an identity", () => signed(message(1, 14, field(1, hex("01"))))],
  ])("1.28: %s", async (_, make) => {
    await expectDropped(make(), "gate/missing-field");
  });
});

describe("1.28: inside another message", () => {
  const requesting = (self: Envelope) =>
    signed(message(1, 6, field(1, Buffer.concat([field(1, self.payload), field(2, self.signature)]))));

  test.each([
    ["membership", aliveWithoutMembership],
    ["a time", aliveWithoutTime],
  ])("1.28, 7.6: a request whose self information lacks %s", async (_, make) => {
    await expectDropped(requesting(make()), "gate/missing-field");
  });

  test("1.28: entries of a response that lack a part, or are no alive message; the rest of it is taken", async () => {
    const nonce = met.heardOf("membership-request").at(-1)?.nonce ?? 0n;
    const other = scene.stranger("other").crypto;
    const bad = [aliveWithoutMembership(), aliveWithoutTime(), sealed(info(met.crypto, 2n), met.crypto)];
    const good = sealed(alive(other, 1n, { time: { incarnation: scene.clock.nowNanos(), sequence: 1n } }), other);
    const response = membershipResponse({ nonce, alive: [...bad, good], dead: bad });
    await expectDropped(unsigned(response), "gate/missing-field", "gate/unexpected-type");
    expect(met.node.members.map(({ pkiId }) => pkiId)).toContain(other.pkiId);
    expect(met.node.deadMembers).toEqual([]);
  });

  test("1.28, 7.17: elements of a snapshot that lack a part; the rest of it is taken", async () => {
    const elements = [infoWithoutTime(), infoWithoutProperties(), sealed(info(met.crypto, 7n, 9n), met.crypto)];
    await expectDropped(unsigned(stateInfoSnapshot({ channel: channelName, elements })), "gate/missing-field");
    expect(met.channel.members[0]?.properties.ledgerHeight).toBe(9n);
  });

  test("1.28: an item of a block pull without a payload, in an answer or out of the blue", async () => {
    const item = { payload: message(4, 8, hex(""), channelName), signature: hex("") };
    const hello = met.heardOf("hello").find(({ pullType }) => pullType === "block");
    const pullNonce = hello?.pullNonce ?? 7n;
    const digests = [new TextEncoder().encode("0")];
    await met.say(unsigned(digestMessage({ channel: channelName, pullNonce, digests })));
    await scene.run(100);
    await met.say(unsigned(updateMessage({ channel: channelName, pullNonce, data: [item] })));
    expect(met.ledger.height).toBe(0n);
    await met.say(unsigned(dataAt0()));
    expect(met.ledger.height).toBe(1n);
  });

  const dataAt0 = () =>
    ({ nonce: 0n, channel: channelName, tag: "chan-and-org", type: "data", payload: block(0n) }) as const;
});

test("1.28: nothing of it is passed on to others", async () => {
  const other = scene.stranger("other");
  other.comm.send(met.to, sealed(alive(other.crypto, 1n), other.crypto));
  await scene.run(1_000);
  const before = other.envelopes.length;
  for (const make of [aliveWithoutMembership, aliveWithoutTime, infoWithoutTime, infoWithoutProperties])
    await met.say(make());
  await met.say(unsigned(privateDataMessage({ channel: "elsewhere" })));
  await scene.run(100);
  const bad = [aliveWithoutMembership(), aliveWithoutTime(), infoWithoutTime()].map(({ payload }) =>
    Buffer.from(payload),
  );
  for (const { payload } of other.envelopes.slice(before)) {
    for (const one of bad) expect(Buffer.from(payload).includes(one)).toBe(false);
  }
  // A good one is, so the others would have been.
  const good = sealed(alive(met.crypto, 50n), met.crypto);
  await met.say(good);
  expect(other.envelopes.map(({ payload }) => Buffer.from(payload).toString("hex"))).toContain(
    Buffer.from(encodeMessage(alive(met.crypto, 50n))).toString("hex"),
  );
});
