import { type IdentityStore, type MessageCryptoService, type SecurityAdvisor, unsigned } from "@gossip/crypto";
import { type Envelope, encodeEnvelope, type GossipMessage, type PkiId } from "@gossip/proto";
import {
  type Clock,
  GossipError,
  type Logger,
  type Metrics,
  type Random,
  type Run,
  run,
  unreachable,
  type WallClock,
} from "@gossip/runtime";
import { AckedSends, type AckOptions } from "./acked-sends.js";
import { authenticate, type HandshakeContext, type HandshakeResult } from "./authenticate.js";
import { type CommMetrics, commMetrics } from "./comm-metrics.js";
import { type CommConfig, checkCommConfig } from "./config.js";
import { ConnectionTable } from "./connection-table.js";
import type { Feature } from "./features.js";
import type { ConnectionInfo, HandshakeFailure } from "./handshake.js";
import { hostOf, PendingHandshakes } from "./pending-handshakes.js";
import type { Stream, Transport } from "./ports.js";
import { type ProbeResult, Probes } from "./probes.js";
import { type Received, Receiver } from "./receiver.js";
import { RefusalLog } from "./refusal-log.js";
import type { Lane } from "./send-queue.js";
import {
  type CommDropReason,
  type ConnectionView,
  type DialId,
  type RemotePeer,
  type StreamId,
  type TableInput,
  type TableOutput,
  tableTimes,
} from "./table-types.js";

/** What happened; given to `onEvent` in order, and written to log and metrics as well. */
export type CommEvent =
  | { readonly type: "connected"; readonly info: ConnectionInfo }
  | { readonly type: "disconnected"; readonly pkiId: PkiId; readonly detail: string }
  /** The last connection to a member failed or could not be made (page 03 §7). */
  | { readonly type: "presumed-dead"; readonly pkiId: PkiId; readonly endpoint: string; readonly detail: string }
  /** A known endpoint now proves another PKI-ID of the same organization (page 03 §6.4). */
  | { readonly type: "identity-switch"; readonly old: PkiId; readonly current: PkiId }
  | {
      readonly type: "handshake-refused";
      readonly direction: "outbound" | "inbound";
      readonly remoteAddress: string;
      /** What the other side claimed to be; empty when it did not come to that. */
      readonly claimed: PkiId;
      readonly org: string;
      readonly reason: HandshakeFailure;
      readonly detail: string;
    }
  | { readonly type: "dropped"; readonly pkiId: PkiId; readonly reason: CommDropReason; readonly bytes: number };

/** What the communication layer works with, and where it reports messages, events and defects. */
export interface CommOptions {
  readonly transport: Transport;
  readonly crypto: MessageCryptoService;
  readonly advisor: SecurityAdvisor;
  readonly identities: IdentityStore;
  /** Own serialized identity. */
  readonly identity: Uint8Array;
  readonly clock: Clock;
  readonly wall: WallClock;
  readonly random: Random;
  readonly config: CommConfig;
  /**
   * The extensions that this node understands, which it tells in the handshake.
   * @default none: a handshake like a stock peer's, octet by octet
   */
  readonly features?: readonly Feature[];
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Each message of an authenticated connection, in the order it came on it. */
  onMessage(received: Received): void;
  onEvent(event: CommEvent): void;
  /** A defect was met, and what met it has stopped: close. Without this the error is thrown where it was met. */
  readonly onFault?: (error: unknown) => void;
}

