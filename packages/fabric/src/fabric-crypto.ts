import {
  accepted,
  type MessageCryptoService,
  pkiIdOfParts,
  type Rejection,
  reject,
  type SecurityAdvisor,
  type Verdict,
} from "@gossip/crypto";
import { type OrgId, orgId, type PkiId } from "@gossip/proto";
import {
  type Block,
  encodeSerializedIdentity,
  readSerializedIdentity,
  type SerializedIdentity,
} from "@gossip/proto/fabric";
import { BoundedMap, GossipError, type WallClock, wallMillis } from "@gossip/runtime";
import type { ChannelBundle, Msp, MspFolder, MspIdentity, Policy } from "./api.js";
import { checkBlockContent, checkBlockSignatures } from "./block/verify-block.js";
import { policyPaths } from "./channel/bundle.js";
import { maxIdentityPemBytes } from "./msp/msp.js";

/** Who this peer is. */
export interface FabricCryptoOptions {
  /** From `readMspFolder`: the own identity and key, and what judges identities of the own organization. */
  readonly folder: MspFolder;
  /** The own MSP id, which the folder does not tell. */
  readonly mspId: string;
  /** Tells whether certificates have expired. */
  readonly wall: WallClock;
}

/** What somebody signed, for `judge`. */
export interface SignedPayload {
  /** A serialized `msp.SerializedIdentity`. */
  readonly identity: Uint8Array;
  readonly signature: Uint8Array;
  readonly payload: Uint8Array;
}

/** Most bytes of a serialized identity that are looked at: a PEM of the greatest length, and its MSP id. */
const maxIdentityBytes = maxIdentityPemBytes + 1024;

/** Entries are some kB each: the bytes of a certificate, and what its MSPs made of it. */
const maxValidatedIdentities = 4_096;

/** An identity that somebody vouches for, by all who do. */
interface Validated {
  readonly ok: true;
  readonly org: OrgId;
  /** Milliseconds since 1970. */
  readonly notAfterMs: number;
  /** As the MSP folder sees it; undefined for an identity of another organization. */
  readonly own: MspIdentity | undefined;
  /** As the channels see it that vouch for it, in the order of their names. Empty when the folder vouches for it. */
  readonly inChannels: readonly { readonly bundle: ChannelBundle; readonly identity: MspIdentity }[];
}

/**
 * MessageCryptoService and SecurityAdvisor as Hyperledger Fabric has them, over an MSP folder and the configurations of
 * channels (protocol page 13 §1.6, §2); synchronous throughout.
 *
 * Identities of the own organization are judged by the folder; all others by the channels, of which any may vouch for
 * them. Where the reference asks channels in random order and takes the first that answers, all are asked here and in
 * order of their names, so that the same identity is always judged the same. An identity of the own organization that a
 * channel's revocation lists name is refused, though the folder may not have the list yet.
 *
 * Certificates expire by the wall clock; one that is not valid yet is accepted, as in the reference. A block stays valid
 * when the certificate of its orderer has expired since.
 *
 * @example
 * const crypto = new FabricCrypto({ folder: await readMspFolder(dir, "Org1MSP"), mspId: "Org1MSP", wall: systemWallClock });
 * crypto.setChannel(bundle);
 */
