// CONTRACT: being implemented; names and shapes are what the implementation will have.
import type { AliveMessage, Member, PkiId } from "@gossip/proto";
import type { Machine, Millis, Random, Wake } from "@gossip/runtime";
import type { DiscoveryConfig } from "./config.js";
import type { Disclosure } from "./disclosure.js";
import type { AlivePath, DiscoveryInput, DiscoveryMember, DiscoveryOutput, MembershipView } from "./io.js";

/** Who we are. */
export interface DiscoverySelf {
  readonly pkiId: PkiId;
  /** External endpoint; empty (the default) means invisible to other organizations. */
  readonly endpoint?: string;
  /** What peers of the own organization dial. */
  readonly internalEndpoint: string;
  readonly metadata?: Uint8Array;
}

export interface DiscoveryOptions {
  readonly self: DiscoverySelf;
  /** Nanoseconds since 1970 at start, larger than in every earlier life of this identity. */
  readonly incarnation: bigint;
  readonly config?: Partial<DiscoveryConfig>;
  readonly random: Random;
  /** Who may learn whom; the default tells nobody anything but ourselves, without the secret. */
  readonly disclosure?: Disclosure;
}

export declare class Discovery implements Machine<DiscoveryInput, DiscoveryOutput>, MembershipView {
  constructor(options: DiscoveryOptions);
  readonly deadline: Millis;
  step(input: DiscoveryInput | Wake, now: Millis): readonly DiscoveryOutput[];
  /** Whether an alive message would change anything: asked before its signature is checked (page 04 §8.2). `hasSecret`: its envelope has one. */
  wants(message: AliveMessage, path: AlivePath, hasSecret?: boolean): boolean;
  /** Whether a response from this peer with this nonce is waited for: asked before its entries are verified. */
  wantsResponse(from: PkiId, nonce: bigint): boolean;
  readonly self: Member;
  readonly members: readonly DiscoveryMember[];
  readonly deadMembers: readonly DiscoveryMember[];
  /** A member, alive or dead; `undefined` when unknown, forgotten or self. */
  lookup(pkiId: PkiId): DiscoveryMember | undefined;
}
