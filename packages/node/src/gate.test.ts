import { channelMac, sealSecret, unsigned } from "@gossip/crypto";
import { createFakeCrypto, type FakeCrypto, makeFakeBlock } from "@gossip/crypto/testing";
import { type Envelope, type PkiId, pkiIdToBytes, type SecretEnvelope } from "@gossip/proto";
import {
  dataMessage,
  digestMessage,
  helloMessage,
  membershipRequest,
  membershipResponse,
  peerIdentity,
  stateInfo,
  stateInfoPullRequest,
  stateInfoSnapshot,
  stateResponse,
  updateMessage,
} from "@gossip/proto/testing";
import { createMemoryLedger } from "@gossip/state/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { befriend, block, info } from "../test/support/befriend.js";
import { alive, channelName, Scene, sealed } from "../test/support/scene.js";

const utf8 = new TextEncoder();
const forgedSignature = new Uint8Array(16);

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

/** Makes the victim ask the stranger for blocks; the nonce of the request. */
async function boast(met: Awaited<ReturnType<typeof befriend>>) {
  await met.say(sealed(info(met.crypto, 1n, 100n), met.crypto));
  await scene.run(1_000);
  const request = met.heardOf("state-request").at(-1);
  expect(request?.start).toBe(0n);
  return request?.nonce ?? 0n;
}

const many = 2_000;
const repeat = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => make(index));

