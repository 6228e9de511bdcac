import { decodeMessage, type Envelope, type PkiId } from "@gossip/proto";
import { GossipError, seededRandom, type Wake, wake } from "@gossip/runtime";
import { describe, expect, test } from "vitest";
import type { DiscoveryConfig } from "./config.js";
import type { Disclosure } from "./disclosure.js";
import { Discovery } from "./discovery.js";
import type { DiscoveryInput, DiscoveryOutput } from "./io.js";
import { aliveOf, nameOf, pkiIdOf, verifiedAlive, withoutSecret } from "./testing/index.js";

const [self, alice, bob, carol] = ["self", "alice", "bob", "carol"].map(pkiIdOf) as [PkiId, PkiId, PkiId, PkiId];
/** Our incarnation: young, so that members of incarnation 1 are not from long ago. */
const nanos = 1_000_000n;
const everything: Disclosure = () => "all";

interface SetupOptions {
  readonly config?: Partial<DiscoveryConfig>;
  readonly disclosure?: Disclosure;
  readonly endpoint?: string;
  readonly isLinked?: (pkiId: PkiId) => boolean;
}

/** A machine, and the ways to drive it that tests need. */
function setup({ config = {}, disclosure = everything, endpoint, isLinked }: SetupOptions = {}) {
  const discovery = new Discovery({
    self: { pkiId: self, endpoint: endpoint ?? "self.external:7051", internalEndpoint: "self:7051" },
    incarnation: nanos,
    config,
    disclosure,
    ...(isLinked && { isLinked }),
    random: seededRandom(1),
  });
  let now = 0;
  const step = (input: DiscoveryInput | Wake) => discovery.step(input, now);
  return {
    discovery,
    step,
    /** Steps, and gives the outputs of one type. */
    only<T extends DiscoveryOutput["type"]>(type: T, input: DiscoveryInput): Extract<DiscoveryOutput, { type: T }>[] {
      return ofType(step(input), type);
    },
    /** Lets time pass, with the wakes that fall due. */
    pass(ms: number): DiscoveryOutput[] {
      const outputs: DiscoveryOutput[] = [];
      const until = now + ms;
      while (discovery.deadline <= until) {
        now = Math.max(now, discovery.deadline);
        outputs.push(...step(wake));
      }
      now = until;
      return outputs;
    },
    push: (name: string, sequence: bigint, from: PkiId = bob, incarnation = 1n) =>
      step({ type: "alive", from, alive: aliveOf(name, { incarnation, sequence, internalEndpoint: `${name}:7051` }) }),
    /** Makes the peer one that a response is waited for from, and gives that response. */
    respond(from: PkiId, alive: readonly ReturnType<typeof aliveOf>[], dead: readonly ReturnType<typeof aliveOf>[]) {
      step({ type: "sync-soon" });
      if (!discovery.wantsResponse(from, 0n)) this.pass(5_000);
      return step({ type: "membership-response", from, nonce: 0n, alive, dead });
    },
  };
}

function ofType<T extends DiscoveryOutput["type"]>(
  outputs: readonly DiscoveryOutput[],
  type: T,
): Extract<DiscoveryOutput, { type: T }>[] {
  return outputs.filter((output): output is Extract<DiscoveryOutput, { type: T }> => output.type === type);
}

function reasons(outputs: readonly DiscoveryOutput[]): string[] {
  return ofType(outputs, "dropped").map(({ reason }) => reason);
}

function authors(envelopes: readonly Envelope[]): string[] {
  return envelopes.map(({ payload }) => {
    const message = decodeMessage(payload);
    return message.type === "alive" ? nameOf(message.member.pkiId) : message.type;
  });
}

