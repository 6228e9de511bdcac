import { describe, expect, test } from "vitest";
import { type Comparison, compareMessages, comparePeerTime } from "./comparator.js";
import type { GossipMessage, MessageType, PeerTime } from "./messages.js";
import { pkiId } from "./pki-id.js";
import {
  acknowledgement,
  aliveMessage,
  blockPayload,
  dataMessage,
  leadershipMessage,
  peerIdentity,
  stateInfo,
} from "./testing/index.js";

const time = (incarnation: bigint, sequence: bigint): PeerTime => ({ incarnation, sequence });
const alive = (id: string, at: PeerTime) =>
  aliveMessage({ member: { endpoint: "", metadata: new Uint8Array(0), pkiId: pkiId(id) }, time: at });
const state = (id: string, at: PeerTime, mac = 1) =>
  stateInfo({ pkiId: pkiId(id), time: at, channelMac: Uint8Array.of(mac) });
const leader = (id: string, at: PeerTime, isDeclaration = true) =>
  leadershipMessage({ pkiId: pkiId(id), time: at, isDeclaration });
const identity = (id: string) => peerIdentity({ pkiId: pkiId(id) });
const block = (blockNumber: bigint) => dataMessage({ payload: blockPayload({ blockNumber }) });

/** Rows of page 01 §13: how the first relates to the second, and the second to the first. */
const rows: readonly (readonly [
  name: string,
  first: GossipMessage,
  second: GossipMessage,
  window: bigint,
  expected: Comparison,
  swapped: Comparison,
])[] = [
  ["06/9: alive of two peers", alive("17", time(1n, 1n)), alive("15", time(2n, 2n)), 1n, "unrelated", "unrelated"],
  ["06/10: a later life", alive("17", time(1n, 1n)), alive("17", time(2n, 2n)), 1n, "invalidated", "invalidates"],
  ["06/10: a later alive", alive("17", time(1n, 1n)), alive("17", time(1n, 2n)), 1n, "invalidated", "invalidates"],
  ["a lower sequence", alive("17", time(1n, 9n)), alive("17", time(2n, 1n)), 1n, "invalidated", "invalidates"],
  ["a duplicate", alive("17", time(1n, 1n)), alive("17", time(1n, 1n)), 1n, "invalidated", "invalidated"],
  ["06/11: state of two peers", state("17", time(1n, 1n)), state("13", time(1n, 1n)), 1n, "unrelated", "unrelated"],
  ["06/12: the same state", state("17", time(1n, 1n)), state("17", time(1n, 1n)), 1n, "invalidated", "invalidated"],
  ["06/12: state (1,1), (1,2)", state("17", time(1n, 1n)), state("17", time(1n, 2n)), 1n, "invalidated", "invalidates"],
  ["06/12: state (1,1), (2,1)", state("17", time(1n, 1n)), state("17", time(2n, 1n)), 1n, "invalidated", "invalidates"],
  ["06/12: state (1,2), (2,1)", state("17", time(1n, 2n)), state("17", time(2n, 1n)), 1n, "invalidated", "invalidates"],
  ["two channels", state("17", time(1n, 1n), 1), state("17", time(1n, 2n), 2), 1n, "invalidated", "invalidates"],
  ["06/13: data 1, 1", block(1n), block(1n), 5n, "invalidated", "invalidated"],
  ["06/13: data 1, 2", block(1n), block(2n), 5n, "unrelated", "unrelated"],
  ["data 1, 6 at the edge", block(1n), block(6n), 5n, "unrelated", "unrelated"],
  ["06/13: data 1, 7", block(1n), block(7n), 5n, "invalidated", "invalidates"],
  ["data at both ends", block(0n), block(2n ** 64n - 1n), 5n, "invalidated", "invalidates"],
  ["data beyond 2^53", block(2n ** 53n), block(2n ** 53n + 1n), 0n, "invalidated", "invalidates"],
  ["06/14: one identity", identity("17"), identity("17"), 5n, "invalidated", "invalidated"],
  ["06/14: two identities", identity("17"), identity("11"), 5n, "unrelated", "unrelated"],
  ["06/15: two leaders", leader("17", time(1n, 1n)), leader("11", time(1n, 1n)), 5n, "unrelated", "unrelated"],
  [
    "06/15: leader (1,1), (1,2)",
    leader("17", time(1n, 1n)),
    leader("17", time(1n, 2n)),
    5n,
    "invalidated",
    "invalidates",
  ],
  [
    "06/15: leader (1,1), (2,1)",
    leader("17", time(1n, 1n)),
    leader("17", time(2n, 1n)),
    5n,
    "invalidated",
    "invalidates",
  ],
  [
    "06/15: leader (1,2), (2,1)",
    leader("17", time(1n, 2n)),
    leader("17", time(2n, 1n)),
    5n,
    "invalidated",
    "invalidates",
  ],
  ["acts", leader("17", time(1n, 1n), true), leader("17", time(1n, 2n), false), 5n, "invalidated", "invalidates"],
  ["two kinds", alive("17", time(1n, 1n)), state("17", time(2n, 2n)), 5n, "unrelated", "unrelated"],
  ["another kind", acknowledgement(), acknowledgement(), 5n, "unrelated", "unrelated"],
];

describe("1.19, 1.20: compareMessages", () => {
  test.each(rows)("compares %s", (_, first, second, window, expected, swapped) => {
    expect(compareMessages(first, second, window)).toBe(expected);
    expect(compareMessages(second, first, window)).toBe(swapped);
  });

  test("has a window of 0 when none is given, so that any two blocks are related", () => {
    expect(compareMessages(block(2n), block(1n))).toBe("invalidates");
  });

  test("never relates two messages of different kinds", () => {
    const one: Partial<Record<MessageType, GossipMessage>> = {
      alive: alive("17", time(1n, 1n)),
      "state-info": state("17", time(1n, 1n)),
      leadership: leader("17", time(1n, 1n)),
      "peer-identity": identity("17"),
      data: block(1n),
    };
    for (const a of Object.values(one)) {
      for (const b of Object.values(one)) if (a.type !== b.type) expect(compareMessages(a, b)).toBe("unrelated");
    }
  });
});

test("1.17: comparePeerTime orders by incarnation, then by sequence, in exact 64-bit arithmetic", () => {
  const last = 2n ** 64n - 1n;
  const ascending = [
    time(0n, 0n),
    time(0n, last),
    time(1n, 0n),
    time(last - 1n, last),
    time(last, last - 1n),
    time(last, last),
  ];
  for (const [i, a] of ascending.entries()) {
    for (const [j, b] of ascending.entries()) expect(comparePeerTime(a, b)).toBe(Math.sign(i - j));
  }
});
