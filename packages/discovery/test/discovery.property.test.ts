import { Discovery, type DiscoveryInput, type DiscoveryOutput } from "@gossip/discovery";
import { aliveOf, pkiIdOf, withoutSecret } from "@gossip/discovery/testing";
import { comparePeerTime, type PeerTime, type PkiId } from "@gossip/proto";
import { seededRandom, type Wake, wake } from "@gossip/runtime";
import { checkMachineLaws } from "@gossip/runtime/testing";
import fc from "fast-check";
import { expect, test } from "vitest";

const config = {
  aliveTimeIntervalMs: 100,
  aliveExpirationTimeoutMs: 500,
  msgExpirationFactor: 2,
  maxMembers: 4,
  maxContacts: 3,
  maxConnectionAttempts: 2,
  maxResponseEntries: 3,
};
const ttlMs = 1_000;
const name = fc.constantFrom("self", "a", "b", "c", "d", "e", "f");
const pkiId = name.map(pkiIdOf);
const endpoint = fc.constantFrom("a:7051", "b:7051", "self:7051", "elsewhere:1", "none");

const alive = fc
  .record({
    author: name,
    incarnation: fc.bigInt(1n, 3n),
    sequence: fc.bigInt(0n, 6n),
    hasSecret: fc.boolean(),
    endpoint: fc.constantFrom("", "x.external:1", "y.external:1"),
  })
  .map(({ author, hasSecret, ...options }) => {
    const full = aliveOf(author, { ...options, internalEndpoint: `${author}:7051` });
    return hasSecret ? full : withoutSecret(full);
  });

const remote: fc.Arbitrary<DiscoveryInput> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant("alive" as const), alive, from: pkiId }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("membership-request" as const),
      from: pkiId,
      nonce: fc.bigInt(0n, 3n),
      self: alive,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("membership-response" as const),
      from: pkiId,
      nonce: fc.constant(0n),
      alive: fc.array(alive, { maxLength: 3 }),
      dead: fc.array(alive, { maxLength: 3 }),
    }),
  },
);

const local: fc.Arbitrary<DiscoveryInput> = fc.oneof(
  fc.record({
    type: fc.constant("connect" as const),
    endpoint,
    role: fc.constantFrom("bootstrap" as const, "own-anchor" as const, "foreign-anchor" as const),
  }),
  fc.record({ type: fc.constant("release" as const), endpoint }),
  fc.record({ type: fc.constant("identified" as const), endpoint, pkiId, sameOrg: fc.boolean() }),
  fc.record({ type: fc.constant("identify-failed" as const), endpoint }),
  fc.record({ type: fc.constant("presumed-dead" as const), pkiId }),
  fc.record({ type: fc.constant("identity-removed" as const), pkiId }),
  fc.record({ type: fc.constant("ping-result" as const), pkiId, alive: fc.boolean() }),
  fc.record({ type: fc.constant("update-self" as const), metadata: fc.uint8Array({ maxLength: 2 }) }),
  fc.constant({ type: "sync-soon" as const }),
);

const script = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 3_000 })),
    input: fc.oneof({ weight: 3, arbitrary: remote }, { weight: 2, arbitrary: local }),
  }),
  { maxLength: 60 },
);

function create(): Discovery {
  return new Discovery({
    self: { pkiId: pkiIdOf("self"), internalEndpoint: "self:7051", endpoint: "self.external:7051" },
    incarnation: 2n,
    config,
    disclosure: (target, { pkiId: subject }) => (target.pkiId === subject ? "all" : "public"),
    random: seededRandom(5),
  });
}

test("Discovery keeps the laws of a machine, whatever happens", () => {
  // Per step at most: each member down, disconnected, forgotten or pinged; each entry of a response some outputs.
  const maxOutputs = 40;
  fc.assert(fc.property(script, (steps) => checkMachineLaws({ create, script: steps, maxOutputs })));
});