describe("Discovery takes alive messages", () => {
  test("4.6, 4.8: learns a member, says so, forwards the message and answers with a heartbeat", () => {
    const { step, discovery } = setup();
    const alive = aliveOf("alice", { endpoint: "alice.external:7051", internalEndpoint: "alice:7051" });
    const outputs = step({ type: "alive", alive, from: bob });
    expect(outputs).toMatchObject([
      { type: "member-up", cause: "learned", member: { pkiId: alice, state: "alive" } },
      { type: "forward-alive", alive, except: bob },
      { type: "send-alive", self: { time: { incarnation: nanos, sequence: 1n } } },
    ]);
    expect(discovery.members).toMatchObject([
      {
        pkiId: alice,
        endpoint: "alice.external:7051",
        internalEndpoint: "alice:7051",
        preferredEndpoint: "alice:7051",
        incarnation: 1n,
        sequence: 1n,
        lastSeen: 0,
      },
    ]);
  });

  test("04/2, 4.3: prefers the internal endpoint and falls back to the external one", () => {
    const { step, discovery } = setup();
    step({ type: "alive", alive: aliveOf("alice", { endpoint: "alice.external:7051" }), from: bob });
    expect(discovery.lookup(alice)?.preferredEndpoint).toBe("alice.external:7051");
    step({ type: "alive", alive: aliveOf("alice", { sequence: 2n, internalEndpoint: "alice:7051" }), from: bob });
    expect(discovery.lookup(alice)).toMatchObject({ preferredEndpoint: "alice:7051", endpoint: "" });
  });

  test("4.11: orders times by incarnation, then sequence, over all 64 bits", () => {
    const { push, discovery } = setup();
    const late = 2n ** 64n - 1n;
    push("alice", 7n, bob, nanos);
    expect(reasons(push("alice", late, bob, nanos - 1n))).toEqual(["stale"]);
    expect(reasons(push("alice", 7n, bob, nanos))).toEqual(["stale"]);
    push("alice", 0n, bob, nanos + 1n);
    push("alice", late, bob, late);
    expect(discovery.lookup(alice)).toMatchObject({ incarnation: late, sequence: late });
  });

  test("4.11: accepts a restarted member at once, though its sequence starts over", () => {
    const { push, discovery } = setup();
    push("alice", 900n);
    expect(ofType(push("alice", 1n, bob, 2n), "forward-alive")).toHaveLength(1);
    expect(discovery.lookup(alice)).toMatchObject({ incarnation: 2n, sequence: 1n });
  });

  test("4.11: keeps the first of two messages with equal time and different content", () => {
    const { step, discovery } = setup();
    step({ type: "alive", alive: aliveOf("alice", { endpoint: "first:1" }), from: bob });
    const other = aliveOf("alice", { endpoint: "second:1", internalEndpoint: "alice:7051" });
    step({ type: "alive", alive: other, from: bob });
    expect(discovery.lookup(alice)).toMatchObject({ endpoint: "first:1", internalEndpoint: "" });
  });

  test("4.23: keeps the internal endpoint when a newer message comes without a secret", () => {
    const { push, step, discovery } = setup();
    push("alice", 1n);
    step({ type: "alive", alive: aliveOf("alice", { sequence: 2n }), from: bob });
    expect(discovery.lookup(alice)).toMatchObject({ internalEndpoint: "alice:7051", sequence: 2n });
  });

  test("4.23: completes a message that came without its secret first", () => {
    const { step, discovery, only } = setup();
    const alive = aliveOf("alice", { endpoint: "alice.external:7051", internalEndpoint: "alice:7051" });
    step({ type: "alive", alive: withoutSecret(alive), from: bob });
    expect(discovery.wants(alive.message, "push", true)).toBe(true);
    expect(discovery.wants(alive.message, "push", false)).toBe(false);
    expect(only("forward-alive", { type: "alive", alive, from: carol })).toEqual([]);
    expect(discovery.lookup(alice)?.internalEndpoint).toBe("alice:7051");
    expect(discovery.wants(alive.message, "push", true)).toBe(false);
  });

  test("04/9: reports a member whose metadata or endpoint changed", () => {
    const { step, only } = setup();
    const metadata = new Uint8Array([1]);
    step({ type: "alive", alive: aliveOf("alice"), from: bob });
    const changed = aliveOf("alice", { sequence: 2n, metadata });
    expect(only("member-updated", { type: "alive", alive: changed, from: bob })).toMatchObject([
      { member: { metadata } },
    ]);
    const same = aliveOf("alice", { sequence: 3n, metadata });
    expect(only("member-updated", { type: "alive", alive: same, from: bob })).toEqual([]);
  });

  test("04/1, 4.15: holds copies, so that what it keeps does not pin receive buffers", () => {
    const { step, discovery, only } = setup();
    const alive = aliveOf("alice", { metadata: new Uint8Array([1, 2]), internalEndpoint: "alice:7051" });
    step({ type: "alive", alive, from: bob });
    const payload = alive.envelope.payload.slice();
    alive.envelope.payload.fill(0);
    alive.message.member.metadata.fill(0);
    expect(discovery.lookup(alice)?.metadata).toEqual(new Uint8Array([1, 2]));
    const request = { type: "membership-request", from: bob, nonce: 1n, self: aliveOf("bob") } as const;
    const [response] = only("respond-membership", request);
    expect(response?.alive[0]?.payload).toEqual(payload);
  });

  test("04/N5, 4.14: refuses what is too large, has no author or claims an impossible endpoint", () => {
    const { step, discovery } = setup({ config: { maxAliveBytes: 200 } });
    const large = aliveOf("alice", { metadata: new Uint8Array(300) });
    expect(reasons(step({ type: "alive", alive: large, from: bob }))).toEqual(["too-large"]);
    const nobody = aliveOf("");
    expect(reasons(step({ type: "alive", alive: nobody, from: bob }))).toEqual(["malformed"]);
    for (const endpoint of ["a b:1", "a\u0000:1", "x".repeat(301)]) {
      expect(reasons(step({ type: "alive", alive: aliveOf("alice", { endpoint }), from: bob }))).toEqual(["malformed"]);
    }
    const secret = aliveOf("alice", { internalEndpoint: "line\nbreak:1" });
    expect(reasons(step({ type: "alive", alive: secret, from: bob }))).toEqual(["malformed"]);
    expect(discovery.members).toEqual([]);
  });

  test("04/N8, 4.8: forwards an older push than it holds when the newer did not come by push", () => {
    const { push, step, discovery } = setup();
    push("alice", 6n);
    step({ type: "membership-request", from: alice, nonce: 0n, self: aliveOf("alice", { sequence: 20n }) });
    expect(discovery.lookup(alice)?.sequence).toBe(20n);
    expect(ofType(push("alice", 15n), "forward-alive")).toHaveLength(1);
    expect(discovery.lookup(alice)?.sequence).toBe(20n);
    expect(reasons(push("alice", 15n))).toEqual(["stale"]);
    expect(reasons(push("alice", 14n))).toEqual(["stale"]);
  });

  test("04/6, 04/21, 4.6: wants exactly what it would accept, without signatures being checked", () => {
    const { push, discovery } = setup();
    expect(discovery.wants(aliveOf("alice").message, "push")).toBe(true);
    push("alice", 2n);
    expect(discovery.wants(aliveOf("alice", { sequence: 1n }).message, "push")).toBe(false);
    expect(discovery.wants(aliveOf("alice", { sequence: 2n }).message, "push")).toBe(false);
    expect(discovery.wants(aliveOf("alice", { sequence: 3n }).message, "push")).toBe(true);
  });
});

