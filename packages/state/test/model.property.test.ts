import { type Random, seededRandom } from "@gossip/runtime";
import { makeChain } from "@gossip/state/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { honestPeer, payloadsOf, peerId, Stage, type StagedPeer } from "./stage.js";

const blockBufferSize = 8;
const transactionBytes = 100;
const chain = makeChain(80, { transactionBytes });
const blockBytes = Math.max(...chain.map(({ length }) => length));
const blockBufferBytes = 6 * blockBytes;
const windowBlocks = 24;

/** What the world does to the machine until it is healed. */
const happening = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant("push" as const), blockNumber: fc.nat(79), liar: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.constant({ type: "deliver" as const }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("time" as const), ms: fc.nat(2000) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("heights" as const), height: fc.nat(80) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("disk" as const), full: fc.boolean() }) },
);

const world = fc.record({
  seed: fc.nat(),
  happenings: fc.array(happening, { maxLength: 120 }),
  commitMs: fc.constantFrom(0, 3, 300),
  liars: fc.nat(3),
  lossPercent: fc.constantFrom(0, 30, 70),
  maxRequests: fc.constantFrom(1, 4, 32),
});

/** Claims a height it does not have, and does something else with each request. */
function liar(name: string, random: Random): StagedPeer {
  const forged = makeChain(80, { variant: 66, transactionBytes });
  const answer: StagedPeer["answer"] = ({ start, end }) => {
    const afterMs = random.below(5000);
    switch (random.below(7)) {
      case 0:
        return undefined;
      case 1:
        return { afterMs, payloads: [] };
      case 2:
        return { afterMs, payloads: payloadsOf(chain, 0n, start - 1n) };
      case 3:
        return { afterMs, payloads: payloadsOf(chain, end + 1n, 79n) };
      case 4:
        // The gate let them through, as it does not know the chain: the ledger has to refuse them.
        return { afterMs, payloads: payloadsOf(forged, start, end) };
      case 5:
        return { afterMs, payloads: payloadsOf(chain, start + 1n, end).toReversed() };
      default:
        return { afterMs, payloads: payloadsOf(chain, start, start), refused: "a signature" };
    }
  };
  return { pkiId: peerId(name), endpoint: `${name}:7051`, height: 2n ** 63n, answer };
}

describe("State transfer in a hostile world", () => {
  it("commits every block once and in order, within its bounds, and catches up once the world is healed", () => {
    fc.assert(
      fc.property(world, ({ seed, happenings, commitMs, liars, lossPercent, maxRequests }) => {
        const random = seededRandom(seed);
        const times = { maxPeerBackoffMs: 5000, maxCommitRetryMs: 2000 };
        const config = { blockBufferSize, blockBufferBytes, windowBlocks, maxRequests, ...times };
        const stage = new Stage({ blocks: chain.slice(0, 1), commitMs, config, seed });
        const lying = Array.from({ length: liars }, (_, at) => liar(`liar${at}`, random));
        const lossy = (peer: StagedPeer): StagedPeer => ({
          ...peer,
          answer: (request) => (random.below(100) < lossPercent ? undefined : peer.answer(request)),
        });
        let delivered = 1;
        watchBounds(stage);
        for (const event of happenings) {
          if (event.type === "push") {
            // A liar's push is a genuine block: others are stopped by the gate.
            stage.pushBlock(chain, event.blockNumber, peerId(event.liar ? "liar0" : "a"));
          } else if (event.type === "deliver") {
            if (stage.state.room && delivered < 80) stage.deliverBlock(chain, delivered++);
          } else if (event.type === "time") stage.clock.runFor(event.ms);
          else if (event.type === "disk") stage.ledger.failWith(event.full ? "no space left on device" : undefined);
          else stage.meet(...lying, lossy(honestPeer("a", chain.slice(0, event.height), random.below(500))));
        }
        stage.ledger.failWith(undefined);
        stage.meet(...lying, honestPeer("a", chain), honestPeer("b", chain.slice(0, 79)));
        stage.clock.runFor(5 * 60_000);
        expect(stage.ledger.height).toBe(80n);
        expect(stage.state.height).toBe(80n);
        for (const [number, block] of chain.entries()) expect(stage.ledger.read(BigInt(number))).toBe(block);
        expect(stage.state.buffered.blocks).toBe(0);
        expect(stage.state.stall).toBeUndefined();
      }),
      {
        numRuns: 150,
        // Forged blocks once filled the buffer, and nobody asked any more for the one that nothing could go on without.
        examples: [
          [
            {
              seed: 1834704975,
              happenings: [
                { type: "heights", height: 12 },
                { type: "time", ms: 518 },
              ],
              commitMs: 0,
              liars: 3,
              lossPercent: 70,
              maxRequests: 1,
            },
          ],
        ],
      },
    );
  });
});

/** What must hold after every output, whatever happens. */
function watchBounds(stage: Stage): void {
  let committing: bigint | undefined;
  let height = stage.ledger.height;
  stage.onOutput = (output) => {
    const { blocks, bytes } = stage.state.buffered;
    if (blocks > windowBlocks) throw new Error(`expected at most ${windowBlocks} blocks, got ${blocks}`);
    if (bytes >= blockBufferBytes + blockBytes)
      throw new Error(`expected fewer bytes than the bound and a block, got ${bytes}`);
    if (output.type === "commit") {
      if (committing !== undefined) throw new Error(`block ${output.blockNumber} was committed beside ${committing}`);
      if (output.blockNumber !== height) throw new Error(`expected commit of ${height}, got ${output.blockNumber}`);
      committing = output.blockNumber;
    } else if (output.type === "height") {
      if (output.height !== height + 1n) throw new Error(`expected height ${height + 1n}, got ${output.height}`);
      height = output.height;
      committing = undefined;
    } else if (output.type === "stalled" || (output.type === "dropped" && output.reason === "refused-by-ledger")) {
      committing = undefined;
    } else if (output.type === "request" && output.end - output.start > 10n) {
      throw new Error(`expected at most 11 blocks to be asked for, got ${output.start} to ${output.end}`);
    }
  };
}
