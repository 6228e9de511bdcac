/**
 * A real node in the recorder's place meets those who are not what they say. They hold recorded bytes, and the key of a
 * real peer, so that each is refused for the one thing that is wrong with it.
 */

import { channelMac, pkiIdOfParts, seal, unsigned } from "@gossip/crypto";
import { makeOrganization } from "@gossip/fabric/testing";
import { type Envelope, encodeEnvelope, encodeMessage, type GossipMessage, type PkiId } from "@gossip/proto";
import { encodeSerializedIdentity, readSerializedIdentity } from "@gossip/proto/fabric";
import { aliveMessage, connMessage, leadershipMessage, stateInfo, stateInfoSnapshot } from "@gossip/proto/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  expiredWall,
  fail,
  readConversation,
  recordedAtNanos,
  recordedChannel,
  recordedFolder,
  recordedIdentities,
  recordedTlsHash,
  statementsIn,
} from "../../packages/fabric/test/recorded-conversations.js";
import { corruptions, lastBitFlipped } from "../../packages/fabric/test/recorded-corruptions.js";
import { endpoints, refusedBy, Stage } from "./stage.js";

interface Signer {
  readonly identity: Uint8Array;
  sign(payload: Uint8Array): Uint8Array;
}

const conversation = readConversation("peer0-org1");
const handshakes = statementsIn(conversation).flatMap(({ message, ...rest }) =>
  message.type === "conn" ? [{ message, ...rest }] : [],
);
const [own = fail("a handshake"), handshake = fail("a handshake")] = handshakes;
const [peer0, orderer] = [await recordedFolder("peer0.org1"), await recordedFolder("orderer")];
const [hash, ownHash] = [recordedTlsHash("peer0.org1"), recordedTlsHash("peer2.org1")];
const identities = recordedIdentities(statementsIn(conversation));
const ofSignatures = corruptions.filter(({ name }) => /signature/.test(name));
const none = new Uint8Array(0);
const stranger = makeOrganization("Org9MSP").issue("peer0");
/** After all that was recorded. */
const soon = { incarnation: recordedAtNanos + 60_000_000_000n, sequence: 1n };

let stage: Stage;
beforeEach(() => {
  stage = new Stage();
});
afterEach(() => stage.close());

describe("The recorded handshake", () => {
  test("is accepted on the connection that it was made for", async () => {
    const { node } = await stage.cast("peer2.org1");
    await stage.intrude(node.endpoint, hash, [encodeEnvelope(handshake.envelope)]);
    expect(node.connections.map(({ pkiId }) => pkiId)).toEqual([idOf(peer0.identity)]);
    expect(node.refusals).toEqual([]);
  });

  const other = lastBitFlipped(hash);
  const elsewhere = changed({ ...handshake.message, tlsCertHash: other });
  const cases: readonly [string, Uint8Array | undefined, Envelope, string][] = [
    ["on another connection", other, handshake.envelope, "tls-hash-mismatch"],
    ["on a connection without a certificate", undefined, handshake.envelope, "no-tls-certificate"],
    ["changed to name another connection", hash, elsewhere, "tls-hash-mismatch"],
    ["changed to name the connection that it comes on", other, elsewhere, "bad-signature"],
    [
      "with another's PKI-ID",
      hash,
      changed({ ...handshake.message, pkiId: idOf(orderer.identity) }),
      "pki-id-mismatch",
    ],
    ["with another's identity", hash, changed({ ...handshake.message, identity: orderer.identity }), "pki-id-mismatch"],
    ["that we made ourselves", ownHash, own.envelope, "self-connection"],
    ["with an alive message in its place", hash, signed(peer0, aliveOf(peer0.identity)), "not-a-conn-message"],
    ["with a byte in its place", hash, { payload: Uint8Array.of(0xff), signature: none }, "malformed-conn"],
  ];

  test.each(cases)("is refused %s", async (_, shown, envelope, reason) => {
    const { node } = await stage.cast("peer2.org1");
    const recorder = await stage.intrude(node.endpoint, shown, [encodeEnvelope(envelope)]);
    expect(refusedBy(node)).toEqual([{ what: "handshake", reason }]);
    expect(recorder.ends).toMatchObject([{ ok: false }]);
    expect(node.connections).toEqual([]);
  });

  test.each(ofSignatures)("is refused with $name", async ({ corrupt, reason, detail = /expected/ }) => {
    const { node } = await stage.cast("peer2.org1");
    await stage.intrude(node.endpoint, hash, [encodeEnvelope(corrupt(handshake))]);
    expect(refusedBy(node)).toEqual([{ what: "handshake", reason }]);
    expect(node.refusals[0]?.detail).toMatch(detail);
    expect(node.connections).toEqual([]);
  });

  test("is refused when certificates have expired meanwhile, ours included", async () => {
    let late = 0n;
    const wall = { nowNanos: () => (late > 0n ? late : stage.clock.nowNanos()) };
    const { node } = await stage.cast("peer2.org1", { wall });
    late = expiredWall.nowNanos();
    await stage.intrude(node.endpoint, hash, [encodeEnvelope(handshake.envelope)]);
    expect(refusedBy(node)).toEqual([{ what: "handshake", reason: "expired-identity" }]);
  });
});

