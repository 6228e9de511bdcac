import { type GossipMessage, type PkiId, readEnvelope, readMessage } from "@gossip/proto";
import { type Clock, GossipError, type Random, type Run, run } from "@gossip/runtime";
import { type AckOutcome, Acks, type AcksInput } from "./acks.js";
import type { Feature } from "./features.js";
import type { Lane } from "./send-queue.js";
import type { CommDropReason, RemotePeer } from "./table-types.js";

/** How a message is sent that others acknowledge. */
export interface AckOptions {
  /** Acknowledgements that are enough; with 0 it is tried, and told when all have reported. */
  readonly minAcks: number;
  /** Milliseconds for all of it: to dial, to send, and to hear. */
  readonly timeoutMs: number;
  /** @default "control" */
  readonly lane?: Lane;
  /** As with `sendFeature`: who did not name it in the handshake gets nothing, and is reported as `not-understood`. */
  readonly feature?: Feature;
  /** Called once, and never from inside the call. */
  onSettled(outcome: AckOutcome): void;
}

export interface AckedSendsOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Reports of peers that may be awaited at one time. */
  readonly maxPending: number;
  readonly onFault?: (error: unknown) => void;
  send(message: GossipMessage, peers: readonly RemotePeer[], lane: Lane, feature?: Feature): void;
  /** Under which PKI-ID a peer will answer: its own, or that of its successor. */
  successorOf(peer: RemotePeer): PkiId;
}

/** An acknowledgement is small; what is larger is not looked at. */
const maxAckBytes = 64 * 1024;

/** The shell around `Acks`: nonces, callbacks, and which received messages are acknowledgements that somebody awaits. */
export class AckedSends {
  readonly #options: AckedSendsOptions;
  readonly #acks: Acks;
  readonly #running: Run<AcksInput>;
  readonly #callbacks = new Map<bigint, (outcome: AckOutcome) => void>();

  constructor(options: AckedSendsOptions) {
    this.#options = options;
    this.#acks = new Acks(options.maxPending);
    this.#running = run(this.#acks, {
      clock: options.clock,
      perform: ({ nonce, outcome }) => this.#settle(nonce, outcome),
      ...(options.onFault === undefined ? {} : { onFault: options.onFault }),
    });
  }

  /**
   * Sends a copy of the message under a nonce of its own to each distinct peer.
   *
   * @throws GossipError `invalid-argument` for a peer whose PKI-ID is not known: nobody could tell its answer.
   */
  send(message: GossipMessage, to: readonly RemotePeer[], options: AckOptions): void {
    const peers = new Map(to.map((peer) => [peer.pkiId, peer]));
    if (peers.has("" as PkiId)) {
      throw new GossipError("invalid-argument", "expected peers with their PKI-IDs, got one without");
    }
    const { clock } = this.#options;
    const { minAcks, timeoutMs, lane = "control", feature, onSettled } = options;
    const nonce = this.#freeNonce();
    let isInside = true;
    this.#callbacks.set(nonce, (outcome) => {
      if (isInside) clock.schedule(clock.now(), () => onSettled(outcome));
      else onSettled(outcome);
    });
    this.#running.push({ type: "await", nonce, peers: [...peers.keys()], minAcks, timeoutMs });
    for (const peer of peers.values()) {
      const current = this.#options.successorOf(peer);
      if (current !== peer.pkiId) this.renamed(peer.pkiId, current);
    }
    const awaited = [...peers.values()].filter((peer) => this.#acks.awaits(nonce, this.#options.successorOf(peer)));
    if (awaited.length > 0) this.#options.send({ ...message, nonce }, awaited, lane, feature);
    isInside = false;
  }

  /** Whether it is an acknowledgement that is awaited; then it has been taken. */
  take(bytes: Uint8Array, from: PkiId): boolean {
    if (this.#acks.pending === 0 || bytes.length > maxAckBytes) return false;
    const envelope = readEnvelope(bytes);
    const message = envelope.ok ? readMessage(envelope.value.payload) : envelope;
    if (!message.ok || message.value.type !== "ack") return false;
    const { nonce, error } = message.value;
    if (!this.#acks.awaits(nonce, from)) return false;
    this.#running.push({ type: "ack", nonce, from, error });
    return true;
  }

  notSent(nonce: bigint, to: PkiId, reason: CommDropReason): void {
    this.#running.push({ type: "not-sent", nonce, to, reason });
  }

  lost(pkiId: PkiId, detail: string): void {
    this.#running.push({ type: "lost", pkiId, detail });
  }

  renamed(old: PkiId, current: PkiId): void {
    this.#running.push({ type: "renamed", old, current });
  }

  /** Ends all waits, and those to come at once. */
  close(): void {
    this.#running.push({ type: "close" });
  }

  #settle(nonce: bigint, outcome: AckOutcome): void {
    const onSettled = this.#callbacks.get(nonce);
    this.#callbacks.delete(nonce);
    onSettled?.(outcome);
  }

  #freeNonce(): bigint {
    for (;;) {
      const nonce = this.#options.random.uint64();
      if (nonce !== 0n && !this.#acks.has(nonce)) return nonce;
    }
  }
}
