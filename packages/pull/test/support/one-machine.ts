import type { PkiId } from "@gossip/proto";
import { ItemStore, Pull, type PullConfig, type PullInput, type PullOutput } from "@gossip/pull";
import { digestOf, nameOf, pkiIdOf, textOf } from "@gossip/pull/testing";
import { seededRandom, type Wake, wake } from "@gossip/runtime";

export const [alice, bob, carol] = ["alice", "bob", "carol"].map(pkiIdOf) as [PkiId, PkiId, PkiId];

export interface SetupOptions {
  readonly items?: readonly string[];
  readonly peers?: readonly string[];
  /** Those of them that are likely to hold what is lacking. */
  readonly preferred?: readonly string[];
  readonly config?: Partial<PullConfig>;
  readonly egress?: (requester: PkiId) => (item: string) => boolean;
  readonly seed?: number;
  readonly isSilenceAnAnswer?: boolean;
  readonly isEager?: boolean;
}

/** One machine whose items are texts, in the hands of a test that plays everybody else. */
export function setup(options: SetupOptions = {}) {
  const { items = [], peers = [], preferred = [], config = {}, egress, seed = 11, ...habits } = options;
  const store = new ItemStore<string>({ bytesOf: (item) => item.length, ...(egress && { egress }) });
  for (const item of items) store.add(digestOf(item), item);
  const pull = new Pull<string>({
    items: store,
    peers: () =>
      peers.map((name) => ({
        pkiId: pkiIdOf(name),
        endpoint: `${name}:7051`,
        ...(preferred.includes(name) && { isPreferred: true }),
      })),
    config,
    random: seededRandom(seed),
    ...habits,
  });
  let now = 0;
  const step = (input: PullInput<string> | Wake) => pull.step(input, now);
  return {
    pull,
    store,
    step,
    /** Starts a round now; the nonce of each peer's hello. */
    hello(): Map<PkiId, bigint> {
      const sent = step({ type: "pull-now" }).filter((output) => output.type === "send-hello");
      return new Map(sent.map(({ to, nonce }) => [to.pkiId, nonce]));
    },
    digest: (from: PkiId, nonce: bigint | undefined, ...texts: string[]) =>
      step({ type: "digest", from, nonce: nonce ?? 0n, digests: texts.map(digestOf) }),
    update: (from: PkiId, nonce: bigint | undefined, ...texts: string[]) =>
      step({
        type: "update",
        from,
        nonce: nonce ?? 0n,
        items: texts.map((item) => ({ digest: digestOf(item), item })),
      }),
    /** Items that did not pass verification. */
    refuse: (from: PkiId, nonce: bigint | undefined, ...texts: string[]) =>
      step({ type: "update", from, nonce: nonce ?? 0n, items: [], refused: texts.map(digestOf) }),
    request: (from: PkiId, nonce: bigint, ...texts: string[]) =>
      step({ type: "request", from, nonce, digests: texts.map(digestOf) }),
    pass(ms: number): PullOutput<string>[] {
      const outputs: PullOutput<string>[] = [];
      const until = now + ms;
      while (pull.deadline <= until) {
        now = Math.max(now, pull.deadline);
        outputs.push(...step(wake));
      }
      now = until;
      return outputs;
    },
  };
}

/** Outputs as short lines: what a reader of a trace sees. */
export function lines(outputs: readonly PullOutput<string>[]): string[] {
  return outputs.map((output) => {
    switch (output.type) {
      case "send-hello":
        return `hello to ${nameOf(output.to.pkiId)}`;
      case "send-digest":
        return `digest to ${nameOf(output.to)}: ${output.digests.map(textOf).sort().join(" ")}`;
      case "send-request":
        return `request to ${nameOf(output.to.pkiId)}: ${output.digests.map(textOf).sort().join(" ")}`;
      case "send-update":
        return `update to ${nameOf(output.to)}: ${[...output.items].sort().join(" ")}`;
      case "accept":
        return `accept of ${nameOf(output.from)}: ${output.items.map(({ item }) => item).join(" ")}`;
      case "dropped":
        return `dropped ${output.count} of ${nameOf(output.from)}: ${output.reason}`;
      default:
        return output satisfies never;
    }
  });
}
