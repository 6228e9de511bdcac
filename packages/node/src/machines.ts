import type { IdentityStore } from "@gossip/crypto";
import { Discovery, organizationDisclosure } from "@gossip/discovery";
import type { Envelope, PkiId } from "@gossip/proto";
import { Pull } from "@gossip/pull";
import type { Clock, Random, WallClock } from "@gossip/runtime";
import { atHand } from "./at-hand.js";
import type { GossipConfig } from "./config.js";
import { Emitter } from "./emitter.js";
import { makeIdentityItems, welcomeOnly } from "./identity-items.js";
import { MemberViews } from "./member-views.js";
import type { Emission } from "./routing.js";

/** What the machines of a node are made of. */
export interface MachinesOptions {
  readonly identities: IdentityStore;
  readonly endpoint: string;
  readonly externalEndpoint: string;
  readonly incarnation: bigint;
  readonly config: GossipConfig;
  readonly clock: Clock;
  readonly wall: WallClock;
  readonly random: Random;
  /** Whether the peer is connected, or about to be. */
  readonly isLinked: (pkiId: PkiId) => boolean;
}

/** The machines that all channels share, and what they see of each other: views that only read. */
export function makeMachines(options: MachinesOptions) {
  const { identities, endpoint, externalEndpoint, incarnation, config, clock, wall, random, isLinked } = options;
  const { selfPkiId: self, selfOrg } = identities;
  const discovery = new Discovery({
    self: { pkiId: self, internalEndpoint: endpoint, endpoint: externalEndpoint },
    incarnation,
    config,
    random,
    disclosure: organizationDisclosure({ self, selfOrg, orgOf: (id) => identities.orgOf(id) }),
    isLinked,
  });
  const views = new MemberViews(discovery, identities, clock, isLinked);
  const identityItems = makeIdentityItems(selfOrg, views);
  const pull = new Pull<Envelope>({
    items: welcomeOnly(identityItems, identities, wall),
    peers: () =>
      atHand(discovery.members, discovery.isCrowded ? 1 : config.pullPeerNum, isLinked).map(
        ({ pkiId, preferredEndpoint }) => {
          return { pkiId, endpoint: preferredEndpoint };
        },
      ),
    config,
    random,
    // Members bring their identities while they are young, and of others we learn first that we lack them.
    isEager: false,
  });
  const emitter = new Emitter<Emission>({
    iterations: config.propagateIterations,
    burstSize: config.maxPropagationBurstSize,
    burstLatencyMs: config.maxPropagationBurstLatencyMs,
    maxElements: config.maxEmitterElements,
  });
  return { discovery, views, identityItems, pull, emitter };
}