export class FabricCrypto implements MessageCryptoService, SecurityAdvisor {
  readonly #mspId: OrgId;
  readonly #wall: WallClock;
  #folder: MspFolder;
  #localMsp: Msp;
  /** In order of names. */
  #channels: ReadonlyMap<string, ChannelBundle> = new Map();
  /** Accepted identities, by their bytes. Refusals are not kept: they cost their sender as much as us. */
  readonly #validated = new BoundedMap<string, Validated>({
    maxEntries: maxValidatedIdentities,
    whenFull: "evict-oldest",
  });

  /**
   * @throws GossipError `invalid-config` when the folder is not of that MSP, or does not vouch for its own identity: nobody
   * else would accept it then.
   */
  constructor({ folder, mspId, wall }: FabricCryptoOptions) {
    this.#mspId = orgId(mspId);
    this.#wall = wall;
    this.#folder = folder;
    this.#localMsp = localMsp(folder, this.#mspId);
  }

  /** Own serialized identity. */
  get identity(): Uint8Array {
    return this.#folder.identity;
  }

  /** The configurations in force, by channel. */
  get channels(): ReadonlyMap<string, ChannelBundle> {
    return this.#channels;
  }

  /** Installs a channel's configuration, or replaces it. What was judged before is judged anew when asked again. */
  setChannel(bundle: ChannelBundle): void {
    const channels = [...this.#channels].filter(([id]) => id !== bundle.channelId);
    channels.push([bundle.channelId, bundle]);
    this.#channels = new Map(channels.sort(([one], [other]) => (one < other ? -1 : 1)));
    this.#validated.clear();
  }

  /** Forgets a channel: organizations that no other channel has are unknown from now on. */
  removeChannel(channelId: string): void {
    this.#channels = new Map([...this.#channels].filter(([id]) => id !== channelId));
    this.#validated.clear();
  }

  /**
   * Replaces what judges the own organization, e.g. when a revocation list came into the MSP folder.
   *
   * @throws GossipError `invalid-config` as the constructor, and when the folder has another identity, which takes a
   * restart: other peers know this one by its identity. Nothing has changed then.
   */
  setLocalMsp(folder: MspFolder): void {
    if (Buffer.compare(folder.identity, this.#folder.identity) !== 0) {
      throw new GossipError(
        "invalid-config",
        "expected the MSP folder to keep its identity, got another; restart the peer to use it",
      );
    }
    this.#localMsp = localMsp(folder, this.#mspId);
    this.#folder = folder;
    this.#validated.clear();
  }

  pkiIdOf(identity: Uint8Array): PkiId | undefined {
    const serialized = readIdentity(identity);
    return "reason" in serialized ? undefined : pkiIdOfParts(serialized.mspId, serialized.idBytes);
  }

  /**
   * The organization that issued the identity; `undefined` unless the folder or a channel knows the organization and its
   * authorities issued it. Expiry and revocation are not looked at.
   */
  orgOf(identity: Uint8Array): OrgId | undefined {
    const serialized = readIdentity(identity);
    if ("reason" in serialized) return undefined;
    const id = orgId(serialized.mspId);
    const isIssued = this.#mspsOf(id).some((msp) => {
      const known = msp.deserialize(serialized.idBytes);
      if ("reason" in known) return false;
      // Where the authority has an RSA or Ed25519 key, only validation links the two (page 13 §2).
      const verdict = known.validate();
      return verdict.ok || verdict.reason === "revoked-identity";
    });
    return isIssued ? id : undefined;
  }

  validateIdentity(identity: Uint8Array): Verdict {
    const validated = this.#validateNow(identity);
    return validated.ok ? accepted : validated;
  }

  expirationOf(identity: Uint8Array): number | undefined {
    const validated = this.#validate(identity);
    return validated.ok ? validated.notAfterMs : undefined;
  }

  sign(payload: Uint8Array): Uint8Array {
    return this.#folder.sign(payload);
  }

  /** Of another organization, also whether a channel that vouches for the signer lets him read. */
  verify(identity: Uint8Array, signature: Uint8Array, payload: Uint8Array): Verdict {
    const validated = this.#validateNow(identity);
    if (!validated.ok) return validated;
    if (validated.own !== undefined) return validated.own.verify(signature, payload);
    let refusal: Verdict | undefined;
    for (const { bundle, identity: signer } of validated.inChannels) {
      const verdict = judgeSigner(signer, signature, payload, bundle.policy(policyPaths.applicationReaders));
      if (verdict.ok) return verdict;
      refusal ??= verdict;
    }
    return refusal ?? reject("untrusted-identity", "expected an identity that a channel vouches for, got another");
  }

  verifyByChannel(channel: string, identity: Uint8Array, signature: Uint8Array, payload: Uint8Array): Verdict {
    const signed = { identity, signature, payload };
    return this.#judge(channel, signed, (bundle) => bundle.policy(policyPaths.applicationReaders));
  }

  /**
   * Whether a signer satisfies a policy that came with other data, e.g. the member policy of a private data collection.
   * `policy` is a serialized `common.SignaturePolicyEnvelope`; one that cannot be read rejects.
   */
  judge(channel: string, policy: Uint8Array, signed: SignedPayload): Verdict {
    return this.#judge(channel, signed, (bundle) => bundle.signaturePolicy(policy));
  }

  verifyBlock(channel: string, blockNumber: bigint, block: Block): Verdict {
    const objection = checkBlockContent(channel, blockNumber, block);
    if (objection !== undefined) return objection;
    const bundle = this.#channels.get(channel);
    return bundle === undefined ? unknownChannel(channel) : checkBlockSignatures(bundle, block);
  }

  #judge(channel: string, signed: SignedPayload, policyOf: (bundle: ChannelBundle) => Policy): Verdict {
    const bundle = this.#channels.get(channel);
    if (bundle === undefined) return unknownChannel(channel);
    const { identity, signature, payload } = signed;
    const validated = this.#validateNow(identity);
    if (!validated.ok) return validated;
    const signer = bundle.msps.deserialize(identity);
    if (!("reason" in signer)) return judgeSigner(signer, signature, payload, policyOf(bundle));
    // Somebody else vouches for it, so a good signature makes a real member of something else.
    const known = validated.own ?? validated.inChannels[0]?.identity;
    const verdict = known?.verify(signature, payload) ?? signer;
    return verdict.ok
      ? reject("policy-not-satisfied", `expected a signer of channel ${channel}; ${signer.detail}`)
      : verdict;
  }

  /** As `#validate`, and the certificate has not expired. */
  #validateNow(identity: Uint8Array): Validated | Rejection {
    const validated = this.#validate(identity);
    if (!validated.ok || wallMillis(this.#wall) <= validated.notAfterMs) return validated;
    const expired = new Date(validated.notAfterMs).toISOString();
    return reject(
      "expired-identity",
      `expected an identity that is valid now, got one of ${validated.org} which expired at ${expired}`,
    );
  }

  /** Whether the folder or a channel vouches for an identity, whatever the time (page 13 §1.6). */
  #validate(identity: Uint8Array): Validated | Rejection {
    if (identity.length > maxIdentityBytes) return tooLong(identity);
    const key = Buffer.from(identity.buffer, identity.byteOffset, identity.byteLength).toString("latin1");
    const known = this.#validated.get(key);
    if (known !== undefined) return known;
    const serialized = readIdentity(identity);
    if ("reason" in serialized) return serialized;
    const validated = this.#validateOwn(serialized) ?? this.#validateInChannels(serialized);
    if (validated.ok) this.#validated.set(key, validated);
    return validated;
  }

  /** Undefined for an identity that the folder cannot tell of: it may still be one that a channel knows. */
  #validateOwn({ mspId, idBytes }: SerializedIdentity): Validated | Rejection | undefined {
    if (mspId !== this.#mspId) return undefined;
    const own = this.#localMsp.deserialize(idBytes);
    if ("reason" in own) return undefined;
    if (!own.wellFormed.ok) return own.wellFormed;
    const verdict = own.validate();
    if (!verdict.ok) return verdict;
    for (const bundle of this.#channels.values()) {
      const inChannel = bundle.msps.msps.get(this.#mspId)?.deserialize(idBytes);
      if (inChannel === undefined || "reason" in inChannel) continue;
      const verdict = inChannel.validate();
      if (!verdict.ok && verdict.reason === "revoked-identity") return verdict;
    }
    return { ok: true, org: this.#mspId, notAfterMs: own.notAfterMs, own, inChannels: [] };
  }

  #validateInChannels({ mspId, idBytes }: SerializedIdentity): Validated | Rejection {
    const inChannels: { bundle: ChannelBundle; identity: MspIdentity }[] = [];
    let refusal: Rejection | undefined;
    for (const bundle of this.#channels.values()) {
      const identity = bundle.msps.msps.get(orgId(mspId))?.deserialize(idBytes);
      if (identity === undefined) continue;
      const objection = "reason" in identity ? identity : objectionTo(identity);
      if (objection !== undefined) refusal ??= objection;
      else if (!("reason" in identity)) inChannels.push({ bundle, identity });
    }
    const [first] = inChannels;
    if (first !== undefined) {
      return { ok: true, org: orgId(mspId), notAfterMs: first.identity.notAfterMs, own: undefined, inChannels };
    }
    return refusal ?? this.#refusalOf(mspId, idBytes);
  }

  /** When no channel has a say. */
  #refusalOf(mspId: string, idBytes: Uint8Array): Rejection {
    const own = mspId === this.#mspId ? this.#localMsp.deserialize(idBytes) : undefined;
    if (own !== undefined && "reason" in own) return own;
    const got = JSON.stringify(mspId.slice(0, 64));
    return reject("unknown-organization", `expected our own organization or one of a channel, got ${got}`);
  }

  #mspsOf(id: OrgId): readonly Msp[] {
    const inChannels = [...this.#channels.values()].flatMap(({ msps }) => msps.msps.get(id) ?? []);
    return id === this.#mspId ? [this.#localMsp, ...inChannels] : inChannels;
  }
}