describe("what one message can cost", () => {
  test("7.10: a membership response full of forged alive messages costs one signature check", async () => {
    const { node, crypto, costOf, heardOf } = await befriend(scene);
    const forged = repeat(many, (index) => ({
      ...sealed(alive(crypto, BigInt(index + 2), { identity: new Uint8Array(0) }), crypto),
      signature: forgedSignature,
    }));
    await scene.run(500);
    expect(heardOf("membership-request")).not.toEqual([]);
    expect((await costOf(membershipResponse({ alive: forged }))).signatures).toBe(1);
    expect(node.drops.get("gate/repeated") ?? 0).toBe(0);
    expect(node.drops.get("gate/after-forgery")).toBe(many - 1);
  });

  test("7.10: what is refused for another reason than forgery does not hide the rest", async () => {
    const { node, costOf } = await befriend(scene);
    const [revoked, good] = ["revoked", "good"].map((name) =>
      createFakeCrypto({ org: "org1", name, trust: scene.trust }),
    ) as [FakeCrypto, FakeCrypto];
    scene.trust.revoke(revoked.identity);
    const ups: PkiId[] = [];
    node.on("member-up", ({ pkiId }) => ups.push(pkiId));
    await scene.run(500);
    await costOf(membershipResponse({ alive: [revoked, good].map((one) => sealed(alive(one, 1n), one)) }));
    expect(ups).toEqual([good.pkiId]);
    expect(node.refusals.at(-1)?.reason).toBe("revoked-identity");
  });

  test("7.10: a membership response that tells of one member again and again costs one signature check", async () => {
    const { crypto, costOf } = await befriend(scene);
    const entries = repeat(many, (index) => sealed(alive(crypto, BigInt(index + 2)), crypto));
    await scene.run(500);
    expect((await costOf(membershipResponse({ alive: entries }))).signatures).toBe(1);
  });

  test("4.61: what is held byte for byte is not verified again, nor is a secret that is; but the identity is judged", async () => {
    const { checks, costOf, say } = await befriend(scene);
    const other = createFakeCrypto({ org: "org1", name: "other", trust: scene.trust });
    const secret = sealSecret("other:7051", other) as SecretEnvelope;
    const told = (sequence: bigint) => ({ ...sealed(alive(other, sequence), other), secret });
    const tell = (sequence: bigint) => costOf(membershipResponse({ alive: [told(sequence)] }));
    const push = async (envelope: Envelope) => {
      const before = checks.signatures;
      return { drops: await say(envelope), signatures: checks.signatures - before };
    };
    await scene.run(500);
    expect((await tell(1n)).signatures).toBe(2);
    expect(await push(told(1n))).toEqual({ drops: [], signatures: 0 });
    expect(await push(told(2n))).toEqual({ drops: [], signatures: 1 });
    await scene.run(500);
    expect((await tell(3n)).signatures).toBe(1);
    expect(await push({ ...told(3n), signature: forgedSignature })).toEqual({
      drops: ["gate/bad-signature"],
      signatures: 1,
    });
    const forgedSecret = { ...secret, signature: forgedSignature };
    expect((await push({ ...told(4n), secret: forgedSecret })).drops).toEqual(["gate/bad-signature"]);
    scene.trust.revoke(other.identity);
    expect(await push(told(3n))).toEqual({ drops: ["gate/revoked-identity"], signatures: 0 });
  });

  test("7.10: of a membership response no more entries are read than the configuration says", async () => {
    const { costOf } = await befriend(scene, { config: { maxResponseEntries: 10 } });
    const entries = repeat(50, (index) => {
      const other = createFakeCrypto({ org: "org1", name: `other${index}`, trust: scene.trust });
      return sealed(alive(other, 1n), other);
    });
    await scene.run(500);
    const { identities } = await costOf(membershipResponse({ alive: entries.slice(0, 25), dead: entries.slice(25) }));
    expect(identities).toBe(10);
  });

  test("7.10: a snapshot full of forged state infos costs one signature check", async () => {
    const { crypto, costOf } = await befriend(scene);
    const elements = repeat(many, (index) => ({
      ...sealed(info(crypto, BigInt(index)), crypto),
      signature: forgedSignature,
    }));
    expect((await costOf(stateInfoSnapshot({ channel: channelName, elements }))).signatures).toBe(1);
  });

  test("a snapshot that holds one member again and again costs what one state info costs", async () => {
    const { crypto, channel, costOf } = await befriend(scene);
    const elements = repeat(many, (index) => sealed(info(crypto, BigInt(index)), crypto));
    expect((await costOf(stateInfoSnapshot({ channel: channelName, elements }))).signatures).toBeLessThanOrEqual(2);
    expect(channel.members).toHaveLength(1);
  });

  test("7.17: in a snapshot, members that discovery does not know are not verified", async () => {
    const { node, costOf, to } = await befriend(scene);
    // Known by its handshake, and no member.
    const other = scene.stranger("other");
    other.comm.send(to, unsigned(membershipResponse()));
    await scene.run(50);
    expect(node.connections.map(({ pkiId }) => pkiId)).toContain(other.crypto.pkiId);
    const elements = [sealed(info(other.crypto, 1n), other.crypto)];
    expect((await costOf(stateInfoSnapshot({ channel: channelName, elements }))).signatures).toBe(0);
  });

  test("7.5: a state info of somebody whose organization is not in the channel is not verified", async () => {
    const { node, to, say } = await befriend(scene);
    const outsider = scene.stranger("outsider", "org3");
    outsider.comm.send(to, unsigned(membershipResponse()));
    await scene.run(50);
    expect(node.connections.map(({ pkiId }) => pkiId)).toContain(outsider.crypto.pkiId);
    const forged = { ...sealed(info(outsider.crypto, 1n), outsider.crypto), signature: forgedSignature };
    expect(await say(forged)).toEqual(["gate/subject-not-in-channel"]);
  });

  /** Makes the victim ask the stranger for these identities. */
  async function offer(met: Awaited<ReturnType<typeof befriend>>, digests: readonly Uint8Array[]) {
    const before = met.heardOf("hello").length;
    for (let waited = 0; met.heardOf("hello").length === before && waited < 10_000; waited += 50) await scene.run(50);
    const hello = met.heardOf("hello").at(-1);
    await met.say(
      unsigned(
        digestMessage({
          tag: "empty",
          channel: "",
          pullType: "identity",
          pullNonce: hello?.pullNonce ?? 0n,
          digests,
        }),
      ),
    );
    await scene.run(100);
    const request = met.heardOf("request").at(-1);
    expect(request?.digests).toHaveLength(digests.length);
    return request?.pullNonce ?? 0n;
  }

  function identityOf(pkiId: PkiId, identity: Uint8Array) {
    return unsigned(peerIdentity({ pkiId, identity }));
  }

  test("an update that brings one identity again and again costs one check", async () => {
    const met = await befriend(scene);
    const pullNonce = await offer(met, [pkiIdToBytes(met.crypto.pkiId)]);
    const { pkiId, identity } = met.crypto;
    const data = repeat(many, () => sealed(peerIdentity({ pkiId, identity }), met.crypto));
    const cost = await met.costOf(updateMessage({ tag: "empty", channel: "", pullType: "identity", pullNonce, data }));
    expect(cost.signatures).toBe(1);
  });

  test("7.10: an update full of forged identities costs one signature check", async () => {
    const met = await befriend(scene);
    const others = repeat(20, (index) => createFakeCrypto({ org: "org1", name: `o${index}`, trust: scene.trust }));
    const pullNonce = await offer(
      met,
      others.map(({ pkiId }) => pkiIdToBytes(pkiId)),
    );
    const data = others.map(({ pkiId, identity }) => ({
      ...identityOf(pkiId, identity),
      signature: forgedSignature,
    }));
    const cost = await met.costOf(updateMessage({ tag: "empty", channel: "", pullType: "identity", pullNonce, data }));
    expect(cost.signatures).toBe(1);
  });

  test("a state response that repeats a block costs as many checks as blocks were asked for", async () => {
    const met = await befriend(scene);
    const nonce = await boast(met);
    const payloads = repeat(many, () => block(0n));
    expect((await met.costOf(stateResponse({ channel: channelName, nonce, payloads }))).blocks).toBe(1);
    expect(met.channel.height).toBe(1n);
  });

  test("7.10: a state response with more blocks than a batch is read as far as a batch goes", async () => {
    const met = await befriend(scene);
    const nonce = await boast(met);
    const payloads = repeat(100, (index) => block(BigInt(index + 90)));
    expect((await met.costOf(stateResponse({ channel: channelName, nonce, payloads }))).blocks).toBe(11);
    expect(met.node.drops.get("gate/too-many-parts")).toBe(89);
    expect(met.node.drops.get("state/out-of-range")).toBe(11);
  });

  test("a state response full of forged blocks costs one check", async () => {
    const met = await befriend(scene);
    const nonce = await boast(met);
    const payloads = repeat(11, (index) => ({ ...block(BigInt(index)), blockNumber: BigInt(index + 1) }));
    expect((await met.costOf(stateResponse({ channel: channelName, nonce, payloads }))).blocks).toBe(1);
  });
});

