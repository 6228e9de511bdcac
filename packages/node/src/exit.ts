import {
  channelMac,
  type MessageCryptoService,
  markVerified,
  seal,
  sealSecret,
  unsigned,
  type Verified,
} from "@gossip/crypto";
import type { SelfRecord } from "@gossip/discovery";
import type {
  AliveMessage,
  ApplicationMessage,
  BlockPayload,
  DataMessage,
  Envelope,
  LeadershipMessage,
  MessageHeader,
  PeerIdentity,
  PeerTime,
  PkiId,
  PrivateDataElement,
  Properties,
  PullType,
  SecretEnvelope,
  SharedEntry,
  StateInfo,
} from "@gossip/proto";
import { isPromise, type MaybePromise, whenDone } from "@gossip/runtime";
import type { Emission } from "./routing.js";
import { type EntryContent, sharedEntry } from "./shared-map-messages.js";

/** What every outgoing message is made with. */
export interface ExitOptions {
  readonly self: PkiId;
  readonly identity: Uint8Array;
  readonly crypto: MessageCryptoService;
  /** Whether alive messages still carry the identity (page 02 §8). */
  isIdentityPublished(): boolean;
  /** Signing failed; the message is not sent, and the next one is tried again. */
  onSigningFailed(error: unknown): void;
}

/** Tells the sender of private data that it is stored, or why not (page 11 §2). Acks have neither tag nor channel. */
export function acknowledgement(nonce: bigint, error: string): Envelope {
  return unsigned({ nonce, channel: "", tag: "undefined", type: "ack", error });
}

/** What is held of what a peer asked for (page 11 §8). */
export function privateDataResponse(channel: string, nonce: bigint, elements: readonly PrivateDataElement[]): Envelope {
  return unsigned({ nonce, channel, tag: "chan-only", type: "private-data-response", elements });
}

const noBytes = new Uint8Array(0);
const plain: MessageHeader = { nonce: 0n, channel: "", tag: "empty" };

/** Of a pull message: of blocks in a channel, or of identities in none (page 05 §3). */
function ofPull(channel: string): MessageHeader {
  return channel === "" ? plain : { nonce: 0n, channel, tag: "chan-and-org" };
}

/**
 * The exit: makes every envelope that leaves the node, once, whoever gets it (protocol page 01 §3.2, §3.3, §4.2).
 * What needs a signature is signed here and nowhere else.
 */
export class Exit {
  readonly #options: ExitOptions;
  #secret: { readonly internalEndpoint: string; readonly sealed: SecretEnvelope } | undefined;

  constructor(options: ExitOptions) {
    this.#options = options;
  }

  /** Our alive message, with the internal endpoint as its secret. `undefined` when signing failed. */
  alive({ member, time, internalEndpoint }: SelfRecord): MaybePromise<Verified<AliveMessage> | undefined> {
    const { identity, crypto } = this.#options;
    const message: AliveMessage = {
      ...plain,
      type: "alive",
      member,
      time,
      identity: this.#options.isIdentityPublished() ? identity : noBytes,
    };
    return this.#guard(() =>
      whenDone(seal(message, crypto), (envelope): MaybePromise<Verified<AliveMessage>> => {
        if (internalEndpoint === "") return markVerified(message, envelope);
        return whenDone(this.#secretOf(internalEndpoint), (secret) => markVerified(message, { ...envelope, secret }));
      }),
    );
  }

  /** Signed once, so that others, who know its bytes then, need not check it each time. */
  #secretOf(internalEndpoint: string): MaybePromise<SecretEnvelope> {
    if (this.#secret?.internalEndpoint === internalEndpoint) return this.#secret.sealed;
    return whenDone(sealSecret(internalEndpoint, this.#options.crypto), (sealed) => {
      this.#secret = { internalEndpoint, sealed };
      return sealed;
    });
  }

  /** Our state info for a channel. `undefined` when signing failed. */
  stateInfo(channel: string, time: PeerTime, properties: Properties): MaybePromise<Verified<StateInfo> | undefined> {
    const { self: pkiId, crypto } = this.#options;
    // The channel is proven by the MAC; its name would tell it to peers outside (page 01 §4.2).
    const message: StateInfo = {
      nonce: 0n,
      channel: "",
      tag: "chan-or-org",
      type: "state-info",
      time,
      pkiId,
      channelMac: channelMac(pkiId, channel),
      properties,
    };
    return this.#guard(() => whenDone(seal(message, crypto), (envelope) => markVerified(message, envelope)));
  }

