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
async function connected(options: { readonly breakAfterMs?: number } = {}) {
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
