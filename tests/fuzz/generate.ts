/** Messages of every type as a member could send them: right, nearly right, and wrong in what a schema cannot say. */

import { channelMac, seal, sealSecret, unsigned } from "@gossip/crypto";
import { makeFakeBlock } from "@gossip/crypto/testing";
import {
  type BlockPayload,
  type Envelope,
  type GossipMessage,
  type MessageType,
  type PeerTime,
  type PkiId,
  type PullMessage,
  pkiId,
  pkiIdToBytes,
  readMessage,
} from "@gossip/proto";
import { encodePayload, encodeSignedEnvelope } from "@gossip/proto/fabric";
import {
  acknowledgement,
  aliveMessage,
  applicationMessage,
  connMessage,
  dataMessage,
  digestMessage,
  emptyMessage,
  helloMessage,
  leadershipMessage,
  membershipRequest,
  membershipResponse,
  peerIdentity,
  privateDataMessage,
  privateDataRequest,
  privateDataResponse,
  requestMessage,
  sharedEntry,
  stateInfo,
  stateInfoPullRequest,
  stateInfoSnapshot,
  stateRequest,
  stateResponse,
  updateMessage,
} from "@gossip/proto/testing";
import { pick, type Random } from "@gossip/runtime";
import { digestOf } from "../../packages/node/src/shared-map.js";
import type { Author, HostilePeer } from "./hostile.js";
import { bytesOfFields, joined, lengthDelimited, mutated } from "./wire.js";
import { channelName, type World } from "./world.js";

const none = new Uint8Array(0);
/** Entries of the shared map that were made, to be offered and given when they are asked for. */
const maxEntries = 300;
const maxUint64 = 2n ** 64n - 1n;
const noTime = { timestampNanos: undefined, epoch: 0n, version: 0, txId: "" };
const configTransaction = encodeSignedEnvelope({
  payload: encodePayload({
    channelHeader: { type: "config", channelId: channelName, ...noTime, extension: none, tlsCertHash: none },
    signatureHeader: { creator: none, nonce: none },
    data: none,
  }),
  signature: none,
});
const foreignMetadata = bytesOfFields([lengthDelimited(3, bytesOfFields([lengthDelimited(1, Uint8Array.of(1))]))]);
const unknownField = bytesOfFields([lengthDelimited(500, new Uint8Array(600_000))]);
const oddEndpoints = [
  "",
  "nowhere",
  ":0",
  "[::1]:7051",
  "h0.org1:7051",
  "victim:7051",
  "a:99999",
  `${"x".repeat(290)}:7051`,
  `${"x".repeat(310)}:1`,
  "\u0000:1",
];

