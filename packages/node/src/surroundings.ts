import type { Comm } from "@gossip/comm";
import type { MessageCryptoService, SecurityAdvisor, Verified } from "@gossip/crypto";
import type { OrgId, PkiId, StateInfo } from "@gossip/proto";
import type { Clock, Logger, MaybePromise, Metrics, Random, WallClock } from "@gossip/runtime";
import type { ChannelUpdate, MemberView } from "./api.js";
import type { MembershipView } from "./channel-gossip.js";
import type { GossipConfig } from "./config.js";
import type { Exit } from "./exit.js";
import type { FeatureTable } from "./features.js";
import type { DropLedger } from "./refusals.js";
import type { Emission } from "./routing.js";
import type { GossipedMessage } from "./service.js";

/** What a channel shares with its node. */
export interface ChannelSurroundings {
  readonly self: PkiId;
  readonly selfOrg: OrgId;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly config: GossipConfig;
  readonly exit: Exit;
  readonly drops: DropLedger;
  readonly membership: MembershipView;
  readonly crypto: MessageCryptoService;
  readonly advisor: SecurityAdvisor;
  readonly wall: WallClock;
  /** What peers said in handshakes that they understand. */
  readonly features: FeatureTable;
  /** The last sequence of an earlier stay in this channel. */
  readonly afterSequence: bigint;
  comm(): Comm;
  endpointOf(pkiId: PkiId): string;
  memberView(pkiId: PkiId): MemberView | undefined;
  emit(emission: Emission): void;
  /** A block that was verified must not be committed: it breaks the chain, or trust has changed. `from` is `undefined` for the orderer. */
  onBlockRefused(from: PkiId | undefined, reason: string, detail: string): void;
  /** Whether the author of a state info may read the channel, now. */
  mayRead(channel: string, info: Verified<StateInfo>): MaybePromise<boolean>;
  /** Hands verified news of the protocol to programs that accept it; `bytes` is what of it is large. */
  heard(received: Omit<GossipedMessage, "how" | "org">, bytes: number): void;
  /** Judges all identities anew; done when those that are not good any more are gone. */
  judgeIdentities(): MaybePromise<void>;
  /** The channel has another configuration, in which these organizations are no more. */
  onUpdated(channel: string, update: ChannelUpdate, removed: readonly OrgId[]): void;
  /** The channel was left, and is closed; `sequence` is that of its last state info. */
  onLeft(channel: string, sequence: bigint): void;
  /** A defect was met; the node closes. */
  onFault(error: unknown): void;
}
