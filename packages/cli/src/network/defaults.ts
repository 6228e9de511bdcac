// Apart from what uses them, since the help text needs them and must not load a network.

/** What a development network is made of. */
export interface NetworkShape {
  /** Organizations, named `org1`, `org2` and so on. */
  readonly orgs: number;
  /** Peers of each organization, named `peer0.org1` and so on. */
  readonly peers: number;
  /** The one channel all of them join. */
  readonly channel: string;
  /** Whether the peers of an organization elect who leads it, or its first peer does. */
  readonly election: "dynamic" | "static";
}

/** Two organizations of three peers on the channel `demo`, which elect their leaders. */
export const defaultShape: NetworkShape = Object.freeze({ orgs: 2, peers: 3, channel: "demo", election: "dynamic" });

/** First port of a network that does not say otherwise: the orderer's, as in Fabric's examples. */
export const defaultBasePort = 7050;
