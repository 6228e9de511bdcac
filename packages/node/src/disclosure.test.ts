import { channelMac, unsigned } from "@gossip/crypto";
import { createFakeCrypto, type FakeCrypto } from "@gossip/crypto/testing";
import {
  decodeMessage,
  type Envelope,
  type GossipMessage,
  type MessageOf,
  type MessageType,
  orgId,
} from "@gossip/proto";
import {
  digestMessage,
  helloMessage,
  membershipRequest,
  peerIdentity,
  stateInfoPullRequest,
  updateMessage,
} from "@gossip/proto/testing";
import { createMemoryLedger } from "@gossip/state/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { alive, channelName, meet, Scene, sealed } from "../test/support/scene.js";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

const messagesOf = <T extends MessageType>(heard: readonly GossipMessage[], type: T) =>
  heard.filter((message): message is MessageOf<T> => message.type === type);

/** Everything that tells of the victim, by whatever way it came: pushed, asked with, answered with. */
function toldOf(victim: string, heard: readonly GossipMessage[], envelopes: readonly Envelope[]) {
  const nested = heard.flatMap((message) => {
    if (message.type === "membership-request") return [message.self];
    if (message.type === "membership-response") return [...message.alive, ...message.dead];
    return message.type === "state-info-snapshot" ? message.elements : [];
  });
  return [...envelopes, ...nested].filter(({ payload }) => {
    const message = decodeMessage(payload);
    if (message.type === "alive") return message.member.pkiId === victim;
    return message.type === "state-info" && message.pkiId === victim;
  });
}

/** A stranger that is a member and asks for everything there is to ask for. */
async function curious(strangerOrg: string, externalEndpoint?: string) {
  const met = await meet(scene, { strangerOrg, ...(externalEndpoint !== undefined && { externalEndpoint }) });
  await met.say(sealed(alive(met.crypto, 1n), met.crypto));
  await scene.run(6_000);
  await met.say(unsigned(membershipRequest({ nonce: 3n, self: sealed(alive(met.crypto, 2n), met.crypto) })));
  await met.say(unsigned(stateInfoPullRequest({ channelMac: channelMac(met.crypto.pkiId, channelName) })));
  await scene.run(6_000);
  return { ...met, told: toldOf(met.node.pkiId, met.heard, met.envelopes) };
}

describe("what a node tells of itself", () => {
  test("to its own organization: everything, with the internal endpoint", async () => {
    const { node, told, heard } = await curious("org1");
    const types = new Set(heard.map(({ type }) => type));
    for (const type of ["alive", "membership-request", "membership-response", "state-info-snapshot"] as const) {
      expect(types).toContain(type);
    }
    const ofAlive = told.filter(({ payload }) => decodeMessage(payload).type === "alive");
    expect(ofAlive.every(({ secret }) => secret !== undefined)).toBe(true);
    const [response] = messagesOf(heard, "membership-response").filter(({ nonce }) => nonce === 3n);
    const [last] = toldOf(node.pkiId, [], response?.alive.slice(-1) ?? []);
    expect(last).toBeDefined();
  });

  test("to another organization: as much, without the internal endpoint, in whatever message", async () => {
    const { told, heard } = await curious("org2");
    const types = new Set(heard.map(({ type }) => type));
    for (const type of ["alive", "membership-request", "membership-response", "state-info-snapshot"] as const) {
      expect(types).toContain(type);
    }
    expect(told.length).toBeGreaterThan(4);
    expect(told.filter(({ secret }) => secret !== undefined)).toEqual([]);
  });

  test("to another organization when it has no external endpoint: nothing, in whatever message", async () => {
    const { told } = await curious("org2", "");
    expect(told).toEqual([]);
  });

  test("7.28: the identity is in its alive messages for as long as the configuration says", async () => {
    const { envelopes, node, say, crypto } = await meet(scene, { config: { publishCertPeriodMs: 2_000 } });
    await say(sealed(alive(crypto, 1n), crypto));
    await scene.run(20_000);
    const carried = toldOf(node.pkiId, [], envelopes).flatMap(({ payload }) => {
      const message = decodeMessage(payload);
      return message.type === "alive" ? [message.identity.length > 0] : [];
    });
    expect([carried[0], carried.at(-1)]).toEqual([true, false]);
  });
});