describe("what one message can leave behind", () => {
  const push = (data: Uint8Array, privateData: Uint8Array[] = []) =>
    unsigned(dataMessage({ channel: channelName, payload: { blockNumber: 0n, data, privateData } }));
  const genesis = makeFakeBlock({ channel: channelName, number: 0n, data: [utf8.encode("x")] });

  test("7.7: a block with much beside it is neither kept nor pushed on, wherever it is hidden", async () => {
    const { say, ledger } = await befriend(scene);
    const padding = new Uint8Array(100_000);
    const unknownField = Buffer.concat([Buffer.from("fa0fa08d06", "hex"), padding]);
    const plain = push(genesis);
    expect(await say(push(genesis, [padding]))).toEqual(["gate/padded"]);
    expect(await say({ ...plain, signature: padding })).toEqual(["gate/padded"]);
    expect(await say({ ...plain, secret: { payload: padding, signature: padding } })).toEqual(["gate/padded"]);
    expect(await say({ ...plain, payload: Buffer.concat([plain.payload, unknownField]) })).toEqual(["gate/padded"]);
    expect(ledger.height).toBe(0n);
    expect(await say(plain)).toEqual([]);
    expect(ledger.height).toBe(1n);
  });

  test("7.7: a block that was blown up where no signature covers it is refused", async () => {
    const { node, say, ledger } = await befriend(scene);
    const padding = new Uint8Array(1_000_000);
    const unknownField = Buffer.concat([Buffer.from("fa0fc0843d", "hex"), padding]);
    expect(await say(push(Buffer.concat([genesis, unknownField])))).toEqual(["gate/malformed-block"]);
    expect(ledger.height).toBe(0n);
    expect(node.refusals.at(-1)?.detail).toContain("bytes beside the transactions");
  });

  test("blocks of a response with much beside them are taken, and hold on to nothing of it", async () => {
    const ledger = createMemoryLedger();
    const committed: Uint8Array[] = [];
    const commit = ledger.commit.bind(ledger);
    ledger.commit = (number, bytes) => {
      committed.push(bytes);
      return commit(number, bytes);
    };
    const met = await befriend(scene, { ledger });
    const nonce = await boast(met);
    const padded = { ...block(0n), privateData: [new Uint8Array(100_000)] };
    await met.say(unsigned(stateResponse({ channel: channelName, nonce, payloads: [padded] })));
    expect(committed.map(({ buffer }) => buffer.byteLength)).toEqual([padded.data.length]);
  });

  test("a state info holds on to nothing of the message it came in", async () => {
    const { crypto, channel, say } = await befriend(scene);
    const chaincodes = [{ name: "a", version: "1", metadata: Uint8Array.of(1, 2, 3, 4) }];
    const properties = { ledgerHeight: 1n, leftChannel: false, chaincodes };
    await say(sealed({ ...info(crypto, 1n), properties }, crypto));
    const metadata = channel.members[0]?.properties.chaincodes[0]?.metadata;
    expect([metadata, metadata?.buffer.byteLength]).toEqual([Uint8Array.of(1, 2, 3, 4), 4]);
  });

  test("7.5: a state info larger than it may be is dropped, and one as large is not", async () => {
    const { crypto, channel, say } = await befriend(scene, { config: { maxStateInfoBytes: 1_000 } });
    const large = (sequence: bigint, metadata: Uint8Array) => {
      const chaincodes = [{ name: "a", version: "1", metadata }];
      return stateInfo({
        pkiId: crypto.pkiId,
        channelMac: channelMac(crypto.pkiId, channelName),
        time: { incarnation: 1n, sequence },
        properties: { ledgerHeight: 1n, leftChannel: false, chaincodes },
      });
    };
    expect(await say(sealed(large(1n, new Uint8Array(1_000)), crypto))).toEqual(["gate/too-large"]);
    expect(channel.members).toEqual([]);
    await say(sealed(large(2n, new Uint8Array(700)), crypto));
    expect(channel.members).toHaveLength(1);
  });
});

