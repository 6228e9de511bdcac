import type { PkiId } from "@gossip/proto";
import { ItemStore, Pull, type PullInput, type PullOutput } from "@gossip/pull";
import { digestOf, PullNetwork, pkiIdOf, textOf } from "@gossip/pull/testing";
import { seededRandom, type Wake, wake } from "@gossip/runtime";
import { checkMachineLaws } from "@gossip/runtime/testing";
import fc from "fast-check";
import { expect, test } from "vitest";

const config = {
  pullIntervalMs: 500,
  digestWaitTimeMs: 100,
  requestWaitTimeMs: 200,
  responseWaitTimeMs: 200,
  digestQuietMs: 20,
  failoverMs: 60,
  minRoundIntervalMs: 50,
  pullPeerNum: 2,
  maxDigests: 5,
  maxHellos: 4,
  maxHellosPerPeer: 2,
};
const peers = ["a", "b", "c"].map((name) => ({ pkiId: pkiIdOf(name), endpoint: `${name}:1` }));
const texts = ["0", "1", "2", "3", "4", "5", "6"];

const from = fc.constantFrom("a", "b", "c", "stranger").map(pkiIdOf);
const items = fc.array(fc.constantFrom(...texts, ""), { maxLength: 8 });
const nonce = fc.bigInt(0n, 2n);

/** A remote act; nonces of our own hellos are put in when it is played, else every one of them would be unknown. */
type Act =
  | { readonly kind: "input"; readonly input: PullInput<string> }
  | { readonly kind: "digest" | "update" | "refusal"; readonly which: number; readonly items: readonly string[] }
  | { readonly kind: "gain"; readonly items: readonly string[] };

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom("digest" as const, "update" as const, "refusal" as const),
      which: fc.nat(5),
      items,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("gain" as const), items }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("input" as const),
      input: fc.oneof<fc.Arbitrary<PullInput<string>>[]>(
        fc.record({ type: fc.constant("hello" as const), from, nonce }),
        fc.record({
          type: fc.constant("request" as const),
          from,
          nonce,
          digests: items.map((all) => all.map(digestOf)),
        }),
        fc.record({
          type: fc.constant("digest" as const),
          from,
          nonce,
          digests: items.map((all) => all.map(digestOf)),
        }),
        fc.constantFrom({ type: "pull-now" as const }, ...peers.map((peer) => ({ type: "pull-now" as const, peer }))),
      ),
    }),
  },
);
const script = fc.array(fc.record({ afterMs: fc.constantFrom(0, 5, 20, 60, 150, 600), act }), { maxLength: 50 });

interface Asked {
  readonly to: PkiId;
  readonly nonce: bigint;
  readonly at: number;
  readonly owed: Set<string>;
  patientUntil: number;
}

const roundMs = config.digestWaitTimeMs + config.responseWaitTimeMs;
const freshMs = config.digestWaitTimeMs + 0.4 * (config.requestWaitTimeMs - config.digestWaitTimeMs);

function create(): { readonly pull: Pull<string>; readonly store: ItemStore<string> } {
  const store = new ItemStore<string>({ bytesOf: (item) => item.length });
  store.add(digestOf("0"), "0");
  const pull = new Pull<string>({ items: store, peers: () => peers, config, random: seededRandom(3) });
  return { pull, store };
}

test("Pull keeps the laws of a machine, whatever happens", () => {
  const input = fc.oneof(
    act
      .filter((one) => one.kind === "input")
      .map((one) => (one.kind === "input" ? one.input : { type: "pull-now" as const })),
  );
  const steps = fc.array(fc.record({ afterMs: fc.constantFrom(0, 5, 20, 60, 150, 600), input }), { maxLength: 50 });
  fc.assert(
    fc.property(steps, (played) => checkMachineLaws({ create: () => create().pull, script: played, maxOutputs: 12 })),
  );
});

