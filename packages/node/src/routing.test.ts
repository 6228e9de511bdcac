import { type OrgId, orgId, type PkiId, pkiId } from "@gossip/proto";
import { aliveMessage, dataMessage, leadershipMessage, stateInfo } from "@gossip/proto/testing";
import { seededRandom } from "@gossip/runtime";
import { describe, expect, test } from "vitest";
import { type Emission, type RoutableChannel, type RoutingView, routeBurst } from "./routing.js";

const ids = (...numbers: number[]) => numbers.map((number) => pkiId(number.toString(16).padStart(2, "0")));
const [self, a1, a2, a3, b1, b2, b3, c1] = ids(0, 1, 2, 3, 4, 5, 6, 7) as [
  PkiId,
  PkiId,
  PkiId,
  PkiId,
  PkiId,
  PkiId,
  PkiId,
  PkiId,
];
const orgs = new Map<PkiId, OrgId>([
  ...[self, a1, a2, a3].map((id) => [id, orgId("A")] as const),
  ...[b1, b2, b3].map((id) => [id, orgId("B")] as const),
  [c1, orgId("C")],
]);
/** Everybody shows an external endpoint except a3 and b3. */
const hidden = new Set([a3, b3]);
const secret = { payload: new Uint8Array([1]), signature: new Uint8Array([2]) };
const envelope = { payload: new Uint8Array([7]), signature: new Uint8Array([8]), secret };

function view(overrides: Partial<RoutingView> = {}): RoutingView {
  const channel: RoutableChannel = {
    isOrgInChannel: (id) => orgs.get(id) !== orgId("C"),
    isEligible: (id) => id !== a2,
    heightOf: (id) => (id === a3 ? 9n : 1n),
  };
  return {
    self,
    selfOrg: orgId("A"),
    alive: [a1, a2, a3, b1, b2, b3, c1],
    orgOf: (id) => orgs.get(id),
    isVisible: (id) => !hidden.has(id),
    isLinked: () => false,
    channel: (id) => (id === "ch" ? channel : undefined),
    fanOut: 10,
    enoughLinks: overrides.fanOut ?? 10,
    random: seededRandom(1),
    ...overrides,
  };
}

function emission(message: Emission["message"], overrides: Partial<Emission> = {}): Emission {
  return { key: undefined, message, envelope, channel: "ch", except: undefined, ...overrides };
}

const alive = (author: PkiId, endpoint: string) =>
  aliveMessage({ member: { endpoint, metadata: new Uint8Array(0), pkiId: author } });
const block = (blockNumber: bigint) =>
  dataMessage({ channel: "ch", payload: { blockNumber, data: new Uint8Array([1]), privateData: [] } });
const targets = (burst: readonly Emission[], overrides?: Partial<RoutingView>) =>
  routeBurst(burst, view(overrides))
    .map(({ to }) => to)
    .sort();

describe("routing of blocks", () => {
  test("06/21, 6.8, 6.9, 7.26: they go to eligible members of our own organization, not back to where they came from", () => {
    expect(targets([emission(block(9n))])).toEqual([a1, a3]);
    expect(targets([emission(block(9n), { except: a1 })])).toEqual([a3]);
  });

  test("6.12: they do not go to a peer that says it has them", () => {
    expect(targets([emission(block(8n))])).toEqual([a1]);
  });

  test("6.11, 6.12: no fan-out is lost to peers that have them, whatever chance says", () => {
    for (let seed = 0; seed < 20; seed++) {
      expect(targets([emission(block(8n))], { fanOut: 1, random: seededRandom(seed) })).toEqual([a1]);
    }
  });

  test("6.12: those of one burst share one choice of peers", () => {
    const burst = [9n, 10n, 11n].map((number) => emission(block(number)));
    const chosen = routeBurst(burst, view({ fanOut: 1 })).map(({ to }) => to);
    expect(new Set(chosen).size).toBe(1);
    expect(chosen).toHaveLength(3);
  });

  test("6.9, 7.26: those of a channel we are not in go nowhere", () => {
    expect(targets([emission(block(9n), { channel: "other" })])).toEqual([]);
  });

  test("06/23: of two channels each goes to the eligible members of its own", () => {
    const members: Readonly<Record<string, readonly PkiId[]>> = { one: [a1, a2, b1], two: [a3, b2, b3] };
    const only = (eligible: readonly PkiId[]): RoutableChannel => ({
      isOrgInChannel: () => true,
      isEligible: (id) => eligible.includes(id),
      heightOf: () => 1n,
    });
    const channel = (id: string) => only(members[id] ?? []);
    const orgOf = () => orgId("A");
    expect(targets([emission(block(9n), { channel: "one" })], { channel, orgOf })).toEqual([a1, a2, b1]);
    expect(targets([emission(block(9n), { channel: "two" })], { channel, orgOf })).toEqual([a3, b2, b3]);
  });

  test("6.12: those that came another way are drawn anew, and so are those that nobody lacks who was drawn", () => {
    const burst = [emission(block(8n)), emission(block(8n), { except: a1 })];
    expect(targets(burst)).toEqual([a1]);
    const channel = () => ({ isOrgInChannel: () => true, isEligible: () => true, heightOf: () => 10n });
    const numbers = (burst: readonly bigint[]) =>
      routeBurst(
        burst.map((number) => emission(block(number))),
        view({ channel, fanOut: 1 }),
      ).length;
    expect([numbers([9n]), numbers([9n, 10n]), numbers([10n, 9n]), numbers([10n, 11n])]).toEqual([0, 1, 1, 2]);
  });
});