/** The MSP of the folder, which vouches for the folder's own identity. */
function localMsp(folder: MspFolder, mspId: OrgId): Msp {
  const { msp } = folder;
  if (msp.id !== mspId) {
    throw new GossipError("invalid-config", `expected the MSP folder of ${mspId}, got one of ${msp.id}`);
  }
  const serialized = readIdentity(folder.identity);
  const own = "reason" in serialized ? serialized : msp.deserialize(serialized.idBytes);
  const objection = "reason" in own ? own : objectionTo(own);
  if (objection === undefined) return msp;
  throw new GossipError("invalid-config", `own identity, which other peers would refuse: ${objection.detail}`);
}

function objectionTo(identity: MspIdentity): Rejection | undefined {
  if (!identity.wellFormed.ok) return identity.wellFormed;
  const verdict = identity.validate();
  return verdict.ok ? undefined : verdict;
}

/** Whether somebody signed and satisfies a policy; a signer who is not valid is told so, rather than what he lacks. */
function judgeSigner(signer: MspIdentity, signature: Uint8Array, payload: Uint8Array, policy: Policy): Verdict {
  const verdict = signer.verify(signature, payload);
  if (!verdict.ok) return verdict;
  const judgement = policy.evaluateIdentities([signer]);
  if (judgement.ok) return judgement;
  return objectionTo(signer) ?? judgement;
}

/**
 * Reads an identity in its one encoding: the same PKI-ID would otherwise have several forms, and who takes another than
 * the member's own could be made to spread it.
 */
function readIdentity(identity: Uint8Array): SerializedIdentity | Rejection {
  if (identity.length === 0) return reject("malformed-identity", "expected an identity, got no bytes");
  if (identity.length > maxIdentityBytes) return tooLong(identity);
  const serialized = readSerializedIdentity(identity);
  if (!serialized.ok) {
    return reject(
      "malformed-identity",
      `expected a serialized identity, got ${serialized.reason}: ${serialized.detail}`,
    );
  }
  if (Buffer.compare(encodeSerializedIdentity(serialized.value), identity) !== 0) {
    return reject("malformed-identity", "expected a serialized identity in its one encoding, got another");
  }
  return serialized.value;
}

function tooLong(identity: Uint8Array): Rejection {
  return reject(
    "malformed-identity",
    `expected an identity of at most ${maxIdentityBytes} bytes, got ${identity.length}`,
  );
}

function unknownChannel(channel: string): Rejection {
  return reject("unknown-channel", `expected a channel we are in, got ${JSON.stringify(channel)}`);
}
