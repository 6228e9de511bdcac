import { markVerified } from "@gossip/crypto";
import { type OrgId, orgId, type PkiId, type Properties, pkiId, type StateInfo } from "@gossip/proto";
import { stateInfo } from "@gossip/proto/testing";
import { seededRandom, wake } from "@gossip/runtime";
import { checkMachineLaws } from "@gossip/runtime/testing";
import { describe, expect, test } from "vitest";
import {
  ChannelGossip,
  type ChannelGossipInput,
  type ChannelGossipOptions,
  type ChannelGossipOutput,
} from "./channel-gossip.js";

const [self, own, foreign, outsider, hidden] = ["00", "01", "02", "03", "04"].map((hex) => pkiId(hex)) as [
  PkiId,
  PkiId,
  PkiId,
  PkiId,
  PkiId,
];
const orgs = new Map<PkiId, OrgId>([
  [self, orgId("A")],
  [own, orgId("A")],
  [hidden, orgId("A")],
  [foreign, orgId("B")],
  [outsider, orgId("C")],
]);

interface Setup {
  readonly machine: ChannelGossip;
  readonly alive: Set<PkiId>;
  readonly known: Set<PkiId>;
}

function setUp(
  overrides: Partial<ChannelGossipOptions["config"]> = {},
  invisible: PkiId[] = [hidden],
  linked: PkiId[] = [],
  afterSequence = 0n,
): Setup {
  const alive = new Set([own, foreign, outsider, hidden]);
  const known = new Set(alive);
  const machine = new ChannelGossip({
    self,
    selfOrg: orgId("A"),
    organizations: [orgId("A"), orgId("B")],
    incarnation: 1000n,
    afterSequence,
    height: 1n,
    membership: {
      alive,
      knows: (id) => known.has(id),
      isVisible: (id) => !invisible.includes(id),
      isLinked: (id) => linked.includes(id),
      orgOf: (id) => orgs.get(id),
    },
    config: {
      publishStateInfoIntervalMs: 4000,
      requestStateInfoIntervalMs: 4000,
      sweepIntervalMs: 20_000,
      minPublishGapMs: 250,
      pullPeerNum: 3,
      maxMembers: 10,
      maxSnapshotBytes: 1_000,
      maxStateInfosBytes: 1_000,
      ...overrides,
    },
    random: seededRandom(1),
  });
  return { machine, alive, known };
}

function info(subject: PkiId, sequence: bigint, properties: Partial<Properties> = {}) {
  const message: StateInfo = stateInfo({
    pkiId: subject,
    time: { incarnation: 1n, sequence },
    properties: { ledgerHeight: 5n, leftChannel: false, chaincodes: [], ...properties },
  });
  return markVerified(message, { payload: new Uint8Array([Number(sequence)]), signature: new Uint8Array([1]) });
}

const types = (outputs: readonly ChannelGossipOutput[]) =>
  outputs.map((output) => (output.type === "dropped" ? `dropped ${output.reason}` : output.type));

/** What `sign` asked for, signed. */
function sign(machine: ChannelGossip, outputs: readonly ChannelGossipOutput[], now: number) {
  return outputs.flatMap((output) => {
    if (output.type !== "sign") return [];
    const message = stateInfo({ pkiId: self, time: output.time, properties: output.properties });
    const envelope = { payload: new Uint8Array([99]), signature: new Uint8Array([1]) };
    return machine.step({ type: "signed", info: markVerified(message, envelope) }, now);
  });
}