/** The communication layer: authenticated connections keyed by PKI-ID, one per peer. */
export interface Comm {
  readonly pkiId: PkiId;
  /** Best effort, never throws; what is not sent is reported as a `dropped` event. Order per peer and lane is kept, during dialling too. */
  send(peer: RemotePeer, envelope: Envelope, lane?: Lane): void;
  /**
   * As `send`, for a message that only peers with the feature understand: written to no connection whose handshake did
   * not name it, whatever an earlier one of that peer did; then it is dropped, `not-understood`.
   */
  sendFeature(feature: Feature, peer: RemotePeer, envelope: Envelope, lane?: Lane): void;
  /**
   * Sends a message that each peer acknowledges, under a nonce of its own, and tells when enough have (page 03 §8). No
   * more than `maxPendingAcks` answers are awaited at one time. It holds no signature: acknowledged messages have none.
   *
   * @throws GossipError `invalid-argument` for a peer without a PKI-ID.
   */
  sendWithAck(message: GossipMessage, peers: readonly RemotePeer[], options: AckOptions): void;
  /** Dial, authenticate with `probe`, close: learns who answers at an endpoint (page 03 §10 "Handshake"). */
  handshake(endpoint: string, onResult: (result: ProbeResult) => void): void;
  /** The same, of somebody who is about to be sent something: the connection stays, unless there is one to that endpoint. */
  contact(endpoint: string, onResult: (result: ProbeResult) => void): void;
  /** Dial and ping, nothing authenticated beyond TLS (page 03 §10 "Probe"). */
  ping(endpoint: string, onResult: (alive: boolean) => void): void;
  /** Closes the connection to a PKI-ID, if any; a later send dials again. */
  disconnect(pkiId: PkiId, detail: string): void;
  readonly connections: readonly ConnectionView[];
  /** Whether the peer is connected, or about to be: what is sent to it needs no further dial. */
  isLinked(pkiId: PkiId): boolean;
  /** Closes connections in order, then the transport. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens the communication layer: it listens on the transport from now on.
 *
 * @throws GossipError `invalid-config`, or `invalid-argument` when the own identity does not decode.
 * @example
 * const comm = createComm({ transport, crypto, advisor, identities, identity, ...surroundings, config: commDefaults });
 * comm.send({ pkiId, endpoint: "peer1:7051" }, envelope);
 */
export function createComm(options: CommOptions): Comm {
  checkCommConfig(options.config);
  const pkiId = options.crypto.pkiIdOf(options.identity);
  if (pkiId === undefined) {
    throw new GossipError(
      "invalid-argument",
      `expected the own identity to decode, got ${options.identity.length} bytes`,
    );
  }
  return new StreamComm(options, pkiId);
}

type ReportedOutput = Extract<TableOutput, { type: CommEvent["type"] }>;

/** The shell around the table: streams, dials and handshakes by number, cryptography, log and metrics. */
class StreamComm implements Comm {
  readonly pkiId: PkiId;
  readonly #options: CommOptions;
  readonly #context: HandshakeContext;
  readonly #log: Logger;
  readonly #metrics: CommMetrics;
  readonly #table: ConnectionTable;
  readonly #running: Run<TableInput>;
  readonly #receivers = new Map<StreamId, Receiver>();
  /** What to call to give up a dial or its handshake. */
  readonly #dials = new Map<DialId, () => void>();
  readonly #inbound: PendingHandshakes;
  readonly #refusals = new RefusalLog();
  readonly #probes: Probes;
  readonly #acked: AckedSends;
  /** One encoding per envelope, shared by all queues it is in and gone when the last one has let go of it. */
  readonly #encoded = new WeakMap<Envelope, WeakRef<Uint8Array>>();
  #nextStream: StreamId = 1;
  #closed: Promise<void> | undefined;

