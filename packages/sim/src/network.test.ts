import type { Stream } from "@gossip/comm";
import { type TransportPair, transportCases } from "@gossip/comm/testing";
import { seededRandom } from "@gossip/runtime";
import { VirtualClock } from "@gossip/runtime/testing";
import { describe, expect, it, test } from "vitest";
import { SimNetwork } from "./network.js";

describe("The simulated transport", () => {
  for (const { name, run } of transportCases) it(name, () => run(createPair));
});

/** Alice and Bob, on a virtual clock that runs on whenever nothing else is left to do. */
async function createPair(): Promise<TransportPair> {
  const clock = new VirtualClock();
  const network = new SimNetwork({ clock, random: seededRandom(1) });
  const [alice, bob] = [network.transport("alice:7051"), network.transport("bob:7051")];
  let isOpen = true;
  const pump = () => {
    clock.runNext();
    if (isOpen) setImmediate(pump);
  };
  pump();
  return {
    alice,
    bob,
    bobEndpoint: "bob:7051",
    nobodyEndpoint: "nobody:7051",
    async close() {
      await Promise.all([alice.close(), bob.close()]);
      isOpen = false;
    },
  };
}

/** Two hosts and a stream between them; `far.got` and `near.got` tell what each end saw, and when. */
async function connected(options: { readonly breakAfterMs?: number; readonly windowBytes?: number } = {}) {
  const clock = new VirtualClock();
  const latencyMs = { min: 5, max: 5 };
  const network = new SimNetwork({ clock, random: seededRandom(1), latencyMs, ...options });
  const transports = { a: network.transport("a:1"), b: network.transport("b:1") };
  const ends: { stream: Stream; got: string[] }[] = [];
  const watch = (stream: Stream) => {
    const got: string[] = [];
    const note = (what: string) => got.push(`${clock.now()} ${what}`);
    stream.start({
      onMessage: ([byte]) => note(`message ${byte}`),
      onDrain: () => note("drain"),
      onEnd: ({ ok, detail }) => note(`${ok ? "end" : "error"} ${detail}`),
    });
    const end = { stream, got };
    ends.push(end);
    return end;
  };
  transports.b.listen(watch);
  transports.a.dial("b:1", 1_000, (dialled) => dialled.ok && watch(dialled.stream));
  clock.runUntil(100);
  const [far, near] = ends;
  if (far === undefined || near === undefined) throw new Error("expected a stream with two ends");
  return { clock, network, transports, far, near, watch };
}

const say = (byte: number) => Uint8Array.of(byte);