describe("A handshake made for its connection", () => {
  const pem = parts(peer0.identity).idBytes;
  const longer = Uint8Array.from([...pem, 0x0a]);
  const cases: readonly [string, Signer, string][] = [
    ["bytes behind the PEM of its identity", as("Org1MSP", longer), "malformed-identity"],
    ["no PEM in its identity", as("Org1MSP", pem.subarray(28)), "malformed-identity"],
    [
      "an identity in another encoding",
      { ...peer0, identity: Uint8Array.from([...peer0.identity, 0x1a, 0]) },
      "malformed-identity",
    ],
    ["the name of an organization that is not its own", as("Org2MSP", pem), "untrusted-identity"],
    ["an authority that only has the name of ours", makeOrganization("Org1MSP").issue("peer0"), "untrusted-identity"],
    ["an organization that nobody knows", stranger, "unknown-organization"],
    ["an orderer, who may not read the channel,", orderer, "policy-not-satisfied"],
  ];

  test.each(cases)("with %s is refused", async (_, signer, reason) => {
    const { node } = await stage.cast("peer2.org1");
    const conn = connMessage({ pkiId: idOf(signer.identity), identity: signer.identity, tlsCertHash: hash });
    await stage.intrude(node.endpoint, hash, [encodeEnvelope(signed(signer, conn))]);
    expect(refusedBy(node)).toEqual([{ what: "handshake", reason }]);
    expect(node.connections).toEqual([]);
  });
});

describe("A peer whose handshake was good, and who then lies", () => {
  const peer1 = identityAt("127.0.0.1:17152");
  const peer0OfOrg2 = identityAt("127.0.0.1:17251");
  const mac = (of: Uint8Array, channel: string) => channelMac(idOf(of), channel);

  const refused: readonly [string, Envelope, string][] = [
    ["an alive message in the name of another", signed(peer0, aliveOf(peer1)), "bad-signature"],
    ["another's identity as its own", signed(peer0, aliveOf(peer1, idOf(peer0.identity))), "pki-id-mismatch"],
    [
      "a member of an organization that nobody knows",
      signed(stranger, aliveOf(stranger.identity)),
      "unknown-organization",
    ],
    ["the orderer as a member", signed(orderer, aliveOf(orderer.identity)), "policy-not-satisfied"],
    ["a state info in the name of another", signed(peer0, infoOf(peer1, mac(peer1, recordedChannel))), "bad-signature"],
    ["another as leader", signed(peer0, leadershipOf(peer1)), "bad-signature"],
  ];

  test.each(refused)("with %s is refused, and nothing of it kept", async (_, envelope, reason) => {
    const before = await played([]);
    const after = await played([envelope]);
    expect(after.refused).toEqual([{ what: "message", reason }]);
    expect(withoutRefusals(after)).toEqual(withoutRefusals(before));
  });

  const dropped: readonly [string, Envelope, string][] = [
    [
      "a snapshot of the state infos of another channel",
      snapshot(signed(peer0, infoOf(peer0.identity, mac(peer0.identity, "otherchannel")))),
      "gate/no-such-channel",
    ],
    [
      "a snapshot with the MAC of another member",
      snapshot(signed(peer0, infoOf(peer0.identity, mac(peer1, recordedChannel)))),
      "gate/no-such-channel",
    ],
    [
      "a state info with half a MAC",
      signed(peer0, infoOf(peer0.identity, mac(peer0.identity, recordedChannel).subarray(16))),
      "gate/no-such-channel",
    ],
    ["a leader of another organization", signed(peer0, leadershipOf(peer0OfOrg2)), "gate/not-own-organization"],
  ];

  test.each(dropped)("with %s is not heard", async (_, envelope, reason) => {
    const before = await played([]);
    const after = await played([envelope]);
    expect(before.drops).not.toContain(reason);
    expect(after).toEqual({ ...before, drops: [...before.drops, reason].sort() });
  });

  test("is heard when it lies no more", async () => {
    const before = await played([]);
    const after = await played([
      signed(peer0, infoOf(peer0.identity, mac(peer0.identity, recordedChannel))),
      signed(peer0, leadershipOf(peer0.identity)),
    ]);
    expect(before).toMatchObject({ heights: [2n, 2n], leaders: [], refused: [] });
    expect(after).toMatchObject({ heights: [99n, 2n], leaders: [idOf(peer0.identity)], refused: [] });
  });

  test("by saying again what was said is not heard", async () => {
    const said = conversation.filter(({ direction, message, atMs }) => {
      return direction === "in" && atMs < 5_000 && (message.type === "alive" || message.type === "state-info");
    });
    expect(said.length).toBeGreaterThan(2);
    expect(await played(said.map(({ envelope }) => envelope))).toEqual(await played([]));
  });
});