describe("routing of leadership messages", () => {
  const leadership = (overrides: Partial<Emission> = {}) => emission(leadershipMessage({}), overrides);

  test("06/22, 6.9: they go to all eligible members of our own organization, however many, and not back", () => {
    expect(targets([leadership()], { fanOut: 1 })).toEqual([a1, a3]);
    expect(targets([leadership({ except: a1 })], { fanOut: 1 })).toEqual([a3]);
    expect(new Set(routeBurst([leadership()], view()).map(({ lane }) => lane))).toEqual(new Set(["control"]));
  });

  test("6.9: those of a channel we are not in go nowhere", () => {
    expect(targets([leadership({ channel: "other" })])).toEqual([]);
  });
});

describe("routing of state info", () => {
  const info = (subject: PkiId) => emission(stateInfo({ pkiId: subject }));

  test("6.9, 6.10: a subject with an external endpoint is told to all organizations of the channel, but not to itself", () => {
    expect(targets([info(a1)])).toEqual([a2, a3, b1, b2, b3]);
  });

  test("6.9: a subject without one stays in our organization", () => {
    expect(targets([info(a3)])).toEqual([a1, a2]);
  });

  test("6.9: that of a channel we are not in stays in our organization", () => {
    expect(targets([{ ...info(b1), channel: "" }])).toEqual([a1, a2, a3]);
  });
});

describe("routing of alive messages", () => {
  test("06/24, 6.9, 1.11, 4.47, 4.46: one of our organization with an external endpoint goes to everybody, its secret only to our organization", () => {
    const deliveries = routeBurst([emission(alive(self, "x:1"), { channel: "" })], view());
    expect(deliveries.map(({ to }) => to).sort()).toEqual([a1, a2, a3, b1, b2, b3, c1]);
    for (const { to, envelope: sent } of deliveries) {
      expect(sent.secret, to).toEqual(orgs.get(to) === orgId("A") ? secret : undefined);
    }
  });

  test("06/24, 6.9: one of our organization without an external endpoint never leaves it", () => {
    expect(targets([emission(alive(self, ""))])).toEqual([a1, a2, a3]);
  });

  test("06/24, 4.46, 6.9, 6.10: one of another organization goes to that and to ours, to peers that show themselves, without its author", () => {
    expect(targets([emission(alive(b1, "b1:1"))])).toEqual([a1, a2, b2]);
  });

  test("6.9: one whose author's organization is unknown goes to nobody", () => {
    expect(targets([emission(alive(pkiId("ff"), "x:1"))])).toEqual([]);
  });

  test("4.46, 6.11: the fan-out is drawn after every filter, so that it is not lost", () => {
    expect(targets([emission(alive(b1, "b1:1"), { except: a1 })], { fanOut: 2 })).toEqual([a2, b2]);
  });
});

describe("routing prefers whom it needs not dial", () => {
  const linkedTo = (...linked: PkiId[]) => ({ isLinked: (id: PkiId) => linked.includes(id) });

  test("6.16: of those who lack a block, the connected ones come first", () => {
    for (let seed = 0; seed < 20; seed++) {
      const random = seededRandom(seed);
      expect(targets([emission(block(9n))], { ...linkedTo(a3), fanOut: 1, random })).toEqual([a3]);
      expect(targets([emission(block(8n))], { ...linkedTo(a3), fanOut: 1, random })).toEqual([a1]);
    }
  });

  test("6.16: an alive message or a state info goes to connected peers alone, when there are as many as the fan-out", () => {
    const status = stateInfo({ pkiId: a1 });
    for (const message of [alive(a1, "a1:1"), status]) {
      expect(targets([emission(message)], { ...linkedTo(a1, a2, b1), fanOut: 3 })).toEqual([a2, b1]);
      // a1 has it already, and one more is dialled.
      expect(targets([emission(message)], { ...linkedTo(a1, a2), fanOut: 3 })).toHaveLength(3);
    }
  });

  test("6.18: alive messages and state infos of one burst go to the same peers, and each burst to others", () => {
    const burst = [emission(alive(c1, "c1:1")), emission(alive(c1, "c1:2")), emission(stateInfo({ pkiId: c1 }))];
    const ofSelf = [emission(alive(self, "s:1")), emission(alive(self, "s:2"))];
    const random = seededRandom(3);
    const drawn = Array.from({ length: 30 }, () => targets(ofSelf, { random, fanOut: 2 }));
    for (const [one, same, two, again] of drawn) expect([one, two]).toEqual([same, again]);
    expect(new Set(drawn.flat())).toEqual(new Set([a1, a2, a3, b1, b2, b3, c1]));
    // Who may not have one of them makes room for the next in order.
    expect(routeBurst(burst, view({ fanOut: 2 })).every(({ to }) => to !== c1)).toBe(true);
  });

  test("4.59, 6.16: in a crowd one connection is enough", () => {
    const burst = [emission(alive(a1, "a1:1"))];
    expect(targets(burst, { ...linkedTo(a2), fanOut: 3, enoughLinks: 1 })).toEqual([a2]);
    expect(targets(burst, { ...linkedTo(a1), fanOut: 3, enoughLinks: 1 })).toHaveLength(3);
  });

  test("6.16: a peer is dialled when nobody who is connected may be told", () => {
    expect(targets([emission(alive(self, ""))], { ...linkedTo(b1, b2, c1), fanOut: 3 })).toEqual([a1, a2, a3]);
  });
});