describe("The simulated network", () => {
  test("delivers after its latency, and a delay adds to it, in order", async () => {
    const { clock, network, far, near } = await connected();
    near.stream.send(say(1));
    clock.runUntil(200);
    network.delay(50);
    near.stream.send(say(2));
    network.delay(0);
    near.stream.send(say(3));
    clock.runUntil(300);
    expect(far.got).toEqual(["105 message 1", "255 message 2", "255 message 3"]);
  });

  test("holds everything that crosses a partition, an end in order too, and lets it through when healed", async () => {
    const { clock, network, far, near } = await connected();
    near.stream.send(say(1));
    network.partition([["a:1"], ["b:1"]]);
    near.stream.send(say(2));
    near.stream.close();
    clock.runUntil(5_000);
    expect([near.got, far.got]).toEqual([[], []]);
    network.heal();
    clock.runUntil(6_000);
    expect(far.got).toEqual(["5000 message 1", "5000 message 2", "5000 end closed by the other side"]);
    expect(near.got).toEqual(["5005 end closed"]);
  });

  test("breaks a stream that a partition holds for too long, at both ends, and no sooner", async () => {
    const { clock, network, far, near } = await connected({ breakAfterMs: 1_000 });
    network.partition([["a:1"], ["b:1"]]);
    clock.runUntil(1_099);
    expect([near.got, far.got]).toEqual([[], []]);
    clock.runUntil(5_000);
    expect([near.got, far.got]).toEqual([["1100 error no answer to keepalive"], ["1100 error no answer to keepalive"]]);
  });

  test("neither dials nor pings across a partition, and does both again when healed", async () => {
    const { clock, network, transports } = await connected();
    const results: string[] = [];
    const attempt = () => {
      transports.a.dial("b:1", 300, ({ ok }) => results.push(`${clock.now()} dial ${ok}`));
      transports.a.ping("b:1", 300, ({ ok }) => results.push(`${clock.now()} ping ${ok}`));
    };
    network.partition([["a:1"]]);
    attempt();
    clock.runUntil(1_000);
    network.heal();
    attempt();
    clock.runUntil(2_000);
    expect(results.sort()).toEqual(["1010 dial true", "1010 ping true", "400 dial false", "400 ping false"]);
  });

  test("loses a connection at both ends, and only that one", async () => {
    const { clock, network, far, near } = await connected();
    network.lose("b:1", "c:1");
    clock.runUntil(200);
    expect(near.got).toEqual([]);
    network.lose("b:1", "a:1");
    clock.runUntil(300);
    expect([near.got, far.got]).toEqual([["200 error connection lost"], ["200 error connection lost"]]);
  });

  test("a stalled host gets everything when it goes on: first its overdue timers, then what the network brought", async () => {
    const { clock, network, far, near } = await connected();
    const b = network.clock("b:1");
    for (const at of [250, 220, 900]) b.schedule(at, () => far.got.push(`${clock.now()} timer ${at}`));
    network.stall("b:1", 400);
    near.stream.send(say(1));
    near.stream.send(say(2));
    clock.runUntil(499);
    expect(far.got).toEqual([]);
    clock.runUntil(1_000);
    expect(far.got).toEqual(["500 timer 220", "500 timer 250", "500 message 1", "500 message 2", "900 timer 900"]);
  });

  test("a stalled host is written to until its window is full, and what it sent before arrives", async () => {
    const { clock, network, far, near } = await connected({ windowBytes: 10 });
    far.stream.send(say(9));
    network.stall("b:1", 400);
    expect(near.stream.send(new Uint8Array(8))).toBe(true);
    expect(near.stream.send(new Uint8Array(8))).toBe(false);
    clock.runUntil(400);
    expect(near.got).toEqual(["105 message 9"]);
    clock.runUntil(1_000);
    expect(near.got).toEqual(["105 message 9", "500 drain"]);
  });

  test("a stalled host answers neither dials nor pings, and its own time out before their answers are read", async () => {
    const { clock, network, transports } = await connected();
    const results: string[] = [];
    const note = (what: string) => (result: { readonly ok: boolean }) =>
      results.push(`${clock.now()} ${what} ${result.ok}`);
    transports.b.dial("a:1", 300, note("dial by b"));
    network.stall("b:1", 400);
    transports.a.dial("b:1", 300, note("dial"));
    transports.a.ping("b:1", 200, note("ping"));
    clock.runUntil(600);
    expect(results).toEqual(["300 ping false", "400 dial false", "500 dial by b false"]);
    transports.a.dial("b:1", 300, note("dial"));
    clock.runUntil(1_000);
    expect(results.at(-1)).toBe("610 dial true");
  });

  test("a connection breaks when one end stalls for too long, and that end learns of it last", async () => {
    const { clock, network, far, near } = await connected({ breakAfterMs: 1_000 });
    network.stall("b:1", 999);
    clock.runUntil(2_000);
    expect([near.got, far.got]).toEqual([[], []]);
    network.stall("b:1", 5_000);
    clock.runUntil(10_000);
    expect(near.got).toEqual(["3000 error no answer to keepalive"]);
    expect(far.got).toEqual(["7000 error no answer to keepalive"]);
  });

  test("a stalled host that crashes does not go on, and its successor does not stand still", async () => {
    const { clock, network, transports } = await connected();
    network.clock("b:1").schedule(200, () => expect.unreachable("a timer of the old life"));
    network.stall("b:1", 400);
    clock.runUntil(300);
    network.crash("b:1");
    network.transport("b:1").listen(() => {});
    const results: string[] = [];
    transports.a.dial("b:1", 300, ({ ok }) => results.push(`${clock.now()} ${ok}`));
    clock.runUntil(1_000);
    expect(results).toEqual(["310 true"]);
  });

  test("a host that crashed is told nothing of its old life, and its endpoint can be taken again", async () => {
    const { clock, network, near, transports } = await connected();
    const heard: boolean[] = [];
    transports.b.dial("a:1", 1_000, ({ ok }) => heard.push(ok));
    network.crash("b:1");
    clock.runUntil(2_000);
    expect(near.got).toEqual(["100 error connection reset"]);
    expect(heard).toEqual([]);
    const results: boolean[] = [];
    transports.a.dial("b:1", 1_000, ({ ok }) => results.push(ok));
    clock.runUntil(4_000);
    network.transport("b:1").listen(() => {});
    transports.a.dial("b:1", 1_000, ({ ok }) => results.push(ok));
    clock.runUntil(6_000);
    expect(results).toEqual([false, true]);
  });
});
