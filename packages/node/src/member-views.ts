import type { RemotePeer } from "@gossip/comm";
import type { IdentityStore } from "@gossip/crypto";
import type { Discovery, DiscoveryMember } from "@gossip/discovery";
import type { OrgId, PkiId } from "@gossip/proto";
import type { Clock, Random } from "@gossip/runtime";
import type { MemberView } from "./api.js";
import type { MembershipView } from "./channel-gossip.js";
import type { RoutableChannel, RoutingView } from "./routing.js";

/** What is known of members, joined from discovery and the identity store. It only reads. */
export class MemberViews implements MembershipView {
  readonly #discovery: Discovery;
  readonly #identities: IdentityStore;
  readonly #clock: Clock;
  /** Connected, or about to be. */
  readonly isLinked: (pkiId: PkiId) => boolean;

  constructor(discovery: Discovery, identities: IdentityStore, clock: Clock, isLinked: (pkiId: PkiId) => boolean) {
    this.#discovery = discovery;
    this.#identities = identities;
    this.#clock = clock;
    this.isLinked = isLinked;
  }

  get alive(): readonly PkiId[] {
    return this.#discovery.alivePkiIds;
  }

  knows(pkiId: PkiId): boolean {
    return this.#discovery.lookup(pkiId) !== undefined;
  }

  orgOf(pkiId: PkiId): OrgId | undefined {
    return this.#identities.orgOf(pkiId);
  }

  /** Has an endpoint that other organizations may see; asked of ourselves too. */
  isVisible(pkiId: PkiId): boolean {
    if (pkiId === this.#identities.selfPkiId) return this.#discovery.self.endpoint !== "";
    return (this.#discovery.lookup(pkiId)?.endpoint ?? "") !== "";
  }

  /** Where a member is dialled; an existing connection is used whatever this says. */
  address(pkiId: PkiId): RemotePeer {
    return { pkiId, endpoint: this.#discovery.lookup(pkiId)?.preferredEndpoint ?? "" };
  }

  /** A member as programs see it. */
  view(member: DiscoveryMember): MemberView {
    const { pkiId, endpoint, internalEndpoint, metadata, state, incarnation, sequence, lastSeen } = member;
    const lastSeenMs = Math.max(0, this.#clock.now() - lastSeen);
    const org = this.orgOf(pkiId);
    const expiresAtWallMs = this.#identities.expirationOf(pkiId);
    const described = { pkiId, org, endpoint, internalEndpoint, metadata, state };
    return { ...described, incarnation, sequence, lastSeenMs, expiresAtWallMs };
  }

  viewOf(pkiId: PkiId): MemberView | undefined {
    const member = this.#discovery.lookup(pkiId);
    return member === undefined ? undefined : this.view(member);
  }

  /** The same for routing, with the channels beside it. */
  forRouting(channels: ReadonlyMap<string, RoutableChannel>, fanOut: number, random: Random): RoutingView {
    const views = this;
    return {
      self: this.#identities.selfPkiId,
      selfOrg: this.#identities.selfOrg,
      get alive() {
        return views.alive;
      },
      orgOf: (pkiId) => this.orgOf(pkiId),
      isVisible: (pkiId) => this.isVisible(pkiId),
      isLinked: this.isLinked,
      channel: (id) => channels.get(id),
      fanOut,
      // In a crowd everybody has met those who are contacted first, and learns by asking.
      get enoughLinks() {
        return views.#discovery.isCrowded ? 1 : fanOut;
      },
      random,
    };
  }
}
