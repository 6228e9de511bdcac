import { type GossipOptions, gossipDefaults } from "@gossip/node";
import { formatDuration } from "./duration.js";

/** A time that has to be above another one, or things fail strangely later; the reference checks none (page 12 §7 no. 5). */
export interface BrokenRelation {
  /** Key in the file. */
  readonly key: string;
  /** Completes "expected KEY …". */
  readonly expected: string;
  readonly got: string;
}

interface Relation {
  readonly name: "aliveExpirationTimeout" | "requestWaitTime" | "pullInterval";
  readonly bound: string;
  boundMs(config: Times): number;
  /** Between the two, in the reference's defaults. */
  readonly ratio: number;
}

type Times = Pick<
  typeof gossipDefaults,
  "aliveTimeIntervalMs" | "digestWaitTimeMs" | "requestWaitTimeMs" | "responseWaitTimeMs" | "pullIntervalMs"
> & { readonly aliveExpirationTimeoutMs: number };

const relations: readonly Relation[] = [
  {
    name: "aliveExpirationTimeout",
    bound: "peer.gossip.aliveTimeInterval",
    boundMs: ({ aliveTimeIntervalMs }) => aliveTimeIntervalMs,
    ratio: 5,
  },
  {
    name: "requestWaitTime",
    bound: "peer.gossip.digestWaitTime",
    boundMs: ({ digestWaitTimeMs }) => digestWaitTimeMs,
    ratio: 1.5,
  },
  {
    name: "pullInterval",
    bound: "peer.gossip.digestWaitTime and responseWaitTime together",
    boundMs: ({ digestWaitTimeMs, responseWaitTimeMs }) => digestWaitTimeMs + responseWaitTimeMs,
    ratio: 4 / 3,
  },
];

/**
 * Raises each time that is not above its bound, in the ratio of the defaults.
 *
 * @returns the options that hold together, and what had to be raised
 */
export function relate(options: GossipOptions): {
  readonly options: GossipOptions;
  readonly broken: readonly BrokenRelation[];
} {
  const broken: BrokenRelation[] = [];
  let related = options;
  for (const { name, bound, boundMs, ratio } of relations) {
    const times = {
      ...gossipDefaults,
      ...related,
      // Without a value of its own, this one follows the interval (page 12 §2.1).
      aliveExpirationTimeoutMs: related.aliveExpirationTimeoutMs ?? Number.POSITIVE_INFINITY,
    };
    const least = boundMs(times);
    if (times[`${name}Ms`] > least) continue;
    broken.push({
      key: `peer.gossip.${name}`,
      expected: `to be above ${bound} (${formatDuration(least)})`,
      got: formatDuration(times[`${name}Ms`]),
    });
    related = { ...related, [`${name}Ms`]: Math.max(least + 1, Math.round(least * ratio)) };
  }
  return { options: related, broken };
}
