/** What our own node makes: whatever it is asked for, nothing leaves the exit that lacks a part which a stock peer needs. */

import { unsigned, type Verified } from "@gossip/crypto";
import { createFakeCrypto, makeFakeBlock } from "@gossip/crypto/testing";
import { type Envelope, encodeEnvelope, encodeMessage, type GossipMessage } from "@gossip/proto";
import { acknowledgement, applicationMessage, dataMessage } from "@gossip/proto/testing";
import { describe, expect, test } from "vitest";
import { acknowledgement as acknowledging, Exit, privateDataResponse } from "../../packages/node/src/exit.js";
import { harmIn } from "./harm.js";

const crypto = createFakeCrypto({ org: "org1", name: "peer0" });
const none = new Uint8Array(0);
const exit = (isIdentityPublished: boolean) =>
  new Exit({
    self: crypto.pkiId,
    identity: crypto.identity,
    crypto,
    isIdentityPublished: () => isIdentityPublished,
    onSigningFailed: (error) => {
      throw error;
    },
  });
/** The fake signs at once. */
const made = <M extends GossipMessage>(value: unknown) => (value as Verified<M>).envelope;

/** Everything that may be zero or empty is. */
const member = { endpoint: "", metadata: none, pkiId: crypto.pkiId };
const least = { incarnation: 0n, sequence: 0n };
const alive = made(exit(false).alive({ member, time: least, internalEndpoint: "" }));
const info = made(exit(false).stateInfo("", least, { ledgerHeight: 0n, leftChannel: false, chaincodes: [] }));
const identity = made(exit(false).peerIdentity());
const digest = new TextEncoder().encode("0");
const data = makeFakeBlock({ channel: "ch", number: 0n, data: [] });
const payload = { blockNumber: 0n, data, privateData: [] };
const digestOfSet = { txId: "", namespace: "", collection: "", blockNumber: 0n, seqInBlock: 0n };

const cases: readonly (readonly [string, Envelope])[] = [
  ["an alive message", alive],
  [
    "an alive message with identity and secret",
    made(exit(true).alive({ member, time: least, internalEndpoint: "a:1" })),
  ],
  ["a state info", info],
  ["an identity, as an item", exit(false).update("identity", 0n, [identity])],
  ["a membership request", exit(false).membershipRequest(0n, alive)],
  ["a membership response", exit(false).membershipResponse(0n, [alive], [alive])],
  ["a membership response that knows nobody", exit(false).membershipResponse(0n, [], [])],
  ["a hello", exit(false).hello("identity", 0n)],
  ["a digest", exit(false).digest("identity", 0n, [digest])],
  ["a request", exit(false).request("identity", 0n, [digest])],
  ["a block as an item", exit(false).update("block", 0n, [unsigned(dataMessage({ payload }))], "ch")],
  ["a state-info pull request", exit(false).stateInfoPullRequest("")],
  ["a snapshot", exit(false).snapshot("ch", [info])],
  ["an empty snapshot", exit(false).snapshot("ch", [])],
  ["a state request", exit(false).stateRequest("ch", 0n, 0n, 0n)],
  ["a state response", exit(false).stateResponse("ch", 0n, [payload])],
  ["an empty state response", exit(false).stateResponse("ch", 0n, [])],
  ["a block", exit(false).block("ch", payload).envelope],
  [
    "a word of a program to one",
    exit(false).direct(applicationMessage({ channel: "", tag: "empty", topic: "", data: none })),
  ],
  [
    "a word of a program to many",
    made(exit(false).application(applicationMessage({ pkiId: crypto.pkiId, time: least, topic: "", data: none }))),
  ],
  ["an ack", acknowledging(0n, "")],
  ["private data", privateDataResponse("ch", 0n, [{ digest: digestOfSet, payload: [digest] }])],
];

describe("1.28: nothing that the exit makes lacks a part", () => {
  test.each(cases)("1.28: %s", (_, envelope) => {
    expect(harmIn(encodeEnvelope(envelope))).toBeUndefined();
  });

  test("1.22: parts that are there and empty are written, with length 0", () => {
    const empty = made(exit(false).stateInfo("", least, { ledgerHeight: 0n, leftChannel: false, chaincodes: [] }));
    const hex = Buffer.from(empty.payload).toString("hex");
    // Timestamp 2 and properties 5 of a state info, both of them without a field.
    expect(hex).toContain("1200");
    expect(hex.endsWith("2a00")).toBe(true);
    expect(Buffer.from(encodeMessage(acknowledgement({ nonce: 0n, error: "" }))).toString("hex")).toBe("b20100");
  });
});
