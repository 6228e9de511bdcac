import { makeOrganization } from "@gossip/fabric/testing";
import { type Envelope, encodeEnvelope, encodeMessage, pkiIdFromBytes, readEnvelope, readMessage } from "@gossip/proto";
import {
  blockHeaderBytes,
  encodeSerializedIdentity,
  readSerializedIdentity,
  type SerializedIdentity,
} from "@gossip/proto/fabric";
import { aliveMessage, dataMessage, membershipRequest } from "@gossip/proto/testing";
import { expect } from "vitest";
import { blockOf } from "../harness/blocks.js";
import { Client } from "../harness/client.js";
import { forgeries } from "../harness/forged-blocks.js";
import { malformedMessages } from "../harness/malformed-messages.js";
import type { FabricPeer } from "../harness/peer.js";
import { type Conversation, type FalseClaims, pkiIdOf, Rogue, type Signer, sha256, signed } from "../harness/rogue.js";
import { ourSeat, quickAbsenceMs, quickMembership, type Scenario, type Stage } from "../harness/scenario.js";
import { mspIdOf, twoOrganizations } from "../harness/shape.js";
import { until } from "../harness/until.js";
import { sightings, waitForAbsence, waitForView } from "../harness/views.js";

const viewPatienceMs = 30_000;
const refusalPatienceMs = 10_000;
const dayMs = 86_400_000;

/** The victim beside two Go peers, with some blocks; peer 3 and 4 of Org1 are free for whoever uses their keys. */
async function besiege(stage: Stage) {
  const { network } = stage;
  const [leader, follower, victim] = [network.peer("Org1", 0), network.peer("Org1", 1), network.peer("Org1", 2)];
  const all = [leader, follower, victim];
  await network.startOrderers();
  await leader.start({ leader: true });
  await follower.start();
  await stage.sit(victim);
  await network.submit(3);
  const height = await network.settled(all, 4);
  await waitForView(all, all, { patienceMs: viewPatienceMs });
  const rogue = await Rogue.open(network, network.peer("Org1", 3));
  stage.onEnd(() => rogue.close());
  return { leader, follower, victim, all, height, rogue, member: Client.ofNode(network.peer("Org1", 3)) };
}

/** Waits until the victim counts a refusal more for this reason, in its metrics and by name on its page. */
async function refusing(
  victim: FabricPeer,
  what: "handshake" | "message" | "block",
  reason: string,
  attack: () => Promise<unknown>,
): Promise<void> {
  const before = await refused(victim, what, reason);
  await attack();
  let seen = "";
  const question = async () => {
    const { refusals, drops } = await victim.members();
    seen = JSON.stringify({ refusals, drops });
    return (await refused(victim, what, reason)) > before && refusals.some((one) => one.reason === reason);
  };
  await until(`a ${what} refused as ${reason}`, question, refusalPatienceMs, () => seen);
}

async function refused(victim: FabricPeer, what: string, reason: string): Promise<number> {
  const line = new RegExp(`^gossip_refused_total\\{what="${what}",reason="${reason}"\\} (\\d+)$`, "m");
  return Number(line.exec(await victim.metrics())?.[1] ?? 0);
}

/** Nothing that the attacks brought has stayed, and the victim does its work as before. */
async function expectUnharmed(stage: Stage, { all, height }: { all: readonly FabricPeer[]; height: number }) {
  const fallen = all.filter(({ isRunning }) => !isRunning).map(({ name }) => name);
  expect(fallen, "peers that ended, to which what was refused must have been forwarded").toEqual([]);
  await stage.network.submit(3);
  expect(await stage.network.settled(all, height + 3)).toBe(height + 3);
  await waitForView(all, all, { patienceMs: viewPatienceMs, height: height + 3 });
}