describe("which identities a node gives away (page 05 §8)", () => {
  /** A victim that has pulled the identities of a visible and a hidden peer of its own, of one of `org2` and of one of `org3`. */
  async function library() {
    const met = await meet(scene);
    await met.say(sealed(alive(met.crypto, 1n), met.crypto));
    const make = (org: string, name: string) => createFakeCrypto({ org, name, trust: scene.trust });
    const books = {
      visible: make("org1", "visible"),
      hidden: make("org1", "hidden"),
      theirs: make("org2", "theirs"),
      third: make("org3", "third"),
      unseen: make("org1", "unseen"),
    };
    for (const [name, crypto] of Object.entries(books)) {
      if (name === "unseen") continue;
      const endpoint = name === "hidden" ? "" : `${name}:7051`;
      const member = { endpoint, metadata: new Uint8Array(0), pkiId: crypto.pkiId };
      await met.say(sealed(alive(crypto, 1n, { member }), crypto));
    }
    const before = messagesOf(met.heard, "hello").length;
    for (let waited = 0; messagesOf(met.heard, "hello").length === before && waited < 10_000; waited += 50) {
      await scene.run(50);
    }
    const pullNonce = messagesOf(met.heard, "hello").at(-1)?.pullNonce ?? 0n;
    const about = { tag: "empty", channel: "", pullType: "identity", pullNonce } as const;
    const all = Object.values(books);
    await met.say(unsigned(digestMessage({ ...about, digests: all.map(({ identity }) => identity) })));
    await scene.run(100);
    const data = all.map((one) => sealed(peerIdentity({ pkiId: one.pkiId, identity: one.identity }), one));
    await met.say(unsigned(updateMessage({ ...about, data })));
    return { ...met, books };
  }

  async function offered(to: { pkiId: string; endpoint: string }, asker: ReturnType<Scene["stranger"]>) {
    const hello = helloMessage({ tag: "empty", channel: "", pullType: "identity", pullNonce: 77n });
    asker.comm.send(to as Parameters<typeof asker.comm.send>[0], unsigned(hello));
    await scene.run(50);
    const digests = messagesOf(asker.heard, "digest").at(-1)?.digests ?? [];
    return digests.map((digest) => new TextDecoder().decode(digest)).sort();
  }

  test("to its own organization all of them", async () => {
    const { to } = await library();
    expect(await offered(to, scene.stranger("asker"))).toEqual([
      "org1:hidden",
      "org1:unseen",
      "org1:victim",
      "org1:visible",
      "org2:theirs",
      "org3:third",
    ]);
  });

  test("to another organization its own and theirs, of those who show themselves", async () => {
    const { to, books } = await library();
    const asker = scene.stranger("asker", "org2");
    expect(await offered(to, asker)).toEqual(["org1:victim", "org1:visible", "org2:theirs"]);
    // Asking for more than was offered brings no more.
    const all: FakeCrypto[] = Object.values(books);
    const request = { tag: "empty", channel: "", pullType: "identity", pullNonce: 77n } as const;
    asker.comm.send(
      to,
      unsigned({ ...digestMessage({ ...request, digests: all.map(({ identity }) => identity) }), type: "request" }),
    );
    await scene.run(50);
    const given = messagesOf(asker.heard, "update").flatMap(({ data }) =>
      data.map(({ payload }) => decodeMessage(payload)),
    );
    expect(given.map((message) => message.type === "peer-identity" && message.pkiId).sort()).toEqual(
      [books.visible.pkiId, books.theirs.pkiId].sort(),
    );
  });
});

describe("an identity that is no longer trusted", () => {
  test("is forgotten with its member and its connection when a channel is joined", async () => {
    const { node, crypto, say } = await meet(scene);
    await say(sealed(alive(crypto, 1n), crypto));
    expect([node.members.length, node.connections.length]).toEqual([1, 1]);
    scene.trust.revoke(crypto.identity);
    await node.join("other", { ledger: createMemoryLedger(), organizations: [orgId("org1")] });
    await scene.run(100);
    expect([node.members.length, node.deadMembers.length, node.connections.length]).toEqual([0, 0, 0]);
  });
});