test("5.7, 5.10, 5.29, 5.30: Pull never requests what it holds or what is on its way, and accepts only what it requested", () => {
  fc.assert(
    fc.property(script, (steps) => {
      const { pull, store } = create();
      /** Hellos we sent, newest last, what we requested under each, and how long we leave that to its peer alone. */
      const sent: Asked[] = [];
      let now = 0;
      let answered = 0n;
      let lastRound = Number.NEGATIVE_INFINITY;
      const running = () => sent.filter(({ at }) => now < at + roundMs);

      const take = (outputs: readonly PullOutput<string>[]) => {
        const hellos = outputs.filter((output) => output.type === "send-hello");
        expect(hellos.length).toBeLessThanOrEqual(config.pullPeerNum);
        if (hellos.length > 0) {
          expect(now - lastRound).toBeGreaterThanOrEqual(config.minRoundIntervalMs);
          lastRound = now;
        }
        for (const { to, nonce: fresh } of hellos) {
          sent.push({ to: to.pkiId, nonce: fresh, at: now, owed: new Set(), patientUntil: now });
        }
        for (const output of outputs) {
          if (output.type === "send-request") {
            const session = sent.find(({ to, nonce: its }) => to === output.to.pkiId && its === output.nonce);
            if (session === undefined) throw new Error("expected requests to go where hellos went");
            expect(now - session.at, "its peer remembers the hello").toBeLessThanOrEqual(freshMs);
            expect(output.digests.length).toBeLessThanOrEqual(config.maxDigests);
            for (const text of output.digests.map(textOf)) {
              expect(store.has(digestOf(text)), `${text} is held`).toBe(false);
              const owing = running().filter(({ owed }) => owed.has(text));
              expect(
                owing.map(({ to }) => to),
                `${text} was asked of it`,
              ).not.toContain(session.to);
              for (const { patientUntil } of owing)
                expect(now, `${text} is on its way`).toBeGreaterThanOrEqual(patientUntil);
            }
            for (const text of output.digests.map(textOf)) session.owed.add(text);
            session.patientUntil = now + config.failoverMs;
          } else if (output.type === "accept") {
            const session = sent.find(({ nonce: its }) => its === answered);
            for (const { digest, item } of output.items) {
              expect(session?.to).toBe(output.from);
              expect(session?.owed.has(textOf(digest)), "accepted only when requested").toBe(true);
              for (const { owed } of sent) owed.delete(textOf(digest));
              store.add(digest, item);
            }
            if (session !== undefined) session.patientUntil = now + config.failoverMs;
          } else if (output.type === "send-digest" || output.type === "send-update") {
            const many = output.type === "send-digest" ? output.digests.length : output.items.length;
            expect(many).toBeGreaterThan(0);
            expect(many).toBeLessThanOrEqual(config.maxDigests);
          }
        }
      };
      const step = (input: PullInput<string> | Wake) => take(pull.step(input, now));

      for (const { afterMs, act: next } of steps) {
        const until = now + afterMs;
        while (pull.deadline <= until) {
          now = Math.max(now, pull.deadline);
          step(wake);
        }
        now = until;
        if (next.kind === "input") step(next.input);
        else if (next.kind === "gain") for (const item of next.items) store.add(digestOf(item), item);
        else {
          const session = sent.at(-1 - (next.which % Math.max(1, sent.length)));
          if (session === undefined) continue;
          const { to, nonce: its } = session;
          const named = next.items.map((item) => ({ digest: digestOf(item), item }));
          answered = its;
          if (next.kind === "update") step({ type: "update", from: to, nonce: its, items: named });
          else if (next.kind === "refusal") {
            // Beforehand, since others may be asked at once.
            for (const item of next.items) session.owed.delete(item);
            step({ type: "update", from: to, nonce: its, items: [], refused: next.items.map(digestOf) });
          } else step({ type: "digest", from: to, nonce: its, digests: named.map(({ digest }) => digest) });
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("Pull brings every item to every node, however items and delays are spread", () => {
  const spread = fc.array(fc.record({ held: fc.subarray(texts), slownessMs: fc.integer({ min: 0, max: 30 }) }), {
    minLength: 2,
    maxLength: 6,
  });
  fc.assert(
    fc.property(spread, fc.integer(), (nodes, seed) => {
      const network = new PullNetwork({ seed, config: { ...config, maxDigests: 100 } });
      const names = nodes.map((_, at) => `n${at}`);
      nodes.forEach(({ held, slownessMs }, at) => {
        const name = `n${at}`;
        network.start(name, { items: held, slownessMs, peers: names.filter((other) => other !== name) });
      });
      network.runFor(10_000);
      const everything = [...new Set(nodes.flatMap(({ held }) => held))].sort();
      for (const name of names) expect(network.itemsOf(name)).toEqual(everything);
    }),
    { numRuns: 50 },
  );
});
