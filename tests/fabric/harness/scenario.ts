import type { FabricNetwork } from "./network.js";
import type { FabricPeer, PeerStart, Seat } from "./peer.js";
import type { Environment } from "./processes.js";
import type { NetworkShape } from "./shape.js";

/** A story about one or more seats in a network; it must come to the same end whoever sits there. */
export interface Scenario {
  /** A sentence. */
  readonly name: string;
  readonly shape: NetworkShape;
  /** Who may sit; a story that looks into our node cannot be told of another. */
  readonly seats: readonly Seat[];
  /** Set for all peers. */
  readonly peerEnv?: Environment;
  readonly alterOrganizations?: (organizationsDir: string) => Promise<void>;
  /** @throws Error as soon as the story goes another way */
  run(stage: Stage): Promise<void>;
}

/** A network of which nothing runs yet, and who is judged in it. */
export class Stage {
  readonly network: FabricNetwork;
  readonly seat: Seat;
  readonly #seated = new Set<FabricPeer>();

  constructor(network: FabricNetwork, seat: Seat) {
    this.network = network;
    this.seat = seat;
  }

  /** The places where who is judged sits or has sat. */
  get seated(): readonly FabricPeer[] {
    return [...this.#seated];
  }

  /** Puts who is judged into a peer's place. */
  async sit(peer: FabricPeer, options: Omit<PeerStart, "seat"> = {}): Promise<void> {
    this.#seated.add(peer);
    await peer.start({ ...options, seat: this.seat });
  }
}

export const bothSeats: readonly Seat[] = ["go", "ours"];
export const ourSeat: readonly Seat[] = ["ours"];

/** Membership that notices an absence within seconds. */
export const quickExpiryMs = 10_000;
export const quickMembership: Environment = {
  CORE_PEER_GOSSIP_ALIVETIMEINTERVAL: "2s",
  CORE_PEER_GOSSIP_ALIVEEXPIRATIONTIMEOUT: `${quickExpiryMs / 1000}s`,
  CORE_PEER_GOSSIP_RECONNECTINTERVAL: "5s",
};
/** Expiry is looked for each tenth of it; the rest is for the tools that look. */
export const quickAbsenceMs = quickExpiryMs * 1.1 + 3_000;
