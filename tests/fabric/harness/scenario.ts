import type { FabricNetwork } from "./network.js";
import type { AuthorityDepth, OwnAuthority } from "./own-authority.js";
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
  /** Whether the story listens to what peers say to one another, or cuts a path. @default false */
  readonly isWired?: boolean;
  /** Organizations whose certificates the test issues itself, and how. */
  readonly authorities?: Readonly<Record<string, AuthorityDepth>>;
  /** @throws Error as soon as the story goes another way */
  run(stage: Stage): Promise<void>;
}

/** A network of which nothing runs yet, and who is judged in it. */
export class Stage {
  readonly network: FabricNetwork;
  readonly seat: Seat;
  readonly #authorities: ReadonlyMap<string, OwnAuthority>;
  readonly #seated = new Set<FabricPeer>();
  readonly #toClose: (() => Promise<void>)[] = [];

  constructor(network: FabricNetwork, seat: Seat, authorities: ReadonlyMap<string, OwnAuthority>) {
    this.network = network;
    this.seat = seat;
    this.#authorities = authorities;
  }

  /** Of an organization that the scenario names in `authorities`. */
  authority(organization: string): OwnAuthority {
    const found = this.#authorities.get(organization);
    if (found === undefined) throw new Error(`expected the test to be the authority of ${organization}`);
    return found;
  }

  /** Has something closed at the end, however the story ends. */
  onEnd(close: () => Promise<void>): void {
    this.#toClose.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.#toClose.splice(0)) await close();
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
const quickExpiryMs = 10_000;
export const quickMembership: Environment = {
  CORE_PEER_GOSSIP_ALIVETIMEINTERVAL: "2s",
  CORE_PEER_GOSSIP_ALIVEEXPIRATIONTIMEOUT: `${quickExpiryMs / 1000}s`,
  CORE_PEER_GOSSIP_RECONNECTINTERVAL: "5s",
};
/** Expiry is looked for each tenth of it; the rest is for the tools that look. */
export const quickAbsenceMs = quickExpiryMs * 1.1 + 3_000;
