import type { MessageCryptoService, SecurityAdvisor, Verdict } from "@gossip/crypto";
import type { OrdererEndpoint } from "@gossip/deliver";
import type { ChannelUpdate, PrivateDataPeer } from "@gossip/node";
import type { Block } from "@gossip/proto/fabric";
import { GossipError, isPromise, type WallClock } from "@gossip/runtime";
import type { Ledger } from "@gossip/state";
import type { DeliveryClientConfig, PeerConfig } from "./config.js";
import { openEd25519Trust } from "./trust-ed25519.js";
import { openFabricTrust } from "./trust-fabric.js";

/** An orderer of a channel, and whose it is. */
export interface TrustedOrderer extends OrdererEndpoint {
  /** MSP identifier; empty when the channel does not say. */
  readonly org: string;
}

/** What a channel's configuration says at the moment. */
export interface ChannelTerms extends ChannelUpdate {
  readonly orderers: readonly TrustedOrderer[];
}

/** A channel as its configuration describes it: what was trusted at its beginning, and what config blocks made of it. */
export interface TrustedChannel {
  readonly id: string;
  /** Serialized block 0. */
  readonly genesisBlock: Uint8Array;
  readonly terms: ChannelTerms;
  /**
   * Puts in force what the newest config block of the ledger says; called once, before anything is verified.
   *
   * @throws GossipError `corrupt` when the ledger does not hold it, `invalid-config` with the cure when it cannot be put in
   * force.
   */
  restore(ledger: Ledger): Promise<void>;
  /** Whether the block changes the configuration, so that the next one can be judged only when it is in force. */
  isConfig(block: Block): boolean;
  /**
   * Puts a committed config block in force.
   *
   * @returns whether it was one
   * @throws GossipError `invalid-config` with the cure when it was, and cannot be put in force.
   */
  apply(block: Uint8Array): boolean;
  /**
   * Whether a private data collection's member policy, a serialized `common.SignaturePolicyEnvelope`, accepts a peer. Absent
   * where the trust knows no such policies: private data is not taken there.
   */
  readonly mayReadCollection?: (policy: Uint8Array, peer: PrivateDataPeer) => Verdict;
}

/** Whom a peer believes, and the channels it believes in. */
export interface Trust {
  /** Own serialized identity. */
  readonly identity: Uint8Array;
  readonly crypto: MessageCryptoService & SecurityAdvisor;
  readonly channels: readonly TrustedChannel[];
  /** PEM: authorities of the peers' TLS certificates that the channels name; changes with their configuration. */
  readonly peerTlsRoots: readonly Uint8Array[];
  /** What an operator should know, and be told once. */
  readonly warnings: readonly string[];
  /**
   * Looks whether the files that trust comes from have changed, and puts in force what they say now: `changed` when
   * identities have to be judged anew. `refused`: what they say cannot be in force, and all is as before; `warnings` say
   * why. Never rejects.
   */
  refresh(): Promise<"same" | "changed" | "refused">;
}

/**
 * Reads keys, certificates and channels, and refuses what cannot be right.
 *
 * @throws GossipError `invalid-config`, `untrusted`, `not-found`.
 */
export async function openTrust(config: PeerConfig, wall: WallClock): Promise<Trust> {
  const trust =
    config.trust.type === "fabric"
      ? await openFabricTrust({ ...config, trust: config.trust }, wall)
      : await openEd25519Trust({ ...config, trust: config.trust }, wall);
  const seen = new Set<string>();
  for (const [at, { id }] of trust.channels.entries()) {
    const { origin } = config.channels[at] ?? {};
    if (seen.has(id))
      throw refuseChannel(at, origin, `expected each channel once, got a second genesis block of ${id}`);
    seen.add(id);
  }
  return trust;
}

/**
 * Refuses a channel whose block 0 does not name our organization, unless a later block may: where the orderers are
 * followed, or were, so that there is a ledger. To be called before anything of the channel is opened, or the ledger of a
 * wrong block 0 would stand in the way of the right one.
 *
 * @throws GossipError `invalid-config`.
 */
export function checkPart(config: PeerConfig, trust: Trust, hasLedger: (channel: string) => boolean): void {
  for (const [at, { id, terms }] of trust.channels.entries()) {
    if (terms.organizations.includes(config.localMspId)) continue;
    const mayCome =
      config.trust.type === "fabric" && (config.orgLeader === true || config.leaderElection === true || hasLedger(id));
    if (mayCome) continue;
    const { origin } = config.channels[at] ?? {};
    const got = terms.organizations.join(", ");
    throw refuseChannel(at, origin, `expected ${config.localMspId} among the organizations of ${id}, got ${got}`);
  }
}

/**
 * Refuses what every other peer would refuse later: an own identity that is expired, of another organization, or one
 * that may not read a channel. To be called when the newest configuration of each channel is in force.
 *
 * @throws GossipError `untrusted`, `invalid-config`.
 */
export async function checkOwnIdentity({ localMspId }: PeerConfig, trust: Trust, wallMs: number): Promise<void> {
  const { identity, crypto } = trust;
  const valid = await crypto.validateIdentity(identity);
  if (!valid.ok)
    throw new GossipError("untrusted", `expected own identity to be valid, got ${valid.reason}: ${valid.detail}`);
  const expires = crypto.expirationOf(identity);
  if (expires !== undefined && expires < wallMs) {
    throw new GossipError(
      "untrusted",
      `expected own identity to be valid, got one expired at ${new Date(expires).toISOString()}`,
    );
  }
  const org = crypto.orgOf(identity);
  if (org !== localMspId) {
    throw new GossipError("invalid-config", `expected an identity of peer.localMspId ${localMspId}, got one of ${org}`);
  }
  const proof = new Uint8Array(32);
  const signed = crypto.sign(proof);
  const signature = isPromise(signed) ? await signed : signed;
  for (const { id, terms } of trust.channels) {
    // Where our organization is not, nobody of it reads.
    if (!terms.organizations.includes(org)) continue;
    const verdict = await crypto.verifyByChannel(id, identity, signature, proof);
    if (!verdict.ok) {
      throw new GossipError(
        "untrusted",
        `expected own identity to read channel ${id}, got ${verdict.reason}: ${verdict.detail}; see that peer.localMspId (${localMspId}), the own certificate and the channel's block 0 belong together`,
      );
    }
  }
}

/** The orderer, or where and whose certificates it is to be looked for instead (`peer.deliveryclient.addressOverrides`). */
export function overridden(
  orderer: TrustedOrderer,
  overrides: DeliveryClientConfig["addressOverrides"] = [],
): TrustedOrderer {
  const override = overrides.find(({ from }) => from === orderer.address);
  if (override === undefined) return orderer;
  const { to, caCerts } = override;
  return { ...orderer, address: to, ...(caCerts === undefined ? {} : { tlsRoots: caCerts }) };
}

/** A channel of the configuration that cannot be right, by where it comes from. */
export function refuseChannel(at: number, origin: string | undefined, message: string, cause?: unknown): GossipError {
  return new GossipError("invalid-config", `${origin ?? `channels[${at}].genesisBlock`}: ${message}`, { cause });
}