describe("what a peer can make a node do", () => {
  test("7.31: questions in a flood are answered as often as the configuration says, and those of others still are", async () => {
    const { comm, crypto, to, heardOf, node } = await befriend(scene, { config: { maxQuestionsPerSecond: 5 } });
    await scene.run(2_000);
    const answers = () => ({
      digests: heardOf("digest").length,
      snapshots: heardOf("state-info-snapshot").length,
      responses: heardOf("membership-response").length,
    });
    const before = answers();
    for (let index = 0; index < 100; index++) {
      comm.send(
        to,
        unsigned(helloMessage({ tag: "empty", channel: "", pullType: "identity", pullNonce: BigInt(index) })),
      );
      comm.send(to, unsigned(stateInfoPullRequest({ channelMac: channelMac(crypto.pkiId, channelName) })));
      const self = sealed(alive(crypto, BigInt(1_000 + index)), crypto);
      comm.send(to, unsigned(membershipRequest({ nonce: 1n, self })), "block");
    }
    await scene.run(1);
    expect(answers()).toEqual({
      digests: before.digests + 5,
      snapshots: before.snapshots + 5,
      responses: before.responses + 5,
    });
    expect(node.drops.get("gate/too-often")).toBe(285);

    const other = scene.stranger("other");
    other.comm.send(to, unsigned(stateInfoPullRequest({ channelMac: channelMac(other.crypto.pkiId, channelName) })));
    await scene.run(10);
    expect(other.heard.map(({ type }) => type)).toContain("state-info-snapshot");
  });

  test("peers that hint at identities without end do not keep the others from being asked", async () => {
    const victim = await befriend(scene);
    const honest = scene.stranger("honest");
    const liars = [scene.stranger("liar1"), scene.stranger("liar2"), scene.stranger("liar3")];
    for (const { comm, crypto } of [honest, ...liars]) comm.send(victim.to, sealed(alive(crypto, 1n), crypto));
    await scene.run(5_000);
    const asked = ({ heard }: typeof honest) => heard.filter(({ type }) => type === "hello").length;
    const before = { honest: asked(honest), liar: asked(liars[0] as typeof honest) };
    const unknown = createFakeCrypto({ org: "org1", name: "unknown", trust: scene.trust });
    for (let elapsed = 0; elapsed < 12_000; elapsed += 20) {
      const hint = sealed(alive(unknown, BigInt(elapsed), { identity: new Uint8Array(0) }), unknown);
      for (const { comm } of liars) comm.send(victim.to, hint);
      await scene.run(20);
    }
    expect(asked(honest) - before.honest).toBeGreaterThanOrEqual(3);
    expect(asked(liars[0] as typeof honest) - before.liar).toBeLessThanOrEqual(20);
  });
});