describe("ChannelGossip", () => {
  test("7.21: signs, publishes and asks as soon as it starts", () => {
    const { machine } = setUp();
    const started = machine.step({ type: "start" }, 0);
    expect(types(started)).toEqual(["sign", "request"]);
    expect(started[0]).toMatchObject({ properties: { ledgerHeight: 1n, leftChannel: false, chaincodes: [] } });
    expect(types(sign(machine, started, 0))).toEqual(["publish"]);
  });

  test("7.21: publishes a change at once, further ones ever more rarely, and at once again when there was a pause", () => {
    const { machine } = setUp({ requestStateInfoIntervalMs: 60_000, sweepIntervalMs: 60_000 });
    sign(machine, machine.step({ type: "start" }, 0), 0);
    const published: number[] = [];
    let height = 1n;
    const note = (outputs: readonly ChannelGossipOutput[], now: number) => {
      if (types(outputs).includes("sign")) published.push(now);
      sign(machine, outputs, now);
    };
    // A block every 50 ms for five seconds.
    for (let now = 1000; now <= 8000; now += 10) {
      if (machine.deadline <= now) note(machine.step(wake, now), now);
      if (now % 50 === 0 && now < 6000) note(machine.step({ type: "height", height: ++height }, now), now);
    }
    expect(published).toEqual([1000, 1250, 1750, 2750, 3750, 4750, 5750, 6750]);
    note(machine.step({ type: "height", height: ++height }, 8000), 8000);
    note(machine.step({ type: "height", height: ++height }, 8100), 8100);
    expect(published.slice(8)).toEqual([8000]);
    expect(machine.deadline).toBe(8250);
  });

  test("7.36: by the clock, publishes and asks when the tick comes and somebody is alive, whatever happens meanwhile", () => {
    const { machine, alive } = setUp({ minPublishGapMs: Number.POSITIVE_INFINITY });
    const everybody = [...alive];
    alive.clear();
    expect(machine.step({ type: "start" }, 0)).toEqual([]);
    expect(machine.step(wake, 4000)).toEqual([]);
    for (const one of everybody) alive.add(one);
    expect(machine.step({ type: "member-up", pkiId: own }, 4100)).toEqual([]);
    expect(machine.step({ type: "height", height: 2n }, 4200)).toEqual([]);
    expect(machine.deadline).toBe(8000);
    const ticked = machine.step(wake, 8000);
    expect(types(ticked).sort()).toEqual(["request", "sign"]);
    expect(types(sign(machine, ticked, 8000))).toEqual(["publish"]);
    // Nothing has changed since.
    expect(types(machine.step(wake, 12_000))).toEqual(["request"]);
    expect(machine.step({ type: "height", height: 3n }, 12_100)).toEqual([]);
    expect(types(machine.step(wake, 16_000)).sort()).toEqual(["request", "sign"]);
  });

  test("7.22: asks only members whose organization is in the channel", () => {
    const { machine } = setUp();
    const [, request] = machine.step({ type: "start" }, 0);
    expect(request?.type === "request" && [...request.to].sort()).toEqual([own, foreign, hidden]);
  });

  test("07/C23, 7.21: publishes a change of height once, and nothing without a change", () => {
    const { machine } = setUp();
    machine.step({ type: "start" }, 0);
    expect(types(machine.step({ type: "height", height: 1n }, 1000))).toEqual([]);
    expect(types(machine.step({ type: "height", height: 2n }, 1000))).toEqual(["sign"]);
    // Within the gap the next one waits, and takes whatever height is reached by then.
    expect(types(machine.step({ type: "height", height: 3n }, 1001))).toEqual([]);
    expect(types(machine.step({ type: "height", height: 4n }, 1002))).toEqual([]);
    const [published] = machine.step({ type: "wake" }, 1250);
    expect(published).toMatchObject({ type: "sign", properties: { ledgerHeight: 4n } });
  });

  test("7.21: its sequence grows with every publication, even within one instant", () => {
    const { machine } = setUp({ minPublishGapMs: 0 });
    const sequences = [1n, 2n, 3n].flatMap((height) => {
      const outputs = machine.step(height === 1n ? { type: "start" } : { type: "height", height }, 0);
      return outputs.flatMap((output) => (output.type === "sign" ? [output.time.sequence] : []));
    });
    expect(sequences).toEqual([1000n, 1001n, 1002n]);
  });

  test("7.15, 7.16: takes a newer state info, forwards it, and tells that peers changed", () => {
    const { machine } = setUp();
    expect(types(machine.step({ type: "state-info", info: info(own, 1n), from: foreign }, 0))).toEqual([
      "forward",
      "peers-changed",
    ]);
    expect(machine.propertiesOf(own)?.ledgerHeight).toBe(5n);
  });

  test("7.15: drops a state info that is not newer, of an organization outside, or of ourselves", () => {
    const { machine } = setUp();
    machine.step({ type: "state-info", info: info(own, 2n), from: own }, 0);
    const drops = [info(own, 2n), info(own, 1n), info(outsider, 1n), info(self, 9n)].flatMap((refused) =>
      types(machine.step({ type: "state-info", info: refused, from: own }, 0)),
    );
    expect(drops).toEqual([
      "dropped stale-state-info",
      "dropped stale-state-info",
      "dropped not-in-channel",
      "dropped own-state-info",
    ]);
  });

  test("07/V5, 7.17: one bad element does not hide the rest of a snapshot", () => {
    const { machine, known } = setUp();
    known.delete(foreign);
    const elements = [info(outsider, 1n), info(foreign, 1n), info(own, 1n)];
    expect(types(machine.step({ type: "snapshot", elements, from: own }, 0))).toEqual([
      "dropped not-in-channel",
      "dropped unknown-member",
      "peers-changed",
    ]);
    expect(machine.members.map(({ pkiId: id }) => id)).toEqual([own]);
  });

  test("07/V7, 7.19, 7.20: a peer that left is no member and gets no blocks", () => {
    const { machine } = setUp();
    machine.step({ type: "state-info", info: info(own, 1n), from: own }, 0);
    expect(machine.isEligible(own)).toBe(true);
    machine.step({ type: "state-info", info: info(own, 2n, { leftChannel: true }), from: own }, 0);
    expect(machine.isEligible(own)).toBe(false);
    expect(machine.members).toEqual([]);
  });

  test("07/C19, 7.23: tells a foreign peer of our visible members, its own and us; tells our own of all", () => {
    const { machine } = setUp();
    sign(machine, machine.step({ type: "start" }, 0), 0);
    for (const [index, subject] of [own, hidden, foreign].entries()) {
      machine.step({ type: "state-info", info: info(subject, BigInt(index + 1)), from: own }, 0);
    }
    const shown = (from: PkiId) =>
      machine
        .step({ type: "pull-request", from }, 0)
        .flatMap((output) => (output.type === "respond" ? output.elements.map(({ payload }) => payload[0]) : []));
    expect(shown(foreign)).toEqual([99, 1, 3]);
    expect(shown(own)).toEqual([99, 1, 2, 3]);
  });

  test("07/C3, 7.18: forgets the state info of members that discovery has forgotten", () => {
    const { machine, known } = setUp();
    machine.step({ type: "start" }, 0);
    machine.step({ type: "state-info", info: info(own, 1n), from: own }, 0);
    known.delete(own);
    const swept = machine.step({ type: "wake" }, 20_000);
    expect(types(swept)).toContain("peers-changed");
    expect(machine.propertiesOf(own)).toBeUndefined();
  });

  test("7.23: a node that shows itself to no other organization is told of in no answer to them", () => {
    const { machine } = setUp({}, [self]);
    sign(machine, machine.step({ type: "start" }, 0), 0);
    const [toForeign] = machine.step({ type: "pull-request", from: foreign }, 0);
    const [toOwn] = machine.step({ type: "pull-request", from: own }, 0);
    expect(toForeign).toMatchObject({ type: "respond", elements: [] });
    expect(toOwn).toMatchObject({ type: "respond", elements: [{ payload: new Uint8Array([99]) }] });
  });

  test("7.23: cuts a large snapshot into several, and sends an empty one whole", () => {
    const { machine } = setUp({ maxSnapshotBytes: 4 });
    for (const subject of [own, hidden, foreign]) {
      machine.step({ type: "state-info", info: info(subject, 1n), from: own }, 0);
    }
    // Each element has two bytes.
    const answer = machine.step({ type: "pull-request", from: own }, 0);
    expect(answer.map((output) => output.type === "respond" && output.elements.length)).toEqual([2, 1]);
    expect(setUp().machine.step({ type: "pull-request", from: own }, 0)).toMatchObject([{ elements: [] }]);
  });

  describe("members that come up", () => {
    const start = (machine: ChannelGossip) => sign(machine, machine.step({ type: "start" }, 0), 0);

    test("7.22: who was alone publishes for those who came, once", () => {
      const { machine, alive } = setUp();
      alive.clear();
      start(machine);
      for (const pkiId of [own, foreign]) {
        alive.add(pkiId);
        machine.step({ type: "member-up", pkiId }, 1000);
      }
      expect(machine.deadline).toBe(1250);
      expect(machine.step(wake, 1250)).toMatchObject([{ type: "publish", info: { message: { pkiId: self } } }]);
      machine.step({ type: "member-up", pkiId: hidden }, 1300);
      expect(types(machine.step(wake, 1550))).not.toContain("publish");
    });

    test("7.22: a newcomer that needs no dial is told of us, and nobody else is", () => {
      const { machine } = setUp({}, [hidden], [own, outsider, hidden]);
      start(machine);
      machine.step(wake, 4000);
      for (const pkiId of [own, foreign, outsider]) machine.step({ type: "member-up", pkiId }, 4100);
      expect(machine.step(wake, 4350)).toMatchObject([{ type: "tell", to: [own], info: { message: { pkiId: self } } }]);
    });

    test("7.22: one that needs no dial is asked for what is lacking, after twice the time each, four times in all", () => {
      const { machine } = setUp({ requestStateInfoIntervalMs: 60_000 }, [hidden], [foreign]);
      start(machine);
      machine.step(wake, 4000);
      machine.step({ type: "member-up", pkiId: own }, 5000);
      const asked: number[] = [];
      while (machine.deadline < 20_000) {
        const now = machine.deadline;
        for (const output of machine.step(wake, now)) {
          if (output.type !== "request") continue;
          expect(output.to).toEqual([foreign]);
          asked.push(now);
        }
      }
      expect(asked).toEqual([5500, 6500, 8500, 12_500]);
    });

    test("7.22: nobody is asked for who told of itself, or is gone, and once for who came back", () => {
      const { machine, alive } = setUp({ requestStateInfoIntervalMs: 60_000 });
      start(machine);
      machine.step(wake, 4000);
      machine.step({ type: "member-up", pkiId: own }, 5000);
      machine.step({ type: "member-up", pkiId: foreign }, 5000);
      machine.step({ type: "state-info", info: info(own, 1n), from: own }, 5100);
      alive.delete(foreign);
      const quiet = [5250, 5500].flatMap((now) => machine.step(wake, now));
      expect(quiet.filter(({ type }) => type === "request")).toEqual([]);
      // What is held may be from before it went, and may be all there is.
      machine.step({ type: "member-up", pkiId: own }, 6000);
      expect(types([6250, 6500, 7500].flatMap((now) => machine.step(wake, now)))).toEqual(["request"]);
    });

    const crowd = Array.from({ length: 14 }, (_, index) => pkiId(`a${index.toString(16)}`));
    const inCrowd = (size: number, overrides: Partial<ChannelGossipOptions["config"]> = {}) => {
      const scene = setUp({ maxMembers: 50, ...overrides }, [], [own]);
      start(scene.machine);
      for (const one of crowd.slice(0, size)) {
        orgs.set(one, orgId("A"));
        scene.alive.add(one);
        scene.known.add(one);
        scene.machine.step({ type: "member-up", pkiId: one }, 100);
      }
      return scene;
    };
    const pushed = ({ machine }: Setup, one: PkiId, sequence: bigint) =>
      types(machine.step({ type: "state-info", info: info(one, sequence), from: own }, 200));

    test("7.39: in a crowd the first state info of each is not passed on, the next one is", () => {
      const scene = inCrowd(11);
      expect(pushed(scene, crowd[0] as PkiId, 1n)).toEqual(["peers-changed"]);
      expect(pushed(scene, crowd[0] as PkiId, 2n)).toEqual(["forward", "peers-changed"]);
      expect(pushed(inCrowd(10), crowd[0] as PkiId, 1n)).toEqual(["forward", "peers-changed"]);
    });

    test("7.39: in a crowd who was alone tells those that need no dial, and no others", () => {
      const { machine, alive } = setUp({ maxMembers: 50 }, [], [own]);
      alive.clear();
      start(machine);
      for (const one of [own, ...crowd]) {
        orgs.set(one, orgId("A"));
        alive.add(one);
        machine.step({ type: "member-up", pkiId: one }, 1000);
      }
      expect(machine.step(wake, 1250)).toMatchObject([{ type: "tell", to: [own] }]);
    });

    test("7.39: in a crowd questions are rarer in proportion, from the second on", () => {
      const { machine } = inCrowd(14, { requestStateInfoIntervalMs: 60_000, maxMembers: 100 });
      const asked: number[] = [];
      while (machine.deadline < 5_000) {
        const now = machine.deadline;
        if (types(machine.step(wake, now)).includes("request")) asked.push(now);
      }
      expect(asked).toEqual([600, 1600, 3600]);
    });

    test("7.39: as long as answers bring what was lacking, questions go on at the same pace, and else become rarer", () => {
      const { machine } = inCrowd(14, {
        requestStateInfoIntervalMs: 60_000,
        maxMembers: 100,
        maxStateInfosBytes: 9_999,
      });
      const asked: number[] = [];
      let next = 0;
      const until = (end: number, brings: boolean) => {
        while (machine.deadline < end) {
          const now = machine.deadline;
          if (!types(machine.step(wake, now)).includes("request")) continue;
          asked.push(now);
          const elements = brings ? [info(crowd[next++] as PkiId, 1n)] : [];
          machine.step({ type: "snapshot", from: own, elements }, now + 10);
        }
      };
      until(4_000, true);
      expect(asked).toEqual([600, 1110, 1610, 2110, 2610, 3110, 3610]);
      asked.length = 0;
      until(20_000, false);
      expect(asked).toEqual([4110, 4610, 5610, 7610]);
    });

    test("7.39: in a crowd nobody is dialled to be asked, if somebody is connected", () => {
      const requests = (scene: Setup) =>
        scene.machine.step(wake, 4_000).flatMap((output) => (output.type === "request" ? output.to : []));
      expect(new Set(requests(inCrowd(14)))).toEqual(new Set([own]));
      expect(new Set(requests(inCrowd(2))).size).toBeGreaterThan(1);
    });

    test("7.40: in a channel of more than ten, state infos may wait for others", () => {
      const scene = inCrowd(14);
      const waits = [...crowd, ...crowd].map((one, at) =>
        scene.machine
          .step({ type: "state-info", info: info(one, BigInt(at + 1)), from: own }, 200)
          .flatMap((output) => (output.type === "forward" ? [output.waitMs] : [])),
      );
      expect(new Set(waits.slice(14).flat())).toEqual(new Set([125]));
      expect(sign(scene.machine, scene.machine.step({ type: "height", height: 2n }, 9_000), 9_000)).toMatchObject([
        { type: "publish", waitMs: 125 },
      ]);
    });

    test("7.22: members that come and go do not make it publish", () => {
      const { machine } = setUp({}, [hidden], [own]);
      start(machine);
      machine.step({ type: "member-up", pkiId: foreign }, 100);
      machine.step(wake, 350);
      const outputs: ChannelGossipOutput[] = [];
      for (let now = 400; now < 3500; now += 300) {
        outputs.push(...machine.step({ type: "member-up", pkiId: own }, now), ...machine.step(wake, now + 250));
      }
      expect(new Set(types(outputs))).toEqual(new Set(["tell", "request"]));
    });
  });

  test("7.22: asks by the clock, less often as long as the answers bring nothing, and more often when they do", () => {
    const { machine } = setUp();
    sign(machine, machine.step({ type: "start" }, 0), 0);
    const asked: number[] = [];
    const until = (end: number) => {
      while (machine.deadline <= end) {
        const now = machine.deadline;
        if (types(machine.step(wake, now)).includes("request")) asked.push(now);
      }
    };
    until(50_000);
    expect(asked.splice(0)).toEqual([4000, 8000, 16_000, 32_000, 48_000]);
    machine.step({ type: "snapshot", elements: [info(own, 1n)], from: own }, 50_000);
    until(60_000);
    expect(asked).toEqual([54_000, 58_000]);
  });

  test("asks for its signature again when none came", () => {
    const { machine } = setUp();
    machine.step({ type: "start" }, 0);
    expect(types(machine.step({ type: "wake" }, 4000))).toContain("sign");
    const again = machine.step({ type: "wake" }, 8000);
    expect(types(again)).toContain("sign");
    sign(machine, again, 8000);
    expect(types(machine.step({ type: "wake" }, 16_000))).toEqual(["request"]);
  });

  test("a height that grew while the signature was made is published next", () => {
    const { machine } = setUp();
    const started = machine.step({ type: "start" }, 0);
    machine.step({ type: "height", height: 2n }, 100);
    sign(machine, started, 110);
    expect(machine.step({ type: "wake" }, 250)).toMatchObject([{ type: "sign", properties: { ledgerHeight: 2n } }]);
  });

  test("keeps track of no more members than it may", () => {
    const { machine } = setUp({ maxMembers: 1 });
    machine.step({ type: "state-info", info: info(own, 1n), from: own }, 0);
    expect(types(machine.step({ type: "state-info", info: info(foreign, 1n), from: own }, 0))).toEqual([
      "dropped too-many-members",
    ]);
  });

  test("7.32: forgets the members of organizations that are no more in the channel, and takes those of new ones", () => {
    const { machine } = setUp();
    for (const one of [own, foreign]) machine.step({ type: "state-info", info: info(one, 1n), from: own }, 0);
    const organizations = [orgId("A"), orgId("C")];
    expect(types(machine.step({ type: "organizations", organizations }, 0))).toEqual(["peers-changed"]);
    expect(machine.members.map(({ pkiId: id }) => id)).toEqual([own]);
    expect(types(machine.step({ type: "state-info", info: info(outsider, 1n), from: own }, 0))).toContain("forward");
    expect(types(machine.step({ type: "organizations", organizations }, 0))).toEqual([]);
  });

  test("drops a state info that is not trusted any more, unless a newer one has come", () => {
    const { machine } = setUp();
    const [first, second] = [info(own, 1n), info(own, 2n)];
    for (const one of [first, second]) machine.step({ type: "state-info", info: one, from: own }, 0);
    expect(machine.infos).toEqual([second]);
    expect(types(machine.step({ type: "distrusted", info: first }, 0))).toEqual([]);
    expect(types(machine.step({ type: "distrusted", info: second }, 0))).toEqual([
      "dropped not-trusted-now",
      "peers-changed",
    ]);
    expect(machine.infos).toEqual([]);
  });

  test("7.35: tells every member that may see it that it left, with the height it had, and is done", () => {
    const { machine } = setUp({}, [self, hidden]);
    sign(machine, machine.step({ type: "start" }, 0), 0);
    machine.step({ type: "height", height: 7n }, 1);
    const leaving = machine.step({ type: "leave" }, 10);
    expect(leaving).toMatchObject([{ type: "sign", properties: { ledgerHeight: 7n, leftChannel: true } }]);
    const [tell, left] = sign(machine, leaving, 10);
    expect([tell?.type === "tell" && [...tell.to].sort(), left]).toEqual([[own, hidden], { type: "left" }]);
  });

  test("7.35: goes on with larger sequences after an earlier stay", () => {
    const { machine } = setUp({}, [hidden], [], 5_000n);
    const [signing] = machine.step({ type: "start" }, 0);
    expect(signing).toMatchObject({ time: { incarnation: 1000n, sequence: 5_001n } });
    expect(machine.sequence).toBe(5_001n);
  });

  test("keeps the machine laws", () => {
    const script: { afterMs: number; input: ChannelGossipInput }[] = [
      { afterMs: 0, input: { type: "start" } },
      { afterMs: 10, input: { type: "state-info", info: info(own, 1n), from: own } },
      { afterMs: 5000, input: { type: "height", height: 2n } },
      { afterMs: 1, input: { type: "height", height: 3n } },
      { afterMs: 30_000, input: { type: "pull-request", from: foreign } },
      { afterMs: 1, input: { type: "distrusted", info: info(own, 1n) } },
      { afterMs: 1, input: { type: "organizations", organizations: [orgId("A")] } },
      { afterMs: 1, input: { type: "leave" } },
    ];
    checkMachineLaws({ create: () => setUp().machine, script, maxOutputs: 5 });
  });
});