  constructor(options: CommOptions, pkiId: PkiId) {
    const { config, transport, clock } = options;
    this.pkiId = pkiId;
    this.#options = options;
    this.#context = {
      ...options,
      self: { pkiId, identity: options.identity },
      secure: transport.secure,
      features: options.features ?? [],
      timeoutMs: config.connTimeoutMs,
    };
    this.#log = options.log.child("comm");
    this.#metrics = commMetrics(options.metrics);
    this.#inbound = new PendingHandshakes({
      limit: config.maxPendingHandshakes,
      perSecond: config.maxHandshakesPerSecond,
    });
    this.#table = new ConnectionTable({
      self: pkiId,
      config: { ...tableTimes, ...config, maxDials: config.maxPendingHandshakes },
      random: options.random,
    });
    this.#running = run(this.#table, {
      clock,
      perform: (output) => this.#perform(output),
      ...(options.onFault === undefined ? {} : { onFault: options.onFault }),
    });
    this.#probes = new Probes({
      transport,
      context: this.#context,
      clock,
      dialTimeoutMs: config.dialTimeoutMs,
      connTimeoutMs: config.connTimeoutMs,
      maxProbes: config.maxPendingHandshakes,
      log: this.#log,
      onRefused: (stream, refused) => this.#reportRefusal(stream, refused),
    });
    this.#acked = new AckedSends({
      clock,
      random: options.random,
      maxPending: config.maxPendingAcks,
      successorOf: (peer) => this.#table.successorOf(peer),
      send: (message, peers, lane, feature) => {
        const bytes = encodeEnvelope(unsigned(message));
        const awaited = message.nonce;
        const input = { type: "send", bytes, lane, awaited, ...(feature && { feature }) } as const;
        for (const peer of peers) this.#submit({ ...input, peer }, peer.pkiId);
      },
      ...(options.onFault === undefined ? {} : { onFault: options.onFault }),
    });
    transport.listen((stream) => this.#onInbound(stream));
  }

  get connections(): readonly ConnectionView[] {
    return this.#table.connections;
  }

  isLinked(pkiId: PkiId): boolean {
    return this.#table.isLinked(pkiId);
  }

  send(peer: RemotePeer, envelope: Envelope, lane: Lane = "control"): void {
    this.#submit({ type: "send", peer, bytes: this.#encode(envelope), lane }, peer.pkiId);
  }

  sendFeature(feature: Feature, peer: RemotePeer, envelope: Envelope, lane: Lane = "control"): void {
    this.#submit({ type: "send", peer, bytes: this.#encode(envelope), lane, feature }, peer.pkiId);
  }

  sendWithAck(message: GossipMessage, peers: readonly RemotePeer[], options: AckOptions): void {
    this.#acked.send(message, peers, options);
  }

  disconnect(pkiId: PkiId, detail: string): void {
    this.#running.push({ type: "disconnect", pkiId, detail });
  }

  handshake(endpoint: string, onResult: (result: ProbeResult) => void): void {
    this.#probes.handshake(endpoint, onResult);
  }

  contact(endpoint: string, onResult: (result: ProbeResult) => void): void {
    if (this.#table.isConnectedAt(endpoint)) return this.#probes.handshake(endpoint, onResult);
    this.#probes.handshake(endpoint, onResult, (stream, result) => {
      const id = this.#adopt(stream, result);
      this.#running.push({ type: "contacted", endpoint, stream: id, info: result.info });
    });
  }

  ping(endpoint: string, onResult: (alive: boolean) => void): void {
    this.#probes.ping(endpoint, onResult);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#running.push({ type: "close" });
    this.#running.close();
    this.#inbound.cancelAll("closing: this node is shutting down");
    this.#probes.close();
    this.#acked.close();
    await this.#options.transport.close();
  }

  #submit(input: Extract<TableInput, { type: "send" | "respond" }>, pkiId: PkiId): void {
    // The table is not driven any more once we have closed, and nothing is dropped in silence.
    if (this.#closed !== undefined) {
      const awaiting = input.type === "send" && input.awaited !== undefined ? { awaited: input.awaited } : {};
      return this.#report({ type: "dropped", pkiId, reason: "closing", bytes: input.bytes.length, ...awaiting });
    }
    this.#running.push(input);
    this.#metrics.queueBytes.set(this.#table.queuedBytes);
  }

  #encode(envelope: Envelope): Uint8Array {
    const known = this.#encoded.get(envelope)?.deref();
    if (known !== undefined) return known;
    const bytes = encodeEnvelope(envelope);
    this.#encoded.set(envelope, new WeakRef(bytes));
    return bytes;
  }

  #perform(output: TableOutput): void {
    switch (output.type) {
      case "dial":
        return this.#dial(output.dial, output.endpoint, output.expected);
      case "abandon": {
        const giveUp = this.#dials.get(output.dial);
        this.#dials.delete(output.dial);
        giveUp?.();
        return;
      }
      case "write":
        return this.#write(output.stream, output.bytes);
      case "close":
        return this.#receivers.get(output.stream)?.close(output.deaf);
      case "abort":
        return this.#receivers.get(output.stream)?.abort(output.detail);
      default:
        return this.#report(output);
    }
  }

  #write(id: StreamId, bytes: Uint8Array): void {
    const receiver = this.#receivers.get(id);
    // A stream that has just ended takes nothing; `ended` is already on its way to the table.
    if (receiver === undefined) return;
    const more = receiver.stream.send(bytes);
    this.#metrics.sent.add(1);
    this.#metrics.queueBytes.set(this.#table.queuedBytes);
    this.#running.push({ type: "written", stream: id, more });
  }

  // — streams —

  #dial(dial: DialId, endpoint: string, expected: PkiId): void {
    const { transport, config } = this.#options;
    let isWanted = true;
    const forget = () => this.#probes.forget(cancel);
    const dialling = transport.dial(endpoint, config.dialTimeoutMs, (dialled) => {
      forget();
      if (!isWanted) {
        if (dialled.ok) this.#probes.takeLeave(dialled.stream);
        return;
      }
      if (!dialled.ok) {
        this.#dials.delete(dial);
        this.#metrics.dialsFailed.add(1);
        this.#running.push({ type: "dial-failed", dial, detail: dialled.detail });
        return;
      }
      this.#introduce(dial, dialled.stream, expected);
    });
    const cancel = () => {
      forget();
      dialling.cancel();
    };
    this.#dials.set(dial, () => {
      // Left alone: a stock peer logs a connection that breaks off in the midst of TLS, or without a ConnEstablish, as an error.
      isWanted = false;
      this.#probes.leave(cancel);
    });
  }

  /** The handshake on a stream that we dialled. */
  #introduce(dial: DialId, stream: Stream, expected: PkiId): void {
    let isOver = false;
    const giveUp = authenticate(stream, this.#context, {
      expected,
      probe: false,
      onEstablishSent: () => this.#running.push({ type: "establish-sent", dial }),
      onResult: (result) => {
        isOver = true;
        this.#dials.delete(dial);
        if (result.ok) {
          const id = this.#adopt(stream, result);
          this.#running.push({ type: "dialled", dial, stream: id, info: result.info });
        } else {
          this.#reportRefusal(stream, result);
          this.#running.push({ type: "dial-failed", dial, detail: `${result.reason}: ${result.detail}` });
        }
      },
    });
    if (!isOver) this.#dials.set(dial, () => giveUp("no longer wanted"));
  }

  #onInbound(stream: Stream): void {
    const { remoteAddress } = stream;
    if (this.#closed !== undefined) return stream.close("closing: this node is shutting down");
    const ticket = this.#inbound.admit(remoteAddress, this.#options.clock.now());
    if (typeof ticket === "string") {
      const refusal = { reason: "too-many-handshakes", detail: ticket } as const;
      stream.close(`${refusal.reason}: ${refusal.detail}`);
      this.#reportRefusal(stream, { ok: false, ...refusal, claimed: "" as PkiId, org: "" });
      return;
    }
    const giveUp = authenticate(stream, this.#context, {
      expected: "" as PkiId,
      probe: false,
      onEstablishSent() {},
      onResult: (result) => {
        ticket.release();
        if (!result.ok) return this.#reportRefusal(stream, result);
        if (result.probe) {
          this.#log.debug("answered a probe", { remoteAddress, pkiId: result.info.pkiId });
          return stream.close();
        }
        const id = this.#adopt(stream, result);
        this.#running.push({ type: "accepted", stream: id, info: result.info });
      },
    });
    ticket.cancelBy(giveUp);
  }

  /** From the end of the handshake on, the stream has a number, and what comes on it is handed out. */
  #adopt(stream: Stream, { info, attach }: Extract<HandshakeResult, { ok: true }>): StreamId {
    const id = this.#nextStream++;
    const { recvBufferSize, recvBufferBytes } = this.#options.config;
    const receiver = new Receiver(stream, info, {
      maxMessages: recvBufferSize,
      maxBytes: recvBufferBytes,
      respond: (envelope, lane) => {
        this.#submit({ type: "respond", pkiId: info.pkiId, bytes: this.#encode(envelope), lane }, info.pkiId);
      },
      onReceived: (received) => {
        this.#metrics.received.add(1);
        this.#running.push({ type: "received", stream: id });
        if (this.#acked.take(received.bytes, info.pkiId)) received.done();
        else this.#options.onMessage(received);
      },
    });
    this.#receivers.set(id, receiver);
    attach({
      onMessage: (bytes) => receiver.take(bytes),
      onDrain: () => this.#running.push({ type: "drained", stream: id }),
      onEnd: ({ ok, detail }) => {
        this.#receivers.delete(id);
        this.#running.push({ type: "ended", stream: id, ok, detail });
      },
    });
    return id;
  }

  // — reports —

  #report(event: ReportedOutput): void {
    const log = this.#log;
    switch (event.type) {
      case "connected": {
        const { pkiId, direction, remoteAddress } = event.info;
        log.info("connected", { pkiId, direction, remoteAddress });
        this.#metrics.connections.set(this.#table.connectedPeers);
        break;
      }
      case "disconnected":
        log.info("disconnected", { pkiId: event.pkiId, detail: event.detail });
        this.#metrics.connections.set(this.#table.connectedPeers);
        break;
      case "presumed-dead":
        log.warn("presumed dead", { pkiId: event.pkiId, endpoint: event.endpoint, detail: event.detail });
        this.#acked.lost(event.pkiId, event.detail);
        break;
      case "identity-switch":
        log.info("identity switch", { old: event.old, current: event.current });
        this.#acked.renamed(event.old, event.current);
        break;
      case "dropped":
        return this.#reportDrop(event);
      default:
        return unreachable(event);
    }
    this.#options.onEvent(event);
  }

  #reportDrop({ pkiId, reason, bytes, awaited }: Extract<TableOutput, { type: "dropped" }>): void {
    this.#log.debug("dropped", { pkiId, reason, bytes });
    this.#metrics.dropped.add(1, { reason });
    if (isOverflow(reason)) this.#metrics.overflow.add(1);
    this.#metrics.queueBytes.set(this.#table.queuedBytes);
    if (awaited !== undefined) this.#acked.notSent(awaited, pkiId, reason);
    this.#options.onEvent({ type: "dropped", pkiId, reason, bytes });
  }

  #reportRefusal(stream: Stream, refused: Extract<HandshakeResult, { ok: false }>): void {
    const { direction, remoteAddress } = stream;
    const { claimed, org, reason, detail } = refused;
    this.#logRefusal(direction, remoteAddress, refused);
    this.#metrics.handshakesRefused.add(1, { reason, direction });
    this.#options.onEvent({ type: "handshake-refused", direction, remoteAddress, claimed, org, reason, detail });
  }

  #logRefusal(
    direction: "outbound" | "inbound",
    remoteAddress: string,
    { claimed, org, reason, detail }: Extract<HandshakeResult, { ok: false }>,
  ): void {
    // A dialler that changes its mind, as one of two simultaneous dials does, is no news; nor is whom we found to be us.
    const isNews = reason !== "self-connection" && (direction === "outbound" || reason !== "stream-ended");
    // The port of who dials us is another each time, and would make each refusal the first of its kind.
    const from = claimed || (direction === "inbound" ? hostOf(remoteAddress) : remoteAddress);
    const fields = { direction, from, remoteAddress, org, reason, detail };
    const count = isNews
      ? this.#refusals.count(`${direction} ${from} ${reason}`, this.#options.clock.now())
      : undefined;
    if (count === undefined) this.#log.debug("handshake refused", fields);
    else this.#log.warn("handshake refused", { ...fields, count });
  }
}

/** What Fabric counts as one: there was no room for the message. */
function isOverflow(reason: CommDropReason): boolean {
  return reason === "queue-full" || reason === "over-budget";
}
