import { unsigned } from "@gossip/crypto";
import { type Envelope, encodeEnvelope, type GossipMessage } from "@gossip/proto";
import {
  aliveMessage,
  dataMessage,
  digestMessage,
  emptyMessage,
  envelopeOf,
  helloMessage,
  leadershipMessage,
  membershipRequest,
  membershipResponse,
  peerIdentity,
  privateDataResponse,
  stateInfo,
  stateInfoSnapshot,
  stateResponse,
  updateMessage,
} from "@gossip/proto/testing";
import { Pull } from "@gossip/pull";
import { describe, expect, test } from "vitest";
import { fuzz, machineTypes } from "./fuzz.js";
import { harmIn } from "./harm.js";
import { heapBytes } from "./heap.js";
import { readVectors, replay } from "./vector.js";

const signature = Uint8Array.of(1);
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));

test("a hostile crowd makes a node neither throw, nor grow, nor work without end, nor harm others", {
  timeout: 120_000,
}, async () => {
  const report = await fuzz({ seed: 20_261_121, envelopes: 9_000, perWorld: 2_250, heapBytes });
  expect(report.findings).toEqual([]);
  expect(report.sent).toBe(9_000);
  // A million envelopes bring ten thousand of each, as the long run counts; so few vary more.
  const shares = machineTypes.map((type) => [type, (report.reached.get(type) ?? 0) / report.sent] as const);
  expect(shares.filter(([, share]) => share < 0.007)).toEqual([]);
});

test("a machine that throws is found, with the envelope that made it throw", async () => {
  const { step } = Pull.prototype;
  Pull.prototype.step = function (input, now) {
    if (input.type === "request") throw new Error("planted");
    return step.call(this, input, now);
  };
  try {
    const { findings } = await fuzz({ seed: 1, envelopes: 2_000, heapBytes: () => 0 });
    expect(findings[0]).toMatchObject({ what: "fault", detail: expect.stringContaining("planted") });
    expect(findings[0]?.bytes).toMatch(/^\d [0-9a-f]+$/);
  } finally {
    Pull.prototype.step = step;
  }
});

test("a seed replays a run", async () => {
  const run = () => fuzz({ seed: 7, envelopes: 600, heapBytes: () => 0 });
  const [one, other] = [await run(), await run()];
  expect(other).toEqual(one);
});

const vectors = readVectors();
test.each(vectors)("$name does no harm any more: $about", async (vector) => {
  expect(await replay(vector)).toEqual([]);
});

describe("what harms a stock peer is seen in", () => {
  const alive = envelopeOf(aliveMessage(), { signature });
  const info = envelopeOf(stateInfo(), { signature });
  const cases: readonly [string, GossipMessage | Envelope, RegExp][] = [
    ["an alive message without membership", { payload: bytes("18012a021200"), signature }, /missing-field/],
    ["an alive message without a time", { payload: bytes("18012a020a00"), signature }, /missing-field/],
    ["an alive message without a signature", aliveMessage(), /unsigned/],
    ["a dead entry that is no alive message", membershipResponse({ dead: [info] }), /where alive belongs/],
    [
      "an entry that does not decode",
      membershipResponse({ alive: [{ payload: bytes("ff"), signature }] }),
      /Go cannot decode/,
    ],
    ["a self information that is no alive message", membershipRequest({ self: info }), /where alive belongs/],
    [
      "an item of a block pull without a payload",
      updateMessage({ data: [{ payload: bytes("18044200"), signature }] }),
      /missing-field/,
    ],
    ["a block message without a block", dataMessage(), /without a block/],
    [
      "an answer without its block",
      stateResponse({ payloads: [{ blockNumber: 1n, data: bytes("ff"), privateData: [] }] }),
      /without its blocks/,
    ],
    [
      "an update of two kinds",
      updateMessage({ tag: "empty", channel: "", pullType: "identity", data: [alive] }),
      /where peer-identity belongs/,
    ],
    [
      "an identity of nobody",
      updateMessage({
        tag: "empty",
        channel: "",
        pullType: "identity",
        data: [envelopeOf(peerIdentity({ identity: bytes("") }), { signature })],
      }),
      /empty identity/,
    ],
    ["a snapshot with another message", stateInfoSnapshot({ elements: [alive] }), /where state-info belongs/],
    ["a state info without a time", { payload: bytes("18057a022a00"), signature }, /missing-field/],
    ["a leadership message without a time", { payload: bytes("1804a201020a00"), signature }, /missing-field/],
    ["an empty digest", digestMessage({ tag: "empty", channel: "", pullType: "identity" }), /without digests/],
    ["an illegal tag", helloMessage({ tag: "org-only" }), /illegal tag/],
    [
      "a private data set without bytes",
      privateDataResponse({
        elements: [
          {
            digest: { txId: "", namespace: "", collection: "", blockNumber: 0n, seqInBlock: 0n },
            payload: [bytes("")],
          },
        ],
      }),
      /empty private data/,
    ],
    ["a number of 65 bits", { payload: bytes("0801d801ffffffffffffffffff03b20100"), signature }, /Go cannot decode/],
    ["a content in pieces that are none", { payload: bytes("18014a021a024a021a02"), signature }, /Go cannot decode/],
    ["a message without content", emptyMessage({ tag: "empty" }), /tag|content/],
  ];

  test.each(cases)("%s", (_, said, harm) => {
    expect(harmIn(encodeEnvelope("type" in said ? unsigned(said) : said))).toMatch(harm);
  });

  test("nothing that is in order", () => {
    const said = [
      membershipResponse({ alive: [alive], dead: [alive] }),
      stateInfoSnapshot({ elements: [info] }),
      leadershipMessage(),
    ];
    for (const message of said) expect(harmIn(encodeEnvelope(unsigned(message)))).toBeUndefined();
    expect(harmIn(encodeEnvelope(alive))).toBeUndefined();
  });
});