/** What a node holds after the first five seconds of the conversation, and after hearing these from the same peer. */
async function played(envelopes: readonly Envelope[]) {
  const stage = new Stage();
  const beginning = conversation.filter(({ atMs }) => atMs < 5_000);
  const ghost = stage.ghost("peer0.org1", beginning, "in");
  ghost.listen();
  const { node, channel } = await stage.cast("peer2.org1", { bootstrap: [endpoints["peer0.org1"]] });
  await stage.run(5_000);
  for (const envelope of envelopes) ghost.say(encodeEnvelope(envelope));
  await stage.run(200);
  const held = {
    members: node.members.map(({ endpoint, sequence }) => ({ endpoint, sequence })),
    heights: channel.members.map(({ properties }) => properties.ledgerHeight),
    leaders: channel.leaders.map(({ pkiId }) => pkiId),
    height: channel.height,
    drops: [...node.drops.keys()].sort(),
    refused: refusedBy(node),
  };
  await stage.close();
  return held;
}

/** In the form in which refusals come. */
function withoutRefusals({ refused, drops, ...held }: Awaited<ReturnType<typeof played>>): object {
  return { ...held, drops: drops.filter((drop) => !refused.some(({ reason }) => drop === `gate/${reason}`)) };
}

function signed(signer: Signer, message: GossipMessage): Envelope {
  return seal(message, signer) as Envelope; // these sign at once
}

/** The recorded handshake with another content and its old signature. */
function changed(message: GossipMessage): Envelope {
  return { ...handshake.envelope, payload: encodeMessage(message) };
}

function snapshot(...elements: readonly Envelope[]): Envelope {
  return unsigned(stateInfoSnapshot({ channel: recordedChannel, tag: "chan-or-org", elements }));
}

function aliveOf(identity: Uint8Array, pkiId = idOf(identity)) {
  return aliveMessage({ member: { endpoint: "127.0.0.1:9", metadata: none, pkiId }, time: soon, identity });
}

function infoOf(identity: Uint8Array, channelMac: Uint8Array) {
  const properties = { ledgerHeight: 99n, leftChannel: false, chaincodes: [] };
  return stateInfo({ pkiId: idOf(identity), channelMac, time: soon, properties });
}

function leadershipOf(identity: Uint8Array) {
  return leadershipMessage({ channel: recordedChannel, pkiId: idOf(identity), time: soon, isDeclaration: true });
}

/** An identity with these bytes, whose PKI-ID fits, and the key of peer0.org1. */
function as(mspId: string, idBytes: Uint8Array): Signer {
  return { identity: encodeSerializedIdentity({ mspId, idBytes }), sign: peer0.sign };
}

function idOf(identity: Uint8Array): PkiId {
  const { mspId, idBytes } = parts(identity);
  return pkiIdOfParts(mspId, idBytes);
}

function parts(identity: Uint8Array) {
  const read = readSerializedIdentity(identity);
  return read.ok ? read.value : fail("an identity");
}

/** The identity of the recorded member at that endpoint. */
function identityAt(endpoint: string): Uint8Array {
  for (const { message } of statementsIn(conversation)) {
    if (message.type === "alive" && message.member.endpoint === endpoint) {
      return identities.get(message.member.pkiId) ?? fail("its identity");
    }
  }
  return fail(`a member at ${endpoint}`);
}