export class Generator {
  readonly #world: World;
  readonly #random: Random;
  readonly #startedAt: bigint;
  #sequence = 1n;
  readonly #entries = new Map<string, Envelope>();

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
    this.#startedAt = world.clock.nowNanos();
  }

  /** An envelope of this type as `peer` might send it. */
  envelope(type: MessageType, peer: HostilePeer): Envelope {
    return this.#makers[type](peer);
  }

  readonly #makers: Readonly<Record<MessageType, (peer: HostilePeer) => Envelope>> = {
    alive: (peer) => this.#alive(this.#author(peer)),
    "membership-request": (peer) => {
      const self = this.#chance(12)
        ? this.#part(peer)
        : this.#alive(this.#chance(12) ? this.#author(peer) : peer.author);
      return this.#plain(membershipRequest({ nonce: this.#nonce(), self, known: this.#chance(20) ? [none] : [] }));
    },
    "membership-response": (peer) => {
      const nonce = peer.asked("membership-request")?.nonce ?? this.#nonce();
      if (!this.#chance(8)) peer.answered("membership-request");
      const entries = (most: number) =>
        this.#many(most, () => (this.#chance(10) ? this.#part(peer) : this.#alive(this.#author(peer))));
      return this.#plain(membershipResponse({ nonce, alive: entries(12), dead: entries(4) }));
    },
    hello: () => {
      const metadata = this.#chance(3) ? this.#random.bytes(this.#random.below(40)) : none;
      return this.#plain(helloMessage({ ...this.#pull(undefined), pullNonce: this.#nonce(), metadata }));
    },
    digest: (peer) => {
      const asked = peer.asked("hello");
      const pull = this.#pull(asked);
      const digests = this.#many(20, () => this.#digest(pull.pullType, peer));
      return this.#plain(digestMessage({ ...pull, pullNonce: asked?.pullNonce ?? this.#nonce(), digests }));
    },
    request: (peer) => {
      const asked = peer.asked("digest");
      const pull = this.#pull(asked);
      const digests = this.#many(
        10,
        () =>
          (this.#chance(2) ? pick(this.#random, asked?.digests ?? []) : undefined) ?? this.#digest(pull.pullType, peer),
      );
      return this.#plain(requestMessage({ ...pull, pullNonce: asked?.pullNonce ?? this.#nonce(), digests }));
    },
    update: (peer) => {
      const asked = peer.asked("request");
      if (!this.#chance(8)) peer.answered("request");
      const pull = this.#pull(asked);
      const wanted = [...(asked?.digests ?? []), ...this.#many(3, () => this.#digest(pull.pullType, peer))];
      const data = wanted.map((digest) =>
        this.#chance(12) ? this.#part(peer) : this.#item(pull.pullType, digest, peer),
      );
      return this.#plain(updateMessage({ ...pull, pullNonce: asked?.pullNonce ?? this.#nonce(), data }));
    },
    "shared-entry": (peer) => this.#entry(this.#author(peer)),
    application: (peer) => this.#application(this.#author(peer)),
    empty: () => this.#plain(emptyMessage()),
    conn: (peer) =>
      this.#sealed(
        connMessage({ pkiId: peer.author.pkiId, identity: peer.author.identity, probe: this.#chance(2) }),
        peer.author,
      ),
    "state-info": (peer) => this.#stateInfo(this.#author(peer)),
    "state-info-snapshot": (peer) => {
      const elements = this.#many(12, () =>
        this.#chance(10) ? this.#part(peer) : this.#stateInfo(this.#author(peer)),
      );
      return this.#plain(stateInfoSnapshot({ channel: this.#channel(), elements }));
    },
    "state-info-pull-request": (peer) => {
      return this.#plain(
        stateInfoPullRequest({ channelMac: this.#mac(this.#chance(8) ? this.#author(peer).pkiId : peer.author.pkiId) }),
      );
    },
    data: () => this.#plain(dataMessage({ channel: this.#channel(), payload: this.#block(this.#blockNumber()) })),
    "state-request": () => {
      const start = this.#blockNumber();
      const end = start + BigInt(this.#random.below(12)) - (this.#chance(8) ? 2n : 0n);
      return this.#plain(
        stateRequest({ channel: this.#channel(), nonce: this.#nonce(), start, end: BigInt.asUintN(64, end) }),
      );
    },
    "state-response": (peer) => {
      const asked = peer.asked("state-request");
      if (!this.#chance(8)) peer.answered("state-request");
      const numbers = asked === undefined ? this.#many(4, () => this.#blockNumber()) : range(asked.start, asked.end);
      const payloads = numbers.filter(() => !this.#chance(10)).map((number) => this.#block(number));
      const nonce = asked?.nonce ?? this.#nonce();
      return this.#plain(stateResponse({ channel: asked?.channel ?? this.#channel(), nonce, payloads }));
    },
    leadership: (peer) => {
      const author = this.#author(peer);
      const message = leadershipMessage({
        channel: this.#channel(),
        pkiId: author.pkiId,
        time: this.#time(),
        isDeclaration: this.#chance(2),
      });
      return this.#sealed(message, author);
    },
    "peer-identity": (peer) => this.#identity(peer.author, this.#chance(2) ? "org-only" : "empty"),
    ack: () => this.#plain(acknowledgement({ nonce: this.#nonce(), error: this.#chance(2) ? "" : "no" })),
    "private-data-request": () => {
      const digest = () => ({
        txId: "tx",
        namespace: "ns",
        collection: "c",
        blockNumber: this.#blockNumber(),
        seqInBlock: 0n,
      });
      return this.#plain(
        privateDataRequest({ channel: this.#channel(), nonce: this.#nonce(), digests: this.#many(25, digest) }),
      );
    },
    "private-data-response": () => this.#plain(privateDataResponse({ channel: this.#channel(), nonce: this.#nonce() })),
    "private-data": () => {
      const rwset = this.#random.bytes(1 + this.#random.below(200));
      const payload = {
        collection: "c",
        namespace: "ns",
        txId: "tx",
        rwset,
        simulationHeight: this.#blockNumber(),
        collectionConfigs: none,
      };
      return this.#plain(privateDataMessage({ channel: this.#channel(), nonce: this.#nonce(), payload }));
    },
  };

  // Parts

  #alive(author: Author): Envelope {
    const endpoint = this.#chance(8) ? (pick(this.#random, oddEndpoints) ?? "") : author.endpoint;
    const metadata = this.#chance(200) ? new Uint8Array(70_000) : this.#random.bytes(this.#random.below(3) * 20);
    const identity = this.#chance(2) ? author.identity : this.#chance(20) ? this.#random.bytes(20) : none;
    const member = { endpoint, metadata, pkiId: this.#chance(40) ? this.#oddId() : author.pkiId };
    const envelope = this.#sealed(aliveMessage({ member, time: this.#time(), identity }), author);
    if (!this.#chance(2)) return envelope;
    const signer = this.#chance(15) ? this.#anyAuthor() : author;
    const internal = this.#chance(10) ? (pick(this.#random, oddEndpoints) ?? "") : author.endpoint;
    const secret = sealSecret(internal, signer) as Envelope; // signs at once
    return {
      ...envelope,
      secret: this.#chance(30) ? { payload: mutated(secret.payload, this.#random), signature: none } : secret,
    };
  }

  #identity(author: Author, tag: "empty" | "org-only" = "empty"): Envelope {
    const identity = this.#chance(15) ? this.#random.bytes(30) : author.identity;
    const id = this.#chance(30) ? this.#oddId() : author.pkiId;
    return this.#sealed(peerIdentity({ tag, pkiId: id, identity, metadata: none }), author);
  }

  #stateInfo(author: Author): Envelope {
    const ledgerHeight = this.#chance(20) ? maxUint64 : this.#world.ledger.height + BigInt(this.#random.below(30));
    const chaincodes = this.#many(3, () => ({
      name: "cc",
      version: "1",
      metadata: this.#random.bytes(this.#chance(100) ? 70_000 : 10),
    }));
    const properties = { ledgerHeight, leftChannel: this.#chance(10), chaincodes };
    const id = this.#chance(40) ? this.#oddId() : author.pkiId;
    return this.#sealed(stateInfo({ pkiId: id, channelMac: this.#mac(id), time: this.#time(), properties }), author);
  }

  /** What a digest names, as an item of a pull of this type. */
  #item(type: PullMessage["pullType"], digest: Uint8Array, peer: HostilePeer): Envelope {
    if (type === "shared") return this.#entries.get(hex(digest)) ?? this.#entry(peer.author);
    if (type !== "block") return this.#identity(this.#authorOf(digest));
    const number = /^\d{1,19}$/.exec(Buffer.from(digest).toString("latin1"))?.[0];
    const payload = this.#block(number === undefined ? this.#blockNumber() : BigInt(number));
    return this.#plain(dataMessage({ channel: this.#channel(), payload }));
  }

  #application(author: Author): Envelope {
    const isInChannel = !this.#chance(4);
    const content = {
      channel: isInChannel ? this.#channel() : "",
      nonce: this.#chance(2) ? this.#nonce() : 0n,
      topic: this.#chance(30) ? "t".repeat(this.#random.below(2_000)) : "topic",
      data: this.#random.bytes(this.#chance(50) ? 70_000 : this.#random.below(30)),
    };
    if (this.#chance(2)) {
      return this.#plain(applicationMessage({ ...content, tag: isInChannel ? "chan-only" : "empty" }));
    }
    const pkiId = this.#chance(40) ? this.#oddId() : author.pkiId;
    const inChannel = this.#chance(2) ? "chan-only" : "chan-and-org";
    const tag = isInChannel ? inChannel : "org-only";
    return this.#sealed(applicationMessage({ ...content, pkiId, time: this.#time(), tag }), author);
  }

  #entry(author: Author): Envelope {
    const counter = this.#chance(20)
      ? maxUint64
      : BigInt(Math.floor(Number(this.#world.clock.nowNanos() / 1_000_000n)));
    const message = sharedEntry({
      channel: this.#channel(),
      pkiId: this.#chance(40) ? this.#oddId() : author.pkiId,
      identity: this.#chance(20) ? this.#random.bytes(20) : author.identity,
      key: this.#chance(30) ? "k".repeat(this.#random.below(2_000)) : `key${this.#random.below(500)}`,
      value: this.#random.bytes(this.#chance(100) ? 70_000 : this.#random.below(30)),
      isDeleted: this.#chance(10),
      counter: counter + BigInt(this.#random.below(3)),
    });
    const envelope = this.#sealed({ ...message, counter: BigInt.asUintN(64, message.counter) }, author);
    this.#entries.set(hex(digestOf({ ...message, counter: BigInt.asUintN(64, message.counter) }, envelope)), envelope);
    for (const [oldest] of this.#entries) if (this.#entries.size > maxEntries) this.#entries.delete(oldest);
    return envelope;
  }

  /** What does not belong where it is put: any envelope, one within one, or none that can be read. */
  #part(peer: HostilePeer): Envelope {
    const choice = this.#random.below(6);
    if (choice === 0) return { payload: none, signature: none };
    if (choice === 1) return { payload: this.#random.bytes(this.#random.below(60)), signature: this.#random.bytes(16) };
    const [alive, identity, info] = [
      this.#alive(this.#author(peer)),
      this.#identity(peer.author),
      this.#stateInfo(peer.author),
    ];
    if (choice === 2) return this.#plain(membershipRequest({ self: alive }));
    if (choice === 3)
      return this.#plain(dataMessage({ channel: channelName, payload: this.#block(this.#blockNumber()) }));
    return choice === 4 ? identity : info;
  }

  #block(blockNumber: bigint): BlockPayload {
    const { ledger } = this.#world;
    const privateData = this.#chance(30) ? [this.#random.bytes(this.#chance(4) ? 5_000 : 10)] : [];
    if (this.#chance(12)) return { blockNumber, data: this.#random.bytes(this.#random.below(100)), privateData };
    if (blockNumber === ledger.height && this.#chance(4)) {
      return { blockNumber, data: this.#world.nextBlock(this.#random.bytes(8)), privateData };
    }
    const number = this.#chance(10) ? blockNumber + 1n : blockNumber;
    const channel = this.#chance(10) ? "other" : channelName;
    const data = this.#chance(20) ? [configTransaction] : this.#many(3, () => this.#random.bytes(10));
    if (this.#chance(500)) data.push(new Uint8Array(0));
    const block = makeFakeBlock({
      channel,
      number: BigInt.asUintN(64, number),
      previousHash: this.#random.bytes(32),
      data,
    });
    if (this.#chance(10)) return { blockNumber, data: mutated(block, this.#random), privateData };
    // Another channel's orderer signed it; or much stands where no signature covers it.
    if (this.#chance(10)) return { blockNumber, data: joined([block, foreignMetadata]), privateData };
    if (this.#chance(300)) return { blockNumber, data: joined([block, unknownField]), privateData };
    return { blockNumber, data: block, privateData };
  }

  // Values

  #author(peer: HostilePeer): Author {
    return this.#chance(3) ? peer.author : this.#anyAuthor();
  }

  #anyAuthor(): Author {
    return pick(this.#random, this.#world.authors) as Author;
  }

  #authorOf(digest: Uint8Array): Author {
    const [, org, name] = /^(\w+):(\w+)$/.exec(Buffer.from(digest).toString("latin1")) ?? [];
    return org !== undefined && name !== undefined ? this.#world.author(org, name) : this.#anyAuthor();
  }

  #oddId(): PkiId {
    if (this.#chance(4)) return this.#world.node.pkiId;
    return pkiId(Buffer.from(this.#random.bytes(this.#random.below(65))).toString("hex"));
  }

  #digest(type: PullMessage["pullType"], peer: HostilePeer): Uint8Array {
    if (this.#chance(10)) return this.#random.bytes(this.#random.below(300));
    if (type === "block" || this.#chance(30)) return Buffer.from(`${this.#blockNumber()}`);
    if (type === "shared") {
      if (this.#chance(2)) this.#entry(peer.author);
      return Buffer.from(pick(this.#random, [...this.#entries.keys()]) ?? "", "hex");
    }
    // Identities that nobody has heard of yet are what is asked for.
    const author = this.#chance(3) ? this.#world.author("org1", `n${this.#random.below(5_000)}`) : this.#anyAuthor();
    return pkiIdToBytes(author.pkiId);
  }

  #time(): PeerTime {
    this.#sequence++;
    if (this.#chance(2_000)) return { incarnation: maxUint64, sequence: maxUint64 };
    if (this.#chance(10))
      return { incarnation: BigInt(this.#random.below(3)), sequence: BigInt(this.#random.below(50)) };
    return { incarnation: this.#startedAt + this.#sequence / 5_000n, sequence: this.#sequence };
  }

  #mac(of: PkiId): Uint8Array {
    return this.#chance(20)
      ? this.#random.bytes(this.#chance(2) ? 32 : this.#random.below(40))
      : channelMac(of, this.#channel());
  }

  #channel(): string {
    return this.#chance(25) ? (pick(this.#random, ["", "other", "mychannel", "\u0000"]) ?? "") : channelName;
  }

  #blockNumber(): bigint {
    if (this.#chance(30)) return maxUint64 - BigInt(this.#random.below(3));
    const { height } = this.#world.ledger;
    const number = this.#chance(3) ? height : height + BigInt(this.#random.below(50)) - 10n;
    return number < 0n ? 0n : number;
  }

  #nonce(): bigint {
    return this.#chance(4) ? 0n : this.#random.uint64();
  }

  /** As the question that it answers; else of any type, mostly identities. */
  #pull(asked: PullMessage | undefined): Pick<PullMessage, "tag" | "channel" | "pullType"> {
    if (asked !== undefined && !this.#chance(20)) {
      return { tag: asked.tag, channel: asked.channel, pullType: asked.pullType };
    }
    const choice = this.#random.below(10);
    if (choice < 3) return { tag: "chan-and-org", channel: this.#channel(), pullType: "block" };
    if (choice < 5) return { tag: "chan-only", channel: this.#channel(), pullType: "shared" };
    return { tag: "empty", channel: "", pullType: this.#chance(40) ? "undefined" : "identity" };
  }

  #many<T>(most: number, make: () => T): T[] {
    const length = this.#chance(60) ? 8 * most : this.#random.below(most + 1);
    return Array.from({ length }, make);
  }

  #chance(of: number): boolean {
    return this.#random.below(of) === 0;
  }

  #sealed(message: GossipMessage, author: Author): Envelope {
    if (this.#chance(25)) return { ...this.#plain(message), signature: this.#random.bytes(this.#random.below(20)) };
    return seal(message, this.#chance(40) ? this.#anyAuthor() : author) as Envelope; // signs at once
  }

  /** Unsigned, and now and then under a tag that is not its own. */
  #plain(message: GossipMessage): Envelope {
    if (!this.#chance(40)) return unsigned(message);
    const tag = pick(this.#random, [
      "undefined",
      "empty",
      "org-only",
      "chan-only",
      "chan-and-org",
      "chan-or-org",
    ] as const);
    return unsigned({ ...message, tag: tag ?? "undefined" });
  }

  /** The envelope with its payload changed and signed again by whom it speaks of, so that it is believed. */
  resigned(envelope: Envelope): Envelope {
    const payload = mutated(envelope.payload, this.#random);
    const id = authorOf(envelope.payload);
    const author = this.#world.authors.find((one) => one.pkiId === id);
    return { ...envelope, payload, signature: author?.sign(payload) ?? envelope.signature };
  }
}

function authorOf(payload: Uint8Array): PkiId | undefined {
  const message = readMessage(payload);
  if (!message.ok) return undefined;
  if (message.value.type === "alive") return message.value.member.pkiId;
  return "pkiId" in message.value ? message.value.pkiId : undefined;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function range(start: bigint, end: bigint): bigint[] {
  return Array.from({ length: Math.min(20, Number(end - start) + 1) }, (_, index) => start + BigInt(index));
}
