import { unsigned } from "@gossip/crypto";
import { createFakeCrypto, type FakeCrypto } from "@gossip/crypto/testing";
import { type Envelope, type PkiId, pkiIdToBytes } from "@gossip/proto";
import { digestMessage, helloMessage, peerIdentity, requestMessage, updateMessage } from "@gossip/proto/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { alive, meet, Scene, sealed } from "../test/support/scene.js";

/** Paper tests of protocol page 02 §6, §8 and the scenarios of §10.2: what a node learns of identities, and what it tells. */

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

const someone = (name: string, org = "org1") => createFakeCrypto({ org, name, trust: scene.trust });

/** What its owner alone can sign. */
const itemOf = (crypto: FakeCrypto) => sealed(peerIdentity({ pkiId: crypto.pkiId, identity: crypto.identity }), crypto);

/** A node, and a peer that offers it identities, one round at a time. */
async function offering() {
  const { node, crypto, say, heard } = await meet(scene);
  let sequence = 0n;
  const lastOf = <T extends string>(type: T) => heard.findLast((message) => message.type === type);

  /** Waits for a hello, offers these, and sends `items` when they are asked for; what was asked for, as PKI-IDs in hex. */
  async function offer(ids: readonly PkiId[], items: readonly Envelope[] = []) {
    heard.length = 0;
    while (lastOf("hello") === undefined) {
      await say(sealed(alive(crypto, ++sequence), crypto));
      await scene.run(500);
    }
    const hello = lastOf("hello");
    if (hello?.type !== "hello") throw new Error("expected a hello");
    const round = { pullType: "identity", pullNonce: hello.pullNonce } as const;
    await say(unsigned(digestMessage({ ...round, digests: ids.map(pkiIdToBytes) })));
    await scene.run(1_200);
    const request = lastOf("request");
    if (request?.type !== "request") return [];
    await say(unsigned(updateMessage({ ...round, data: items })));
    return request.digests.map((digest) => Buffer.from(digest).toString("hex"));
  }

  /** What the node offers in turn. */
  async function offered(pullNonce = 99n): Promise<readonly string[]> {
    heard.length = 0;
    await say(unsigned(helloMessage({ pullType: "identity", pullNonce })));
    const digest = lastOf("digest");
    return digest?.type === "digest" ? digest.digests.map((id) => Buffer.from(id).toString("hex")) : [];
  }

  return { node, crypto, say, heard, offer, offered };
}

describe("a round of the identity pull", () => {
  test("02/10.2a: with an identity whose signature is broken leaves the node with its own", async () => {
    const { node, offer, offered } = await offering();
    const other = someone("other");
    const broken = { ...itemOf(other), signature: new Uint8Array(16) };
    expect(await offer([other.pkiId], [broken])).toEqual([other.pkiId]);
    expect(node.drops.get("gate/bad-signature")).toBe(1);
    expect(await offered()).toEqual([node.pkiId]);
  });

  test("02/10.2b, 2.6: with an identity under the PKI-ID of another leaves the node with its own", async () => {
    const { node, offer, offered } = await offering();
    const [a, d] = [someone("a"), someone("d")];
    const mixed = sealed(peerIdentity({ pkiId: a.pkiId, identity: d.identity }), d);
    expect(await offer([a.pkiId], [mixed])).toEqual([a.pkiId]);
    expect(node.drops.get("gate/pki-id-mismatch")).toBe(1);
    expect(await offered()).toEqual([node.pkiId]);
  });

  test("02/10.2c, 02/10.2d, 2.13: with a good one is told to others, and not asked for again", async () => {
    const { node, offer, offered } = await offering();
    const other = someone("other");
    expect(await offer([other.pkiId], [itemOf(other)])).toEqual([other.pkiId]);
    expect([...(await offered())].sort()).toEqual([node.pkiId, other.pkiId].sort());
    expect(await offer([other.pkiId])).toEqual([]);
  });

  test("02/10.2e, 2.22: does not ask for one that was revoked, which is told to nobody either", async () => {
    const { node, offer, offered } = await offering();
    const other = someone("other");
    await offer([other.pkiId], [itemOf(other)]);
    scene.trust.revoke(other.identity);
    expect(await node.suspect(() => true)).toEqual([other.pkiId]);
    expect(await offered()).toEqual([node.pkiId]);
    expect(await offer([other.pkiId])).toEqual([]);
  });

  test("02/10.2f, 2.10: tells of the own identity, however long the node was alone", async () => {
    const { node } = await scene.node("victim");
    await scene.run(4 * 3_600_000);
    const { comm, crypto, heard } = scene.stranger("late");
    comm.send(node, sealed(alive(crypto, 1n), crypto));
    comm.send(node, unsigned(helloMessage({ pullType: "identity", pullNonce: 5n })));
    await scene.run(100);
    expect(heard.find(({ type }) => type === "digest")).toMatchObject({ digests: [pkiIdToBytes(node.pkiId)] });
  });

  test("2.13: does not tell of identities that came by a handshake or an alive message, nor gives them when asked", async () => {
    const { node, crypto, say, heard, offered } = await offering();
    const other = someone("other");
    await say(sealed(alive(crypto, 1n), crypto));
    await say(sealed(alive(other, 1n), other));
    expect(node.members.map(({ pkiId }) => pkiId)).toContain(other.pkiId);
    expect(await offered(7n)).toEqual([node.pkiId]);
    const digests = [other, crypto].map(({ pkiId }) => pkiIdToBytes(pkiId));
    await say(unsigned(requestMessage({ pullType: "identity", pullNonce: 7n, digests })));
    expect(heard.filter(({ type }) => type === "update")).toEqual([]);
  });
});

describe("alive messages of a node", () => {
  test("2.14: carry its identity for ten seconds after its start, and none later", async () => {
    const { crypto, say, heard } = await meet(scene);
    await say(sealed(alive(crypto, 1n), crypto));
    const carried = async (untilMs: number, sequence: bigint) => {
      heard.length = 0;
      while (scene.clock.now() < untilMs) {
        await scene.run(500);
        await say(sealed(alive(crypto, sequence + BigInt(scene.clock.now())), crypto));
      }
      return heard.flatMap((message) => (message.type === "alive" ? [message.identity.length > 0] : []));
    };
    const early = await carried(9_900, 1n);
    expect([early.length > 0, new Set(early)]).toEqual([true, new Set([true])]);
    await carried(10_100, 1n);
    const late = await carried(30_000, 1n);
    expect([late.length > 0, new Set(late)]).toEqual([true, new Set([false])]);
  });
});
