import type { PkiId } from "@gossip/proto";
import { seededRandom } from "@gossip/runtime";
import { checkMachineLaws } from "@gossip/runtime/testing";
import fc from "fast-check";
import { describe, it } from "vitest";
import { type StateInput, StateTransfer } from "../src/index.js";
import { peerId } from "./stage.js";

/** Input that a remote side or a shell without ledger can cause: everything except the outcomes of commits and reads. */
const peer = fc.constantFrom<PkiId>(peerId("a"), peerId("b"), peerId("c"));
const blockNumber = fc.oneof(fc.bigInt({ min: 0n, max: 60n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
const data = fc.uint8Array({ maxLength: 40 });
// The machine draws its nonces from a seed, and these are the first ones, so that some responses are expected.
const nonces = (() => {
  const random = seededRandom(1);
  return Array.from({ length: 8 }, () => random.uint64());
})();
const nonce = fc.constantFrom(...nonces);
const payload = fc.record({ blockNumber, data, privateData: fc.constant([]) });
const input: fc.Arbitrary<StateInput> = fc.oneof(
  fc.record({
    type: fc.constant("block" as const),
    blockNumber,
    data,
    source: fc.constantFrom("push", "deliver"),
    from: peer,
  }),
  fc.record({ type: fc.constant("state-request" as const), from: peer, nonce, start: blockNumber, end: blockNumber }),
  fc.record({ type: fc.constant("state-response" as const), from: peer, nonce, payloads: fc.array(payload) }),
  fc.record({
    type: fc.constant("state-response" as const),
    from: peer,
    nonce,
    payloads: fc.array(payload),
    behindConfig: blockNumber,
  }),
  fc.constant({ type: "peers-changed" as const }),
);
const script = fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 5000 }), input }), { maxLength: 80 });

function create(): StateTransfer {
  const peers = [
    { pkiId: peerId("a"), height: 30n, endpoint: "a:7051" },
    { pkiId: peerId("b"), height: 2n ** 64n - 1n, endpoint: "b:7051" },
    { pkiId: peerId("c"), height: 12n, endpoint: "c:7051" },
  ];
  const config = { blockBufferSize: 5, blockBufferBytes: 100, channelSize: 4, maxRequestsPerPeer: 2 };
  return new StateTransfer({ height: 10n, peers: () => peers, random: seededRandom(1), config });
}

describe("The state transfer machine", () => {
  it("keeps the laws of machines under any remote input", () => {
    fc.assert(fc.property(script, (steps) => checkMachineLaws({ create, script: steps, maxOutputs: 20 })));
  });
});
