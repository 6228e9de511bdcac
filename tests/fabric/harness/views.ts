/** What peers tell of one another, whoever sits in their place. */

import type { FabricPeer } from "./peer.js";
import { until } from "./until.js";

/** A member of the channel as another peer sees it. */
export interface Sighting {
  readonly mspId: string;
  readonly height: number;
}

/** The members of the channel that `peer` holds alive, itself and those without an external endpoint excluded, by endpoint. */
export async function sightings(peer: FabricPeer): Promise<ReadonlyMap<string, Sighting>> {
  if (peer.seat === "ours") {
    const { members } = await peer.channel();
    // `discover` does not show who has no external endpoint.
    const alive = members.filter(({ state, endpoint }) => state === "alive" && endpoint !== "");
    return new Map(alive.map(({ endpoint, org, height }) => [endpoint, { mspId: org ?? "", height: Number(height) }]));
  }
  const others = (await peer.discover()).filter(({ Endpoint }) => Endpoint !== peer.endpoint);
  return new Map(others.map(({ Endpoint, MSPID, LedgerHeight }) => [Endpoint, { mspId: MSPID, height: LedgerHeight }]));
}

/** Waits until each of `observers` sees exactly the other `peers`, each with its organization and `height`. */
export async function waitForView(
  observers: readonly FabricPeer[],
  peers: readonly FabricPeer[],
  options: { readonly patienceMs: number; readonly height?: number },
): Promise<void> {
  const { patienceMs, height } = options;
  const describe = (entries: Iterable<readonly [string, Sighting]>) =>
    [...entries]
      .map(([endpoint, one]) => `${one.mspId} ${endpoint}${height === undefined ? "" : ` at ${one.height}`}`)
      .sort()
      .join(", ");
  await Promise.all(
    observers.map(async (observer) => {
      const others = peers.filter((peer) => peer !== observer);
      const wanted = describe(others.map(({ endpoint, mspId }) => [endpoint, { mspId, height: height ?? 0 }] as const));
      let seen = "nothing yet";
      const question = async () => {
        seen = describe(await sightings(observer));
        return seen === wanted;
      };
      await until(`${observer.name} to see ${wanted}`, question, patienceMs, () => seen);
    }),
  );
}

/** Waits until `observers` do not see `gone` any more. */
export async function waitForAbsence(
  observers: readonly FabricPeer[],
  gone: FabricPeer,
  patienceMs: number,
): Promise<void> {
  await Promise.all(
    observers.map(async (observer) => {
      const question = async () => !(await sightings(observer)).has(gone.endpoint);
      await until(`${observer.name} not to see ${gone.name} any more`, question, patienceMs);
    }),
  );
}