const handshakes: Scenario = {
  name: "who may not come in is refused by name at the handshake",
  shape: twoOrganizations,
  seats: ourSeat,
  authorities: { Org1: "root", Org2: "root" },
  async run(stage) {
    const siege = await besiege(stage);
    const { victim, rogue, member } = siege;
    const attempt = async (signer: Signer, claims: FalseClaims = {}) => {
      const conversation = await rogue.connect(victim, signer, claims);
      await until("the end of the stream", async () => conversation.end, refusalPatienceMs);
    };
    const refuse = (reason: string, signer: Signer, claims?: FalseClaims) =>
      refusing(victim, "handshake", reason, () => attempt(signer, claims));
    const authority = stage.authority("Org1");
    const now = Date.now();

    await refuse("tls-hash-mismatch", member, { tlsCertHash: new Uint8Array(32) });
    await refuse("pki-id-mismatch", member, { pkiId: sha256(new Uint8Array()) });
    await refuse("bad-signature", {
      identity: member.identity,
      sign: (payload) => member.signWithHighS(payload),
    });
    await refuse("bad-signature", { identity: member.identity, sign: () => new Uint8Array(70) });
    await refuse("unsigned", { identity: member.identity, sign: () => new Uint8Array() });
    await refuse("untrusted-identity", makeOrganization(mspIdOf("Org1")).issue("peer3.org1.example.com"));
    await refuse("unknown-organization", makeOrganization(mspIdOf("Org9")).issue("peer0.org9.example.com"));
    await refuse(
      "expired-identity",
      authority.issue("late.org1.example.com", "peer", { notBeforeMs: now - 2 * dayMs, notAfterMs: now - dayMs }),
    );
    await refuse(
      "malformed-identity",
      { identity: Uint8Array.of(1, 2, 3), sign: (payload) => member.sign(payload) },
      {
        pkiId: sha256(Uint8Array.of(1, 2, 3)),
      },
    );
    const trailing = { ...readIdentity(member.identity) };
    const appended = Buffer.concat([trailing.idBytes, Buffer.from("trailing")]);
    await refuse("malformed-identity", {
      identity: encodeSerializedIdentity({ mspId: trailing.mspId, idBytes: appended }),
      sign: (payload) => member.sign(payload),
    });
    // Fine in a channel of capability V3_0.
    await refuse(
      "untrusted-identity",
      stage.authority("Org2").issue("ed25519.org2.example.com", "peer", { keyType: "Ed25519" }),
    );
    // Known to the channel, and no reader of it.
    await refuse("policy-not-satisfied", Client.ofNode(stage.network.orderer));
    const { members, connections } = await victim.members();
    expect(members.length).toBe(2);
    expect(connections.every(({ pkiId }) => pkiId !== hex(pkiIdOf(member.identity)))).toBe(true);
    await expectUnharmed(stage, siege);
  },
};

const messages: Scenario = {
  name: "messages that crash or fool others are dropped with a named reason",
  shape: twoOrganizations,
  seats: ourSeat,
  peerEnv: quickMembership,
  async run(stage) {
    const siege = await besiege(stage);
    const { victim, rogue, member } = siege;
    for (const { name, reasons, bytes } of malformedMessages(stage.network.channel, member)) {
      const conversation = await rogue.connect(victim, member);
      const before = await drops(victim, reasons);
      conversation.send(bytes);
      let seen = "";
      const question = async () => {
        seen = JSON.stringify((await victim.members()).drops);
        return (await drops(victim, reasons)) > before;
      };
      await until(`${name} dropped as one of ${reasons.join(", ")}`, question, refusalPatienceMs, () => seen);
      conversation.close();
    }
    await expectUnharmed(stage, siege);
  },
};