describe("Discovery and its own messages", () => {
  test("04/N12, 4.9: neither stores nor forwards its own message coming back", () => {
    const { step, discovery } = setup();
    const alive = aliveOf("self", { incarnation: nanos, sequence: 0n });
    expect(step({ type: "alive", alive, from: bob })).toMatchObject([{ type: "dropped", reason: "own-message" }]);
    expect(discovery.lookup(self)).toBeUndefined();
    expect(discovery.wants(alive.message, "push")).toBe(false);
  });

  test("04/N4, 4.13: refutes its own death with a fresh heartbeat, and does not become its own member", () => {
    const { push, respond, discovery, pass } = setup();
    push("alice", 1n);
    pass(10_000);
    push("alice", 2n);
    const own = aliveOf("self", { incarnation: nanos, sequence: 1n });
    expect(discovery.wants(own.message, "dead-entry")).toBe(true);
    const outputs = respond(alice, [], [own]);
    expect(ofType([...outputs, ...pass(250)], "send-alive")).toHaveLength(1);
    expect(reasons(outputs)).toEqual(["own-message"]);
    expect(discovery.lookup(self)).toBeUndefined();
    expect(discovery.deadMembers).toEqual([]);
  });

  test("4.10: reports another process with its identity: newer than anything it made", () => {
    const { step, discovery } = setup();
    const foreign = aliveOf("self", { incarnation: nanos + 1n, endpoint: "elsewhere:1" });
    expect(discovery.wants(foreign.message, "push")).toBe(true);
    const input = { type: "alive", alive: foreign, from: bob } as const;
    expect(ofType(step(input), "identity-conflict")).toMatchObject([{ endpoint: "elsewhere:1" }]);
    expect(ofType(step(input), "identity-conflict"), "once per expiration time").toEqual([]);
  });

  test("4.10: reports an older process that still counts up, but not echoes of its own earlier life", () => {
    const { step, pass } = setup();
    const old = (sequence: bigint) =>
      ofType(
        step({ type: "alive", alive: aliveOf("self", { incarnation: 5n, sequence }), from: bob }),
        "identity-conflict",
      );
    expect(old(1n)).toEqual([]);
    expect(old(2n)).toEqual([]);
    pass(30_000);
    expect(old(2n)).toEqual([]);
    expect(old(2n)).toEqual([]);
    expect(old(3n)).toHaveLength(1);
  });

  test("4.2: gives every own record a sequence number of its own, from 1", () => {
    const { push, step, pass } = setup();
    const outputs = [...push("alice", 1n)];
    outputs.push(...step({ type: "membership-request", from: alice, nonce: 9n, self: aliveOf("alice") }));
    outputs.push(...pass(20_000));
    const sequences = outputs.flatMap((output) => ("self" in output ? [output.self.time.sequence] : []));
    expect(sequences.length).toBeGreaterThan(5);
    expect(sequences).toEqual(sequences.map((_, at) => BigInt(at + 1)));
  });

  test("4.30: tells a change of metadata or endpoint at once, and to nobody when alone", () => {
    const { push, step, discovery, pass } = setup();
    expect(step({ type: "update-self", metadata: new Uint8Array([1]) })).toEqual([]);
    push("alice", 1n);
    pass(1_000);
    const outputs = step({ type: "update-self", endpoint: "new.external:7051" });
    expect(outputs).toMatchObject([
      { type: "send-alive", self: { member: { endpoint: "new.external:7051", metadata: new Uint8Array([1]) } } },
    ]);
    expect(discovery.self.endpoint).toBe("new.external:7051");
  });
});