/** What the outputs alone say of each member. */
class Model {
  readonly alive = new Set<PkiId>();
  readonly dead = new Set<PkiId>();
  readonly newest = new Map<PkiId, { readonly time: PeerTime; readonly at: number }>();
  #sequence = 0n;

  take(output: DiscoveryOutput, now: number): void {
    switch (output.type) {
      case "member-up": {
        const { pkiId: id } = output.member;
        expect(this.alive.has(id), "up only from unknown or dead").toBe(false);
        expect(this.dead.has(id)).toBe(output.cause === "resurrected");
        this.dead.delete(id);
        this.alive.add(id);
        return;
      }
      case "member-down": {
        const { pkiId: id } = output.member;
        expect(this.alive.has(id), "down from alive, or reported from unknown").toBe(output.cause !== "reported");
        expect(this.dead.has(id)).toBe(false);
        this.alive.delete(id);
        this.dead.add(id);
        return;
      }
      case "member-forgotten":
        expect(this.alive.delete(output.pkiId) !== this.dead.delete(output.pkiId), "forgotten from one state").toBe(
          true,
        );
        return;
      case "send-alive":
      case "request-membership":
      case "respond-membership":
        expect(output.self.time).toEqual({ incarnation: 2n, sequence: ++this.#sequence });
        return;
      case "forward-alive":
        expect(output.alive.message.member.pkiId, "own messages are not forwarded").not.toBe(pkiIdOf("self"));
        return;
      default:
        expect(now).toBeGreaterThanOrEqual(0);
    }
  }

  /** The view is what the outputs said, and no time held ever falls while it is remembered. */
  check(discovery: Discovery, now: number): void {
    expect(discovery.members.map((member) => member.pkiId).sort()).toEqual([...this.alive].sort());
    expect(discovery.deadMembers.map((member) => member.pkiId).sort()).toEqual([...this.dead].sort());
    expect(this.alive.size + this.dead.size).toBeLessThanOrEqual(config.maxMembers);
    expect(discovery.lookup(pkiIdOf("self"))).toBeUndefined();
    for (const { pkiId: id, incarnation, sequence, lastSeen } of [...discovery.members, ...discovery.deadMembers]) {
      const time = { incarnation, sequence };
      const before = this.newest.get(id);
      if (before !== undefined && now <= before.at + 2 * ttlMs) {
        expect(comparePeerTime(time, before.time), `time of ${id}`).toBeGreaterThanOrEqual(0);
      }
      this.newest.set(id, { time, at: lastSeen });
    }
  }
}

test("4.7: Discovery never has a member both alive and dead, never lets its time fall, and says all it does", () => {
  fc.assert(
    fc.property(script, (steps) => {
      const discovery = create();
      const model = new Model();
      let now = 0;
      const step = (input: DiscoveryInput | Wake) => {
        for (const output of discovery.step(input, now)) model.take(output, now);
        model.check(discovery, now);
      };
      for (const { afterMs, input } of steps) {
        const until = now + afterMs;
        while (discovery.deadline <= until) {
          now = Math.max(now, discovery.deadline);
          step(wake);
        }
        now = until;
        step(input);
      }
    }),
    { numRuns: 300 },
  );
});

test("4.6: Discovery changes nothing by an alive message that it did not want", () => {
  fc.assert(
    fc.property(script, alive, pkiId, (steps, message, from) => {
      const discovery = create();
      let now = 0;
      for (const { afterMs, input } of steps) {
        now += afterMs;
        discovery.step(input, now);
      }
      const before = [...discovery.members, ...discovery.deadMembers];
      const hasSecret = message.envelope.secret !== undefined;
      if (discovery.wants(message.message, "push", hasSecret)) return;
      const outputs = discovery.step({ type: "alive", alive: message, from }, now);
      // That another process uses our identity is worth saying again, whatever its message is worth.
      const effects = outputs.filter(({ type }) => type !== "identity-conflict");
      expect(effects).toMatchObject([{ type: "dropped", count: 1 }]);
      expect([...discovery.members, ...discovery.deadMembers]).toEqual(before);
    }),
    { numRuns: 300 },
  );
});