const replays: Scenario = {
  name: "an alive message that is replayed brings nobody back",
  shape: twoOrganizations,
  seats: ourSeat,
  peerEnv: quickMembership,
  async run(stage) {
    const siege = await besiege(stage);
    const { victim, follower, leader, rogue, member } = siege;
    const pkiId = pkiIdFromBytes(pkiIdOf(member.identity));
    const conversation = await rogue.connect(victim, member);
    const incarnation = BigInt(Date.now()) * 1_000_000n;
    const alive = (sequence: bigint) =>
      signed(
        encodeMessage(
          aliveMessage({
            member: { endpoint: "127.0.0.1:1", metadata: new Uint8Array(), pkiId },
            time: { incarnation, sequence },
            identity: member.identity,
          }),
        ),
        member,
      );
    conversation.send(alive(5n));
    const self = async () => (await victim.members()).members.find((one) => one.pkiId === pkiId);
    await until("the rogue to be a member", async () => (await self())?.state === "alive", refusalPatienceMs);
    for (const sequence of [5n, 4n]) {
      const before = await drops(victim, ["gate/not-news"]);
      conversation.send(alive(sequence));
      const question = async () => (await drops(victim, ["gate/not-news"])) > before;
      await until("a replay to be dropped", question, refusalPatienceMs);
    }
    expect((await self())?.sequence).toBe("5");

    // Everything that anybody has ever said of the follower, said again when it is gone.
    const request = membershipRequest({ nonce: 7n, self: readSelf(alive(6n)) });
    conversation.send(signed(encodeMessage(request)));
    const heard = await until("what the follower said", async () => saidBy(conversation, follower), refusalPatienceMs);
    await follower.kill();
    await waitForAbsence([leader, victim], follower, quickAbsenceMs);
    const before = await drops(victim, ["gate/not-news"]);
    for (const bytes of heard) conversation.send(bytes);
    const question = async () => (await drops(victim, ["gate/not-news"])) > before;
    await until("the dead one's words to be dropped", question, refusalPatienceMs);
    expect((await sightings(victim)).has(follower.endpoint)).toBe(false);
    conversation.close();
    await follower.start();
    await expectUnharmed(stage, siege);
  },
};

const blocks: Scenario = {
  name: "forged, cross-linked and non-canonical blocks are refused with a named reason and not kept",
  shape: twoOrganizations,
  seats: ourSeat,
  async run(stage) {
    const { network } = stage;
    const siege = await besiege(stage);
    const { victim, rogue, member, height } = siege;
    const { header } = blockOf(await network.fetchBlock("newest"));
    const end = { channelId: network.channel, height: BigInt(height), lastHash: sha256(blockHeaderBytes(header)) };
    for (const forgery of forgeries(end, Client.ofNode(network.orderer), member)) {
      const conversation = await rogue.connect(victim, member);
      const payload = { blockNumber: forgery.blockNumber, data: forgery.bytes, privateData: [] };
      await refusing(victim, "block", forgery.reason, async () =>
        conversation.send(signed(encodeMessage(dataMessage({ channel: network.channel, payload })))),
      ).catch((error: unknown) => {
        throw new Error(`expected ${forgery.name} to be refused`, { cause: error });
      });
      expect(await victim.height(), forgery.name).toBe(height);
      conversation.close();
    }
    const { buffered } = await victim.channel();
    expect(buffered).toEqual({ blocks: 0, bytes: 0 });
    await expectUnharmed(stage, siege);
  },
};

async function drops(victim: FabricPeer, reasons: readonly string[]): Promise<number> {
  const { drops } = await victim.members();
  return reasons.reduce((sum, reason) => sum + (drops[reason] ?? 0), 0);
}

/** The alive messages of a peer, by whatever way they came, as envelopes. */
function saidBy({ received }: Conversation, peer: FabricPeer): readonly Uint8Array[] | undefined {
  const pkiId = hex(pkiIdOf(Client.ofNode(peer).identity));
  const envelopes = received.flatMap(({ envelope, message }) => {
    if (message.type === "alive") return [envelope];
    return message.type === "membership-response" ? message.alive : [];
  });
  const said = envelopes.filter((envelope) => {
    const message = readMessage(envelope.payload);
    return message.ok && message.value.type === "alive" && message.value.member.pkiId === pkiId;
  });
  return said.length === 0 ? undefined : said.map(encodeEnvelope);
}

function readSelf(bytes: Uint8Array): Envelope {
  const envelope = readEnvelope(bytes);
  if (!envelope.ok) throw new Error(envelope.detail);
  return envelope.value;
}

function readIdentity(bytes: Uint8Array): SerializedIdentity {
  const identity = readSerializedIdentity(bytes);
  if (!identity.ok) throw new Error(identity.detail);
  return identity.value;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export const hostility: readonly Scenario[] = [handshakes, messages, replays, blocks];
