import type { Stream, Transport } from "@gossip/comm";
import { seal } from "@gossip/crypto";
import {
  type Envelope,
  encodeEnvelope,
  type GossipMessage,
  type MessageOf,
  type MessageType,
  type PkiId,
  readEnvelope,
  readMessage,
} from "@gossip/proto";
import { connMessage } from "@gossip/proto/testing";

/** Somebody who can sign: one that is connected, or one that only is talked of. */
export interface Author {
  readonly org: string;
  readonly endpoint: string;
  readonly identity: Uint8Array;
  readonly pkiId: PkiId;
  sign(payload: Uint8Array): Uint8Array;
}

export interface HostileOptions {
  /** The bits of its handshake that say which extensions it understands; a stock peer sends none. */
  readonly features: Uint8Array;
  readonly author: Author;
  readonly transport: Transport;
  /** Told of every message from the node under test, as it came. */
  onHeard(bytes: Uint8Array, by: HostilePeer): void;
}

/** Questions of one kind that are kept to be answered. */
const maxQuestions = 20;

/** What a peer says to a question. */
const answers = {
  "membership-request": "membership-response",
  hello: "digest",
  digest: "request",
  request: "update",
  "state-request": "state-response",
  "state-info-pull-request": "state-info-snapshot",
} as const satisfies Partial<Record<MessageType, MessageType>>;

type Answer = (typeof answers)[keyof typeof answers];

/** What is asked for most rarely comes first, or the rest would leave it no room. */
const byRarity: readonly Answer[] = [
  "state-response",
  "update",
  "membership-response",
  "request",
  "state-info-snapshot",
  "digest",
];

type Question = MessageOf<keyof typeof answers>;

/** A peer that completes handshakes, says whatever it is told to, and keeps what it was asked. */
export class HostilePeer {
  readonly author: Author;
  readonly #options: HostileOptions;
  readonly #questions = new Map<Question["type"], Question[]>();
  #stream: Stream | undefined;
  /** What was asked for a moment ago. */
  readonly #due = new Set<Answer>();

  constructor(options: HostileOptions) {
    this.#options = options;
    this.author = options.author;
    options.transport.listen((stream) => this.#begin(stream));
  }

  /** Whether it is one of ours, as far as it says. */
  get hasFeatures(): boolean {
    return this.#options.features.length > 0;
  }

  get isConnected(): boolean {
    return this.#stream !== undefined;
  }

  dial(endpoint: string): void {
    this.#options.transport.dial(endpoint, 1_000, (result) => {
      if (result.ok) this.#begin(result.stream);
    });
  }

  /** Says these bytes, whatever they are. */
  say(bytes: Uint8Array): void {
    this.#stream?.send(bytes);
  }

  /** The newest question of this kind, which stays: some are answered twice. */
  asked<T extends Question["type"]>(type: T): MessageOf<T> | undefined {
    return this.#questions.get(type)?.at(-1) as MessageOf<T> | undefined; // kept by its type
  }

  /** Takes the newest question of this kind away. */
  answered(type: Question["type"]): void {
    this.#questions.get(type)?.pop();
  }

  /** What should be said now, because it was asked for a moment ago. */
  takeDue(): MessageType | undefined {
    const due = byRarity.find((type) => this.#due.has(type));
    if (due !== undefined) this.#due.delete(due);
    return due;
  }

  hangUp(error?: string): void {
    this.#stream?.close(error);
    this.#stream = undefined;
  }

  #begin(stream: Stream): void {
    let isProven = false;
    stream.start({
      onMessage: (bytes) => {
        this.#options.onHeard(bytes, this);
        const envelope = readEnvelope(bytes);
        const message = envelope.ok ? readMessage(envelope.value.payload) : envelope;
        if (!message.ok) return;
        if (message.value.type === "conn" && !isProven) {
          isProven = true;
          this.#stream = stream;
        }
        this.#keep(message.value);
      },
      onDrain() {},
      onEnd: () => {
        if (this.#stream === stream) this.#stream = undefined;
      },
    });
    const { identity, pkiId } = this.author;
    const conn = connMessage({ pkiId, identity, features: this.#options.features });
    stream.send(encodeEnvelope(seal(conn, this.author) as Envelope)); // signs at once
  }

  #keep(message: GossipMessage): void {
    switch (message.type) {
      case "membership-request":
      case "hello":
      case "digest":
      case "request":
      case "state-request":
      case "state-info-pull-request": {
        const kept = this.#questions.get(message.type) ?? [];
        kept.push(message);
        if (kept.length > maxQuestions) kept.shift();
        this.#questions.set(message.type, kept);
        this.#due.add(answers[message.type]);
      }
    }
  }
}