describe("Discovery beats", () => {
  test("04/5, 4.28: that knows nobody signs nothing and is idle", () => {
    const { discovery, step } = setup();
    expect(discovery.deadline).toBe(Number.POSITIVE_INFINITY);
    expect(step({ type: "sync-soon" })).toEqual([]);
    expect(step(wake)).toEqual([]);
    expect(discovery.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  test("4.28: sends a heartbeat every period while somebody is alive", () => {
    const { push, pass } = setup();
    push("alice", 1n);
    const heartbeats = [];
    for (let second = 1; second <= 20; second++) {
      heartbeats.push(...ofType(pass(1_000), "send-alive").map(() => second));
      push("alice", BigInt(second + 1));
    }
    expect(heartbeats).toEqual([5, 10, 15, 20]);
  });

  test("4.30: tells news at most once per news interval, and ever more rarely while it goes on", () => {
    const { push, pass } = setup();
    expect(ofType(push("alice", 1n), "send-alive")).toHaveLength(1);
    expect(ofType(push("bob", 1n), "send-alive")).toHaveLength(0);
    expect(ofType(push("carol", 1n), "send-alive")).toHaveLength(0);
    expect(ofType(pass(249), "send-alive")).toHaveLength(0);
    expect(ofType(pass(1), "send-alive")).toHaveLength(1);
    push("dave", 1n);
    expect(ofType(pass(499), "send-alive")).toHaveLength(0);
    expect(ofType(pass(1), "send-alive")).toHaveLength(1);
    expect(ofType(pass(4_999), "send-alive")).toHaveLength(0);
    expect(ofType(pass(1), "send-alive")).toHaveLength(1);
    // The news is over.
    push("erin", 1n);
    expect(ofType(pass(250), "send-alive")).toHaveLength(1);
  });

  test("4.30: in a large network leaves news to the period, where a heartbeat costs more", () => {
    const { push, pass } = setup();
    for (let at = 0; at < 200; at++) push(`member-${at}`, 1n);
    while (ofType(pass(1), "send-alive").length === 0);
    push("one-more", 1n);
    expect(ofType(pass(4_999), "send-alive")).toHaveLength(0);
    expect(ofType(pass(1), "send-alive")).toHaveLength(1);
  });

  /** When it asked, with `during` called every 10 ms. */
  function timesOfAsking(until: number, { pass }: ReturnType<typeof setup>, during: (ms: number) => void = () => {}) {
    const at: number[] = [];
    for (let ms = 10; ms <= until; ms += 10) {
      if (ofType(pass(10), "request-membership").length > 0) at.push(ms);
      during(ms);
    }
    return at;
  }

  test("4.31: asks for membership soon after meeting somebody, then ever less often, twice per expiration at least", () => {
    const peers = setup({ config: { aliveExpirationTimeoutMs: 60_000 } });
    peers.push("alice", 1n);
    expect(timesOfAsking(80_000, peers)).toEqual([250, 750, 1_750, 3_750, 7_750, 15_750, 31_750, 61_750]);
  });

  test("4.31: hastens again when somebody comes up, and does not slow down when it was not pushes that told of others", () => {
    const peers = setup({ config: { aliveExpirationTimeoutMs: 60_000 } });
    peers.push("alice", 1n);
    const asked = timesOfAsking(40_000, peers, (ms) => {
      if (ms === 16_000) peers.push("bob", 1n);
      // Longer after the last push than the next one takes.
      if (ms !== 23_700) return;
      const newer = aliveOf("bob", { sequence: 2n, internalEndpoint: "bob:7051" });
      peers.step({ type: "membership-response", from: alice, nonce: 0n, alive: [newer], dead: [] });
    });
    const hastened = [16_250, 16_750, 17_750, 19_750];
    expect(asked).toEqual([250, 750, 1_750, 3_750, 7_750, 15_750, ...hastened, 23_750, 27_750, 35_750]);
  });

  test("4.31: slows down when others told of somebody before the push came", () => {
    const peers = setup({ config: { aliveExpirationTimeoutMs: 60_000 } });
    peers.push("alice", 1n);
    const asked = timesOfAsking(40_000, peers, (ms) => {
      if (ms === 19_000) peers.push("alice", 2n);
      if (ms !== 23_700) return;
      const newer = aliveOf("alice", { sequence: 3n, internalEndpoint: "alice:7051" });
      peers.step({ type: "membership-response", from: alice, nonce: 0n, alive: [newer], dead: [] });
    });
    expect(asked).toEqual([250, 750, 1_750, 3_750, 7_750, 15_750, 31_750]);
  });

  test("4.31: asks soon again when somebody goes", () => {
    const peers = setup({ config: { aliveExpirationTimeoutMs: 60_000 } });
    peers.push("alice", 1n);
    peers.push("bob", 1n);
    const asked = timesOfAsking(20_000, peers, (ms) => {
      if (ms === 16_000) peers.step({ type: "presumed-dead", pkiId: bob });
    });
    expect(asked.slice(-5)).toEqual([15_750, 16_250, 16_750, 17_750, 19_750]);
  });

  test("4.31: in haste asks one that is connected, if there is one, and later everybody in turn", () => {
    const { push, pass } = setup({ isLinked: (pkiId) => pkiId === alice, config: { pullPeerNum: 2 } });
    for (const name of ["alice", "bob", "carol"]) push(name, 1n);
    const to = ofType(pass(16_000), "request-membership").map((request) => request.to.map(({ pkiId }) => pkiId));
    expect(to.slice(0, 4)).toEqual([[alice], [alice], [alice], [alice]]);
    expect(new Set(to.slice(4).flat())).toEqual(new Set([alice, bob, carol]));
  });

  test("4.31: asks each member in turn, pullPeerNum at a time, with one record for all", () => {
    const { push, pass } = setup({ config: { pullPeerNum: 2 } });
    for (const name of ["a", "b", "c", "d"]) push(name, 1n);
    const rounds = ofType(pass(800), "request-membership");
    expect(rounds).toHaveLength(2);
    expect(rounds.map(({ to }) => to.length)).toEqual([2, 2]);
    expect(rounds.flatMap(({ to }) => to.map(({ pkiId }) => nameOf(pkiId))).sort()).toEqual(["a", "b", "c", "d"]);
    expect(rounds.map(({ nonce }) => nonce)).toEqual([0n, 0n]);
  });

  test("4.31, 4.45: asks only members that may learn of it, and filters before it draws", () => {
    const disclosure: Disclosure = ({ pkiId }) => (pkiId === alice ? "public" : "nothing");
    const { push, pass } = setup({ disclosure, config: { pullPeerNum: 1 } });
    push("alice", 1n);
    push("bob", 1n);
    const targets = ofType(pass(4_000), "request-membership").flatMap(({ to }) => to);
    expect(targets.length).toBeGreaterThan(3);
    expect(new Set(targets.map(({ pkiId }) => pkiId))).toEqual(new Set([alice]));
    expect(targets.every(({ includeSecret }) => !includeSecret)).toBe(true);
  });

  test("4.31: asks at once on a hint, but not more often than the news interval", () => {
    const { push, step, pass } = setup();
    push("alice", 1n);
    pass(1_000);
    expect(ofType(step({ type: "sync-soon" }), "request-membership")).toHaveLength(1);
    expect(ofType(step({ type: "sync-soon" }), "request-membership")).toHaveLength(0);
    expect(ofType(pass(250), "request-membership")).toHaveLength(1);
  });
});

describe("Discovery answers requests", () => {
  const request = (name: string, options = {}) =>
    ({ type: "membership-request", from: pkiIdOf(name), nonce: 77n, self: aliveOf(name, options) }) as const;

  test("4.17, 4.18: answers with everybody and a fresh own record, and learns the asker", () => {
    const { push, respond, step, discovery } = setup();
    push("alice", 1n);
    respond(alice, [], []);
    push("bob", 1n);
    step({ type: "presumed-dead", pkiId: bob });
    const outputs = step(request("carol", { internalEndpoint: "carol:7051" }));
    const [response] = ofType(outputs, "respond-membership");
    expect(response).toMatchObject({
      to: { pkiId: carol, endpoint: "carol:7051" },
      nonce: 77n,
      includeSecret: true,
      self: { member: { pkiId: self }, internalEndpoint: "self:7051" },
    });
    expect(authors(response?.alive ?? []).sort()).toEqual(["alice", "carol"]);
    expect(authors(response?.dead ?? [])).toEqual(["bob"]);
    expect(discovery.lookup(carol)?.state).toBe("alive");
    expect(ofType(outputs, "forward-alive"), "self information is not forwarded (§8.3)").toEqual([]);
  });

  test("04/N6, 4.17: answers a request with stale self information without changing its view", () => {
    const { step, discovery } = setup();
    step(request("alice", { sequence: 5n }));
    const outputs = step(request("alice", { sequence: 3n }));
    expect(ofType(outputs, "respond-membership")).toHaveLength(1);
    expect(reasons(outputs)).toEqual(["stale"]);
    expect(discovery.lookup(alice)?.sequence).toBe(5n);
  });

  test("04/28, 4.16: does not answer who shows the alive message of another", () => {
    const { step, discovery } = setup();
    const outputs = step({ type: "membership-request", from: bob, nonce: 1n, self: aliveOf("carol") });
    expect(outputs).toEqual([{ type: "dropped", reason: "not-own-information", from: bob, count: 1 }]);
    expect(discovery.members).toEqual([]);
    const honest = step({ type: "membership-request", from: carol, nonce: 1n, self: aliveOf("carol") });
    expect(ofType(honest, "respond-membership")).toHaveLength(1);
  });

  test("04/22, 4.19: closes the connection to whom it may not be disclosed, and does not answer", () => {
    const { step } = setup({ disclosure: () => "nothing" });
    const outputs = step(request("alice"));
    expect(ofType(outputs, "respond-membership")).toEqual([]);
    expect(ofType(outputs, "disconnect")).toEqual([{ type: "disconnect", pkiId: alice, reason: "undisclosed" }]);
    expect(reasons(outputs)).toEqual(["undisclosed"]);
  });

  test("4.18, 4.44: tells only what the asker may learn, and without secrets where it may not see them", () => {
    const disclosure: Disclosure = (target, { pkiId }) =>
      target.pkiId !== carol ? "all" : pkiId === bob ? "nothing" : "public";
    const { push, only } = setup({ disclosure });
    push("alice", 1n);
    push("bob", 1n);
    const [response] = only("respond-membership", request("carol"));
    expect(authors(response?.alive ?? []).sort()).toEqual(["alice", "carol"]);
    expect(response?.alive.every(({ secret }) => secret === undefined)).toBe(true);
    expect(response?.includeSecret).toBe(false);
    const [open] = only("respond-membership", request("alice", { sequence: 2n }));
    expect(open?.alive.some(({ secret }) => secret !== undefined)).toBe(true);
  });

  test("4.23: keeps the secret of a member in its answers when a newer copy came without", () => {
    const { push, step, only } = setup();
    push("alice", 1n);
    step({ type: "alive", alive: aliveOf("alice", { sequence: 2n }), from: bob });
    const [response] = only("respond-membership", request("bob"));
    const entry = response?.alive.find((envelope) => authors([envelope])[0] === "alice");
    expect(entry?.secret).toBeDefined();
  });

  test("4.23: does not tell the secret of an earlier life", () => {
    const { push, step, only } = setup();
    push("alice", 1n);
    step({ type: "alive", alive: aliveOf("alice", { incarnation: 2n, sequence: 1n }), from: bob });
    const [response] = only("respond-membership", request("bob"));
    const entry = response?.alive.find((envelope) => authors([envelope])[0] === "alice");
    expect(entry).toBeDefined();
    expect(entry?.secret).toBeUndefined();
  });

  test("4.20: sends a view that is too large in turns", () => {
    const { push, only } = setup({ config: { maxResponseEntries: 3 } });
    for (let at = 0; at < 7; at++) push(`m${at}`, 1n);
    const seen = new Set<string>();
    for (let round = 0; round < 4; round++) {
      const [response] = only("respond-membership", request("m0", { sequence: BigInt(round + 2) }));
      expect(response?.alive).toHaveLength(3);
      for (const name of authors(response?.alive ?? [])) seen.add(name);
    }
    expect(seen.size).toBe(7);
  });

  test("4.20: bounds an answer in bytes too", () => {
    const { push, only } = setup({ config: { maxResponseBytes: 200 } });
    for (let at = 0; at < 20; at++) push(`m${at}`, 1n);
    const [response] = only("respond-membership", request("m0", { sequence: 2n }));
    expect(response?.alive.length).toBeGreaterThan(0);
    expect(response?.alive.length).toBeLessThan(6);
  });

  test("Discovery does not answer itself", () => {
    const { step } = setup();
    expect(reasons(step(request("self")))).toEqual(["own-message"]);
  });
});

describe("Discovery reads responses", () => {
  test("4.12, 4.25: learns the alive and the dead of a response, forwards neither, and keeps who it knows", () => {
    const { push, respond, discovery } = setup();
    push("alice", 5n);
    const outputs = respond(alice, [aliveOf("bob")], [aliveOf("carol"), aliveOf("alice", { sequence: 9n })]);
    expect(ofType(outputs, "member-up")).toMatchObject([{ member: { pkiId: bob } }]);
    expect(ofType(outputs, "member-down")).toMatchObject([{ member: { pkiId: carol }, cause: "reported" }]);
    expect(ofType(outputs, "forward-alive")).toEqual([]);
    expect(reasons(outputs)).toEqual(["known-member"]);
    expect(discovery.lookup(alice)).toMatchObject({ state: "alive", sequence: 5n });
  });

  test("4.27: refuses a response it did not ask for, and a second one to one request", () => {
    const { push, pass, step, discovery } = setup();
    push("alice", 1n);
    const response = {
      type: "membership-response",
      from: alice,
      nonce: 0n,
      alive: [aliveOf("bob")],
      dead: [],
    } as const;
    expect(reasons(step(response))).toEqual(["unsolicited-response"]);
    pass(250);
    expect(discovery.wantsResponse(alice, 0n)).toBe(true);
    expect(discovery.wantsResponse(alice, 1n)).toBe(false);
    expect(discovery.wantsResponse(bob, 0n)).toBe(false);
    expect(reasons(step({ ...response, from: bob }))).toEqual(["unsolicited-response"]);
    expect(reasons(step({ ...response, nonce: 1n }))).toEqual(["unsolicited-response"]);
    expect(ofType(step(response), "member-up")).toHaveLength(1);
    expect(reasons(step(response))).toEqual(["unsolicited-response"]);
  });

  test("4.27: refuses a response that comes too late", () => {
    const { push, pass, step } = setup({ config: { responseTimeoutMs: 100 } });
    push("alice", 1n);
    pass(251);
    pass(200);
    const response = { type: "membership-response", from: alice, nonce: 0n, alive: [], dead: [] } as const;
    expect(reasons(step(response))).toEqual(["unsolicited-response"]);
  });

  test("04/N7, 4.22: lets one bad entry cost only itself", () => {
    const { push, respond } = setup();
    push("alice", 1n);
    const outputs = respond(alice, [aliveOf(""), aliveOf("bob")], []);
    expect(ofType(outputs, "member-up")).toMatchObject([{ member: { pkiId: bob } }]);
    expect(reasons(outputs)).toEqual(["malformed"]);
  });

  test("4.24: reads no more entries than it allows", () => {
    const { push, respond, discovery } = setup({ config: { maxResponseEntries: 2 } });
    push("alice", 1n);
    const outputs = respond(alice, [aliveOf("b"), aliveOf("c"), aliveOf("d")], [aliveOf("e")]);
    expect(ofType(outputs, "dropped")).toEqual([
      { type: "dropped", reason: "too-many-entries", from: alice, count: 2 },
    ]);
    expect(discovery.members).toHaveLength(3);
    expect(discovery.deadMembers).toHaveLength(0);
  });

  test("04/7, 04/8, 4.22: does not have signatures of entries checked that it holds already", () => {
    const { push, respond, discovery } = setup();
    push("alice", 1n);
    const [bobAlive, carolDead] = [aliveOf("bob"), aliveOf("carol")];
    expect(discovery.wants(bobAlive.message, "alive-entry")).toBe(true);
    expect(discovery.wants(carolDead.message, "dead-entry")).toBe(true);
    respond(alice, [bobAlive], [carolDead]);
    expect(discovery.wants(bobAlive.message, "alive-entry")).toBe(false);
    expect(discovery.wants(carolDead.message, "dead-entry")).toBe(false);
    expect(discovery.wants(bobAlive.message, "request"), "a request is answered whatever it shows").toBe(true);
  });
});

describe("Discovery notices death", () => {
  test("04/12, 4.29: declares a silent member dead after the expiration time, and closes its connection", () => {
    const { push, pass, discovery } = setup();
    push("alice", 1n);
    expect(ofType(pass(25_000), "member-down")).toEqual([]);
    const outputs = pass(2_500);
    expect(ofType(outputs, "member-down")).toMatchObject([
      { member: { pkiId: alice, state: "dead" }, cause: "silence" },
    ]);
    expect(ofType(outputs, "disconnect")).toMatchObject([{ pkiId: alice, reason: "member-down" }]);
    expect(discovery.members).toEqual([]);
    expect(discovery.lookup(alice)?.state).toBe("dead");
  });

  test("4.32: declares dead at once who cannot be reached, and nobody else", () => {
    const { push, step } = setup();
    push("alice", 1n);
    expect(ofType(step({ type: "presumed-dead", pkiId: alice }), "member-down")).toMatchObject([
      { cause: "presumed-dead" },
    ]);
    expect(reasons(step({ type: "presumed-dead", pkiId: alice }))).toEqual(["unknown-member"]);
    expect(reasons(step({ type: "presumed-dead", pkiId: bob }))).toEqual(["unknown-member"]);
  });

  test("04/N1, 4.7: resurrects a dead member by a newer message only", () => {
    const { push, step, pass, discovery } = setup();
    push("alice", 4n);
    step({ type: "presumed-dead", pkiId: alice });
    expect(reasons(push("alice", 4n))).toEqual(["stale"]);
    expect(discovery.lookup(alice)?.state).toBe("dead");
    expect(ofType(push("alice", 5n), "member-up")).toMatchObject([{ cause: "resurrected" }]);
    expect(discovery.lookup(alice)?.state).toBe("alive");
    expect(ofType(pass(5_000), "send-alive"), "we are not alone again").not.toEqual([]);
  });

  test("4.1: an answered ping, and an answer that does not tell of it, leave a dead member dead", () => {
    const { push, step, pass, respond, discovery } = setup();
    push("alice", 1n);
    push("bob", 1n);
    step({ type: "presumed-dead", pkiId: alice });
    for (let beat = 2n; ofType(pass(100), "ping").length === 0; beat++) push("bob", beat);
    step({ type: "ping-result", pkiId: alice, alive: true });
    respond(alice, [aliveOf("carol")], []);
    expect(discovery.lookup(alice)?.state).toBe("dead");
    expect(discovery.lookup(carol)?.state).toBe("alive");
  });

  test("4.34: pings the dead, and asks those that answer, with their secret shown", () => {
    const { push, step, pass } = setup();
    push("alice", 1n);
    step({ type: "presumed-dead", pkiId: alice });
    const [ping] = ofType(pass(27_500), "ping");
    expect(ping).toEqual({ type: "ping", pkiId: alice, endpoint: "alice:7051" });
    const outputs = step({ type: "ping-result", pkiId: alice, alive: true });
    expect(outputs).toMatchObject([
      { type: "request-membership", nonce: 0n, to: [{ pkiId: alice, endpoint: "alice:7051", includeSecret: true }] },
    ]);
    expect(reasons(step({ type: "ping-result", pkiId: alice, alive: true }))).toEqual(["unexpected-result"]);
  });

  test("4.34: does not ask on a ping's account who came back by itself meanwhile", () => {
    const { push, pass, only, step } = setup();
    push("alice", 1n);
    push("bob", 1n);
    step({ type: "presumed-dead", pkiId: alice });
    expect(ofType(pass(27_500), "ping")).toMatchObject([{ pkiId: alice }]);
    push("alice", 2n);
    expect(only("request-membership", { type: "ping-result", pkiId: alice, alive: true })).toEqual([]);
  });

  test("4.34: pings an endpoint once, for the youngest life seen there", () => {
    const { step, pass } = setup();
    for (const [name, incarnation] of [
      ["old", 1n],
      ["young", 9n],
      ["middle", 5n],
    ] as const) {
      step({ type: "alive", alive: aliveOf(name, { incarnation, internalEndpoint: "same:7051" }), from: bob });
      step({ type: "presumed-dead", pkiId: pkiIdOf(name) });
    }
    expect(ofType(pass(27_500), "ping")).toMatchObject([{ pkiId: pkiIdOf("young") }]);
  });

  test("4.34: probes at most so many of the dead in one round", () => {
    const { push, step, pass } = setup({ config: { maxProbes: 3 } });
    for (let at = 0; at < 10; at++) {
      push(`m${at}`, 1n);
      step({ type: "presumed-dead", pkiId: pkiIdOf(`m${at}`) });
    }
    expect(ofType(pass(27_500), "ping")).toHaveLength(3);
  });

  test("04/N2, 4.35: forgets a dead member after its time to live, and refuses its old messages as long again", () => {
    const { push, pass, respond, discovery } = setup({ config: { msgExpirationFactor: 2 } });
    push("alice", 1n, bob, 10n);
    expect(ofType(pass(50_000), "member-forgotten")).toEqual([]);
    expect(ofType(pass(2_500), "member-forgotten")).toEqual([
      { type: "member-forgotten", pkiId: alice, cause: "expired" },
    ]);
    expect(discovery.lookup(alice)).toBeUndefined();
    expect(reasons(push("alice", 1n, bob, 10n))).toEqual(["forgotten"]);
    push("bob", 1n);
    expect(reasons(respond(bob, [], [aliveOf("alice", { incarnation: 10n })]))).toEqual(["forgotten"]);
    expect(ofType(push("alice", 2n, bob, 10n), "member-up")).toMatchObject([{ cause: "learned" }]);
  });

  test("04/19, 4.35: forgets a member that never showed a secret, with hardly any time to live", () => {
    const { step, pass, discovery } = setup({ config: { msgExpirationFactor: 1 } });
    step({ type: "alive", alive: aliveOf("alice"), from: bob });
    expect(ofType(pass(27_500), "member-forgotten")).toMatchObject([{ pkiId: alice, cause: "expired" }]);
    expect([...discovery.members, ...discovery.deadMembers]).toEqual([]);
  });

  test("4.35: remembers the forgotten no longer than twice the time to live, then is idle", () => {
    const { push, pass, discovery } = setup({ config: { msgExpirationFactor: 2 } });
    push("alice", 1n);
    pass(105_000);
    expect(discovery.deadline).toBe(Number.POSITIVE_INFINITY);
    expect(discovery.wants(aliveOf("alice").message, "push")).toBe(true);
  });

  test("04/N3, 4.35: forgets members known only from responses too", () => {
    const { push, respond, pass, discovery } = setup({ config: { msgExpirationFactor: 2 } });
    push("alice", 1n);
    respond(alice, [aliveOf("bob")], [aliveOf("carol")]);
    pass(60_000);
    expect(discovery.lookup(bob)).toBeUndefined();
    expect(discovery.lookup(carol)).toBeUndefined();
  });

  test("04/10, 4.35: keeps a member alive that is refreshed by responses only", () => {
    const { respond, pass, step, discovery } = setup({ config: { msgExpirationFactor: 2 } });
    step({ type: "membership-request", from: alice, nonce: 0n, self: aliveOf("alice") });
    for (let round = 2n; round < 20n; round++) {
      respond(alice, [aliveOf("alice", { sequence: round }), aliveOf("bob", { sequence: round })], []);
      pass(5_000);
      expect(discovery.members).toHaveLength(2);
    }
  });

  test("4.21: does not pass on deaths it knows only from others, or the dead would never be forgotten", () => {
    const { push, respond, only } = setup();
    push("alice", 1n);
    respond(alice, [], [aliveOf("bob")]);
    const request = { type: "membership-request", from: carol, nonce: 1n, self: aliveOf("carol") } as const;
    expect(only("respond-membership", request)[0]?.dead).toEqual([]);
  });

  test("4.21: passes on the death of a member that it knew only from others until it was heard of", () => {
    const { push, respond, only, step } = setup();
    push("alice", 1n);
    respond(alice, [], [aliveOf("bob")]);
    push("bob", 2n);
    step({ type: "presumed-dead", pkiId: bob });
    const request = { type: "membership-request", from: carol, nonce: 1n, self: aliveOf("carol") } as const;
    expect(authors(only("respond-membership", request)[0]?.dead ?? [])).toEqual(["bob"]);
  });

  test("04/17, 04/N9, 4.33: drops a member whose identity is gone, and takes it back by a newer message only", () => {
    const { push, step, discovery } = setup();
    push("alice", 3n);
    expect(step({ type: "identity-removed", pkiId: alice })).toMatchObject([
      { type: "member-forgotten", pkiId: alice, cause: "identity-removed" },
    ]);
    expect(discovery.lookup(alice)).toBeUndefined();
    expect(reasons(push("alice", 3n))).toEqual(["forgotten"]);
    expect(ofType(push("alice", 4n), "member-up")).toHaveLength(1);
    expect(reasons(step({ type: "identity-removed", pkiId: bob }))).toEqual(["unknown-member"]);
  });

  test("4.37: with a full table makes room by forgetting who has been dead longest, else refuses", () => {
    const { push, step, discovery, pass } = setup({ config: { maxMembers: 2 } });
    push("alice", 1n);
    pass(10);
    push("bob", 1n);
    expect(reasons(push("carol", 1n))).toEqual(["members-full"]);
    step({ type: "presumed-dead", pkiId: bob });
    step({ type: "presumed-dead", pkiId: alice });
    expect(ofType(push("carol", 1n), "member-forgotten")).toEqual([
      { type: "member-forgotten", pkiId: alice, cause: "evicted" },
    ]);
    expect(discovery.members.map(({ pkiId }) => pkiId)).toEqual([carol]);
    expect(discovery.deadMembers.map(({ pkiId }) => pkiId)).toEqual([bob]);
  });

  test("4.36, 4.37: a full table does not forget for others who is at a bootstrap endpoint", () => {
    const { push, step, discovery } = setup({ config: { maxMembers: 1 } });
    push("alice", 1n);
    step({ type: "connect", endpoint: "alice:7051", role: "bootstrap" });
    step({ type: "presumed-dead", pkiId: alice });
    expect(reasons(push("carol", 1n))).toEqual(["members-full"]);
    expect(discovery.deadMembers.map(({ pkiId }) => pkiId)).toEqual([alice]);
    step({ type: "release", endpoint: "alice:7051" });
    expect(ofType(push("carol", 1n), "member-forgotten")).toMatchObject([{ pkiId: alice, cause: "evicted" }]);
  });
});

describe("Discovery checks what its caller gives", () => {
  const options = { incarnation: 1n, random: seededRandom(1) };

  test.each(["", "no-port", "host:0", "host:65536", "a:b:c"])("4.5: refuses %j as own endpoint", (endpoint) => {
    const create = () => new Discovery({ ...options, self: { pkiId: self, internalEndpoint: endpoint } });
    expect(create).toThrow(GossipError);
    expect(create).toThrow(/expected self.internalEndpoint as host:port, got/);
  });

  test("4.5: takes an IPv6 endpoint", () => {
    const discovery = new Discovery({ ...options, self: { pkiId: self, internalEndpoint: "[::1]:7051" } });
    expect(discovery.self.endpoint).toBe("");
  });

  test("Discovery refuses to be nobody", () => {
    const create = () => new Discovery({ ...options, self: { pkiId: "" as PkiId, internalEndpoint: "self:7051" } });
    expect(create).toThrow(/expected self.pkiId to be a PKI-ID/);
  });

  test("Discovery without a disclosure rule tells nobody anything but itself, without the secret", () => {
    const discovery = new Discovery({ ...options, self: { pkiId: self, internalEndpoint: "self:7051" } });
    discovery.step({ type: "alive", alive: aliveOf("alice"), from: alice }, 0);
    const request = { type: "membership-request", from: bob, nonce: 1n, self: aliveOf("bob") } as const;
    const [response] = ofType(discovery.step(request, 0), "respond-membership");
    expect(response).toMatchObject({ alive: [], dead: [], includeSecret: false });
  });

  test("04/11: says itself what others decode from its records", () => {
    const { push } = setup();
    const [heartbeat] = ofType(push("alice", 1n), "send-alive");
    const message = heartbeat && decodeMessage(verifiedAlive(heartbeat.self).envelope.payload);
    expect(message).toMatchObject({ type: "alive", member: { pkiId: self, endpoint: "self.external:7051" } });
  });
});

describe("Discovery in a large network", () => {
  const names = Array.from({ length: 12 }, (_, index) => `peer${index}`);
  const young = (name: string, sequence = 1n) =>
    aliveOf(name, { sequence, internalEndpoint: `${name}:7051`, identity: Uint8Array.of(1) });
  /** Told of by their own pushes, `everyMs` apart; which of them were passed on. */
  function arrive({ step, pass }: ReturnType<typeof setup>, everyMs: number, make = young): readonly string[] {
    return names.filter((name) => {
      const outputs = step({ type: "alive", from: bob, alive: make(name) });
      pass(everyMs);
      return ofType(outputs, "forward-alive").length > 0;
    });
  }

  test("4.59: ten that were just started are a crowd, and who comes up then is not passed on before its next heartbeat", () => {
    const peers = setup();
    expect(arrive(peers, 100)).toEqual(names.slice(0, 9));
    const next = aliveOf("peer11", { sequence: 2n, internalEndpoint: "peer11:7051" });
    expect(peers.only("forward-alive", { type: "alive", from: bob, alive: next })).toHaveLength(1);
  });

  test("4.59: there is no crowd of members that were started long ago, or one after the other", () => {
    expect(arrive(setup(), 100, (name) => aliveOf(name, { internalEndpoint: `${name}:7051` }))).toEqual(names);
    expect(arrive(setup(), 1_000)).toEqual(names);
    expect(arrive(setup({ config: { newsIntervalMs: Number.POSITIVE_INFINITY } }), 100)).toEqual(names);
  });

  test("4.59: who was alone and meets a crowd says no more of itself than the crowd asks for", () => {
    const peers = setup();
    peers.step({ type: "connect", endpoint: "bob:7051", role: "bootstrap" });
    const request = peers.only("request-membership", {
      type: "identified",
      endpoint: "bob:7051",
      pkiId: bob,
      sameOrg: true,
    });
    const nonce = request[0]?.nonce ?? 0n;
    const alive = names.map((name) => young(name));
    const outputs = peers.step({ type: "membership-response", from: bob, nonce, alive, dead: [] });
    expect(ofType(outputs, "member-up")).toHaveLength(names.length);
    expect(ofType([...outputs, ...peers.pass(4_000)], "send-alive")).toEqual([]);
    expect(ofType(peers.pass(1_500), "send-alive")).toHaveLength(1);
  });

  test("4.60: among more than ten members, pushes may wait for others: heartbeats longer than news", () => {
    const peers = setup();
    const waitOf = (name: string, sequence: bigint) => {
      const alive = aliveOf(name, { sequence, internalEndpoint: `${name}:7051` });
      return peers.only("forward-alive", { type: "alive", from: bob, alive })[0]?.waitMs;
    };
    expect(names.map((name) => waitOf(name, 1n))).toEqual([...Array(10).fill(0), 125, 125]);
    expect(waitOf("peer0", 2n)).toBe(1_000);
    expect(ofType(peers.pass(20_000), "send-alive").at(-1)?.waitMs).toBe(1_000);
  });

  test("4.60: by the clock, nothing waits", () => {
    const peers = setup({ config: { newsIntervalMs: Number.POSITIVE_INFINITY } });
    const outputs = names.flatMap((name) => peers.push(name, 1n));
    expect(new Set(ofType(outputs, "forward-alive").map(({ waitMs }) => waitMs))).toEqual(new Set([0]));
  });
});