  /** Our proposal or declaration in the election of a channel's leader. `undefined` when signing failed. */
  leadership(channel: string, time: PeerTime, isDeclaration: boolean): MaybePromise<Emission | undefined> {
    const { self: pkiId, crypto } = this.#options;
    const message: LeadershipMessage = {
      nonce: 0n,
      channel,
      tag: "chan-and-org",
      type: "leadership",
      pkiId,
      time,
      isDeclaration,
    };
    return this.#guard(() =>
      whenDone(seal(message, crypto), (envelope): Emission => {
        return { key: undefined, message, envelope, channel, except: undefined };
      }),
    );
  }

  /** Our own item of the identity pull. `undefined` when signing failed. */
  peerIdentity(): MaybePromise<Verified<PeerIdentity> | undefined> {
    const { self: pkiId, identity, crypto } = this.#options;
    const message: PeerIdentity = { ...plain, type: "peer-identity", pkiId, identity, metadata: noBytes };
    return this.#guard(() => whenDone(seal(message, crypto), (envelope) => markVerified(message, envelope)));
  }

  /** Our write in the shared map of a channel. `undefined` when signing failed. */
  sharedEntry(channel: string, content: EntryContent): MaybePromise<Verified<SharedEntry> | undefined> {
    const { self: pkiId, identity, crypto } = this.#options;
    const message = sharedEntry(channel, { pkiId, identity }, content);
    return this.#guard(() => whenDone(seal(message, crypto), (envelope) => markVerified(message, envelope)));
  }

  /** What a program of ours says to many. `undefined` when signing failed. */
  application(message: ApplicationMessage): MaybePromise<Verified<ApplicationMessage> | undefined> {
    const { crypto } = this.#options;
    return this.#guard(() => whenDone(seal(message, crypto), (envelope) => markVerified(message, envelope)));
  }

  /** What a program of ours says to one: its connection proves whose it is. */
  direct(message: ApplicationMessage): Envelope {
    return unsigned(message);
  }

  membershipRequest(nonce: bigint, self: Envelope): Envelope {
    return unsigned({ ...plain, nonce, type: "membership-request", self, known: [] });
  }

  membershipResponse(nonce: bigint, alive: readonly Envelope[], dead: readonly Envelope[]): Envelope {
    return unsigned({ ...plain, nonce, type: "membership-response", alive, dead });
  }

  hello(pullType: PullType, pullNonce: bigint, channel = ""): Envelope {
    return unsigned({ ...ofPull(channel), type: "hello", pullNonce, metadata: noBytes, pullType });
  }

  digest(pullType: PullType, pullNonce: bigint, digests: readonly Uint8Array[], channel = ""): Envelope {
    return unsigned({ ...ofPull(channel), type: "digest", pullNonce, digests, pullType });
  }

  request(pullType: PullType, pullNonce: bigint, digests: readonly Uint8Array[], channel = ""): Envelope {
    return unsigned({ ...ofPull(channel), type: "request", pullNonce, digests, pullType });
  }

  update(pullType: PullType, pullNonce: bigint, data: readonly Envelope[], channel = ""): Envelope {
    return unsigned({ ...ofPull(channel), type: "update", pullNonce, data, pullType });
  }

  stateInfoPullRequest(channel: string): Envelope {
    const mac = channelMac(this.#options.self, channel);
    return unsigned({ nonce: 0n, channel: "", tag: "chan-or-org", type: "state-info-pull-request", channelMac: mac });
  }

  snapshot(channel: string, elements: readonly Envelope[]): Envelope {
    return unsigned({ nonce: 0n, channel, tag: "chan-or-org", type: "state-info-snapshot", elements });
  }

  stateRequest(channel: string, nonce: bigint, start: bigint, end: bigint): Envelope {
    return unsigned({ nonce, channel, tag: "chan-or-org", type: "state-request", start, end });
  }

  stateResponse(channel: string, nonce: bigint, payloads: readonly BlockPayload[]): Envelope {
    return unsigned({ nonce, channel, tag: "chan-or-org", type: "state-response", payloads });
  }

  /** A block to be pushed: unsigned, since the orderers' signatures inside are what receivers check. */
  block(channel: string, payload: BlockPayload): Emission {
    const message: DataMessage = { nonce: 0n, channel, tag: "chan-and-org", type: "data", payload };
    return { key: undefined, message, envelope: unsigned(message), channel, except: undefined };
  }

  #guard<T>(make: () => MaybePromise<T>): MaybePromise<T | undefined> {
    const onFailed = (error: unknown) => {
      this.#options.onSigningFailed(error);
      return undefined;
    };
    try {
      const made = make();
      return isPromise(made) ? made.then((value) => value, onFailed) : made;
    } catch (error) {
      return onFailed(error);
    }
  }
}
