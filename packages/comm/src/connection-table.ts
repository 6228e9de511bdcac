/**
 * The connection table (protocol page 03 §5 to §7), as a machine: which streams lead to which peer, what waits for it,
 * when to dial, and which of two streams to keep.
 *
 * Purpose. One connection per peer, keyed by PKI-ID, whoever dialled it. A peer whose PKI-ID is unknown is keyed by its
 * endpoint until the handshake proves one.
 *
 * Messages. From the user: `send`, `respond`, `disconnect`, `close`. From the shell, which owns sockets and handshakes:
 * the fate of each dial (`establish-sent`, then `dialled` or `dial-failed`), each authenticated inbound stream
 * (`accepted`), and what happens on a stream (`received`, `written`, `drained`, `ended`).
 *
 * States of a peer: idle (not in the table) → dialling → connected → idle; after a loss with messages waiting
 * connected → delayed → dialling, once; after a failure it backs off, and what is sent meanwhile is dropped.
 *
 *     dial:        delayed → queued → dialling → establishing → (gone)
 *     connection:  open → retired → closing → (gone)      any state may skip ahead
 *
 * Only an `open` connection is written to, and only the one that is `active`. All are read until they end.
 *
 * Two streams at once (§6.3). The own ConnEstablish is the point of no return: before it, an inbound stream ends our
 * dial; after it, both streams stay readable and each side writes on the one it dialled. A stock peer then closes its
 * own within moments. Between two of ours, after `graceMs` the stream dialled by the smaller PKI-ID is kept: whoever
 * dialled the other one closes it in order and holds what it has to say until it has ended, so that nothing is lost and
 * the order stays. An outbound stream older than `graceMs` was evidently lost by a peer that dials us: then the inbound
 * one takes over. A second inbound stream replaces the first.
 *
 * Provisional connections (§14.5). The handshake has no confirmation, so what was written is kept until the first
 * message of the other side, or `confirmMs`; if the stream ends before that, it is written again on the next one. A
 * message can therefore arrive twice, and order across that seam is that of sending.
 *
 * Timers: grace (per peer, two streams open), hold (per peer, no longer wait for the old stream to end), redial (per
 * peer, jitter), confirm, retire, close (per connection; the last one aborts what does not end).
 *
 * Invariants. At most one dial per peer. At most one message is with a stream that has not said `written`. A peer's
 * entry is removed only by the end of its own last connection or dial. Every message that came in by `send` or
 * `respond` is written or comes out as `dropped`; of a peer that was lost it is reported once that it is presumed dead.
 *
 * Deviations from the reference: §14.1 to §14.5, §14.8 to §14.12, §14.14, §14.20; all local, none shows on the wire.
 */
import type { PkiId } from "@gossip/proto";
import { fraction, type Machine, type Millis, type Random, Timers, unreachable, type Wake } from "@gossip/runtime";
import { BackOff } from "./back-off.js";
import { Dials } from "./dials.js";
import type { ConnectionInfo } from "./handshake.js";
import { type Connection, isConnected, isOpen, type Peer, type TimerName } from "./peer-state.js";
import { Peers } from "./peers.js";
import type { QueuedMessage } from "./send-queue.js";
import { Streams } from "./streams.js";
import type {
  CommDropReason,
  ConnectionTableConfig,
  ConnectionView,
  DialId,
  RemotePeer,
  StreamId,
  TableInput,
  TableOutput,
} from "./table-types.js";

export interface ConnectionTableOptions {
  readonly self: PkiId;
  readonly config: ConnectionTableConfig;
  readonly random: Random;
}

export class ConnectionTable implements Machine<TableInput, TableOutput> {
  readonly #self: PkiId;
  readonly #config: ConnectionTableConfig;
  readonly #random: Random;
  readonly #backOff: BackOff;
  readonly #peers: Peers;
  readonly #streams: Streams;
  readonly #dials: Dials;
  readonly #timers = new Timers<TimerName>();
  #connectedPeers = 0;
  #isClosing = false;
  #outputs: TableOutput[] = [];

  constructor(options: ConnectionTableOptions) {
    const { maxConnections, backOffMinMs, backOffMaxMs } = options.config;
    this.#self = options.self;
    this.#config = options.config;
    this.#random = options.random;
    this.#peers = new Peers(options.config);
    this.#dials = new Dials(options.config.maxDials, (output) => this.#outputs.push(output));
    this.#streams = new Streams({
      config: options.config,
      timers: this.#timers,
      say: (output) => this.#outputs.push(output),
    });
    this.#backOff = new BackOff({
      random: options.random,
      maxEntries: 4 * maxConnections,
      minMs: backOffMinMs,
      maxMs: backOffMaxMs,
    });
  }

  get deadline(): Millis {
    return this.#timers.deadline;
  }

  step(input: TableInput | Wake, now: Millis): readonly TableOutput[] {
    this.#outputs = [];
    switch (input.type) {
      case "wake":
        for (const name of this.#timers.expire(now)) this.#onTimer(name, now);
        break;
      case "send":
        this.#onSend(input.peer, queued(input), now);
        break;
      case "respond":
        this.#onRespond(input.pkiId, { bytes: input.bytes, lane: input.lane, response: true }, now);
        break;
      case "disconnect":
        this.#onDisconnect(input.pkiId, input.detail, now);
        break;
      case "close":
        this.#onClose(now);
        break;
      case "establish-sent":
        this.#dials.establishing(input.dial);
        break;
      case "dialled":
        this.#onDialled(input.dial, input.stream, input.info, now);
        break;
      case "dial-failed":
        this.#onDialFailed(input.dial, input.detail, now);
        break;
      case "contacted":
        this.#onContacted(input.endpoint, input.stream, input.info, now);
        break;
      case "accepted":
        this.#onAccepted(input.stream, input.info, now);
        break;
      case "received":
        this.#onReceived(input.stream, now);
        break;
      case "written":
        this.#onReady(input.stream, input.more, now);
        break;
      case "drained":
        this.#onReady(input.stream, true, now);
        break;
      case "ended":
        this.#onEnded(input.stream, input.ok, input.detail, now);
        break;
      default:
        return unreachable(input);
    }
    return this.#outputs;
  }

  // — sending —

  #onSend(to: RemotePeer, message: QueuedMessage, now: Millis): void {
    if (this.#isClosing) return this.#drop(to.pkiId, "closing", message);
    if (message.bytes.length > this.#config.maxMessageBytes) return this.#drop(to.pkiId, "too-large", message);
    if (to.pkiId === this.#self) return this.#drop(to.pkiId, "not-connected", message);
    const key = this.#peers.keyOf(to);
    let peer = this.#peers.get(key);
    if (peer === undefined) {
      if (to.endpoint === "") return this.#drop(to.pkiId, "not-connected", message);
      if (this.#backOff.holds(key, now)) return this.#drop(to.pkiId, "backing-off", message);
      if (this.#peers.size >= 2 * this.#config.maxConnections) return this.#drop(to.pkiId, "queue-full", message);
      peer = this.#peers.add(key, to.pkiId, now);
    }
    if (to.endpoint !== "") peer.endpoint = to.endpoint;
    this.#enqueue(peer, message);
    this.#flush(peer, now);
    if (!isConnected(peer) && peer.dial === undefined) this.#dials.now(peer);
  }

  #onRespond(pkiId: PkiId, message: QueuedMessage, now: Millis): void {
    if (this.#isClosing) return this.#drop(pkiId, "closing", message);
    if (message.bytes.length > this.#config.maxMessageBytes) return this.#drop(pkiId, "too-large", message);
    const peer = this.#peers.get(pkiId);
    if (peer === undefined || !isConnected(peer)) return this.#drop(pkiId, "not-connected", message);
    this.#enqueue(peer, message);
    this.#flush(peer, now);
  }

  #enqueue(peer: Peer, message: QueuedMessage): void {
    for (const dropped of peer.queue.push(message)) this.#drop(peer.pkiId, "queue-full", dropped);
    this.#peers.shed((slowest, shed) => this.#drop(slowest.pkiId, "over-budget", shed));
  }

  /** Gives the active connection the next message, if it takes one. */
  #flush(peer: Peer, now: Millis): void {
    const connection = peer.active;
    if (connection === undefined || !isOpen(connection) || connection.busy || peer.hold !== undefined) return;
    const message = this.#nextFor(connection, peer);
    if (message === undefined) return;
    connection.busy = true;
    peer.usedAt = now;
    if (!this.#streams.remember(connection, message)) this.#confirm(connection);
    this.#outputs.push({ type: "write", stream: connection.stream, bytes: message.bytes });
  }

  /** The next message that the other side understands: it may have come back as another build since it was queued. */
  #nextFor({ info }: Connection, peer: Peer): QueuedMessage | undefined {
    for (;;) {
      const message = peer.queue.shift();
      if (message?.feature === undefined || info.features.includes(message.feature)) return message;
      this.#drop(peer.pkiId, "not-understood", message);
    }
  }

  #onReady(stream: StreamId, ready: boolean, now: Millis): void {
    const connection = this.#streams.get(stream);
    if (connection === undefined || !ready) return;
    connection.busy = false;
    if (connection.peer.active === connection) this.#flush(connection.peer, now);
  }

  #onReceived(stream: StreamId, now: Millis): void {
    const connection = this.#streams.get(stream);
    if (connection === undefined) return;
    connection.peer.usedAt = now;
    this.#confirm(connection);
  }

  #confirm(connection: Connection): void {
    if (!this.#streams.confirm(connection)) return;
    connection.peer.hasRedialled = false;
    this.#backOff.clear(connection.peer.key);
  }

  // — dialling —

  #dialLater(peer: Peer, now: Millis): void {
    const { redialMinMs, redialMaxMs } = this.#config;
    this.#dials.later(peer);
    this.#timers.set(`redial ${peer.key}`, now + redialMinMs + fraction(this.#random) * (redialMaxMs - redialMinMs));
  }

  #abandonDial(peer: Peer): void {
    this.#timers.clear(`redial ${peer.key}`);
    this.#dials.abandon(peer);
  }

  #onDialFailed(id: DialId, detail: string, now: Millis): void {
    const peer = this.#dials.end(id)?.peer;
    if (peer === undefined) return;
    if (!isConnected(peer)) return this.#fail(peer, "dial-failed", detail, now);
    // An inbound stream came meanwhile and waited for this; to reach the peer is all we wanted.
    this.#chooseActive(peer, now);
  }

  #onDialled(id: DialId, stream: StreamId, info: ConnectionInfo, now: Millis): void {
    const ended = this.#dials.end(id);
    if (ended === undefined) {
      this.#outputs.push({ type: "abort", stream, detail: "no longer wanted" });
      return;
    }
    const { peer: dialling, endpoint } = ended;
    const peer = this.#peerProven(dialling, info.pkiId, now);
    peer.endpoint = endpoint;
    if (!this.#makeRoom(peer, now)) {
      this.#outputs.push({ type: "abort", stream, detail: "too many connections" });
      this.#forgetIfIdle(peer);
      if (!isConnected(dialling)) return this.#fail(dialling, "dial-failed", "too many busy connections", now);
      return this.#chooseActive(dialling, now);
    }
    if (peer !== dialling) this.#moveTo(peer, dialling, now);
    this.#takeOutbound(peer, endpoint, stream, info, now);
  }

  #onContacted(endpoint: string, stream: StreamId, info: ConnectionInfo, now: Millis): void {
    const peer = this.#peers.get(info.pkiId) ?? this.#peers.add(info.pkiId, info.pkiId, now);
    if (!this.#isClosing && this.#makeRoom(peer, now)) {
      this.#peers.isBack(info.pkiId);
      peer.endpoint = endpoint;
      return this.#takeOutbound(peer, endpoint, stream, info, now);
    }
    this.#outputs.push({ type: "abort", stream, detail: this.#isClosing ? "closing" : "too many connections" });
    this.#forgetIfIdle(peer);
  }

  /** The stream that we opened is the one to write on from now on, whatever there was before. */
  #takeOutbound(peer: Peer, endpoint: string, stream: StreamId, info: ConnectionInfo, now: Millis): void {
    const earlier = [...peer.connections].find((one) => isOpen(one) && one.info.direction === "outbound");
    const dual = [...peer.connections].some((one) => isOpen(one) && one.info.direction === "inbound");
    const connection = this.#connect(peer, stream, info, now);
    this.#peers.foundAt(peer, endpoint);
    if (earlier !== undefined) this.#streams.close(earlier, false, now);
    if (dual) this.#timers.set(`grace ${peer.key}`, now + this.#config.graceMs);
    this.#activate(peer, connection, now);
    if (peer.dial !== undefined && peer.dial.phase !== "establishing") this.#abandonDial(peer);
    this.#flush(peer, now);
  }

  /** The entry of the PKI-ID that was proven, which need not be the one that was dialled for (§6.4). */
  #peerProven(dialling: Peer, proven: PkiId, now: Millis): Peer {
    if (dialling.pkiId === proven) return dialling;
    if (dialling.pkiId !== "") {
      this.#peers.replace(dialling.pkiId, proven);
      this.#outputs.push({ type: "identity-switch", old: dialling.pkiId, current: proven });
    }
    return this.#peers.get(proven) ?? this.#peers.add(proven, proven, now);
  }

  /** What waited for `from` waits for `to`, unless `from` has a connection of its own. */
  #moveTo(to: Peer, from: Peer, now: Millis): void {
    this.#backOff.clear(from.key);
    if (isConnected(from)) return this.#chooseActive(from, now);
    for (const message of from.queue.drain()) this.#enqueue(to, message);
    this.#removePeer(from);
  }

  #onAccepted(stream: StreamId, info: ConnectionInfo, now: Millis): void {
    if (this.#isClosing) {
      this.#outputs.push({ type: "abort", stream, detail: "shutting down" });
      return;
    }
    const peer = this.#peers.get(info.pkiId) ?? this.#peers.add(info.pkiId, info.pkiId, now);
    if (!this.#makeRoom(peer, now)) {
      this.#outputs.push({ type: "abort", stream, detail: "too many connections" });
      this.#forgetIfIdle(peer);
      return;
    }
    this.#peers.isBack(info.pkiId);
    this.#backOff.clear(peer.key);
    if (peer.dial !== undefined && peer.dial.phase !== "establishing") this.#abandonDial(peer);
    const open = [...peer.connections].filter(isOpen);
    const connection = this.#connect(peer, stream, info, now);
    for (const one of open) if (one.info.direction === "inbound") this.#streams.retire(one, now);
    const outbound = open.find((one) => one.info.direction === "outbound");
    if (outbound !== undefined && now - outbound.openedAt < this.#config.graceMs) {
      this.#timers.set(`grace ${peer.key}`, now + this.#config.graceMs);
      return;
    }
    if (outbound !== undefined) this.#streams.close(outbound, false, now);
    // With our ConnEstablish on its way the peer may be about to close this very stream: our dial decides.
    if (peer.dial !== undefined) return;
    this.#activate(peer, connection, now);
    this.#flush(peer, now);
  }

  // — life of a connection —

  #connect(peer: Peer, stream: StreamId, info: ConnectionInfo, now: Millis): Connection {
    if (!isConnected(peer)) this.#connectedPeers++;
    return this.#streams.add(peer, stream, info, now);
  }

  /** Writes go to `connection` from now on, but not before the one they went to, if it is still there, has ended. */
  #activate(peer: Peer, connection: Connection, now: Millis): void {
    const before = peer.active;
    peer.active = connection;
    if (before === undefined || before === connection || !peer.connections.has(before)) return;
    peer.hold = before;
    this.#timers.set(`hold ${peer.key}`, now + this.#config.holdMs);
  }

  /** When the active connection is gone: the newest open one, unless a dial past its point of no return is to decide. */
  #chooseActive(peer: Peer, now: Millis): void {
    if (peer.active !== undefined && peer.connections.has(peer.active) && isOpen(peer.active)) return;
    if (peer.dial?.phase === "establishing") return;
    const next = [...peer.connections].filter(isOpen).at(-1);
    if (next !== undefined) this.#activate(peer, next, now);
    this.#flush(peer, now);
  }

  #onEnded(stream: StreamId, ok: boolean, detail: string, now: Millis): void {
    const connection = this.#streams.get(stream);
    if (connection === undefined) return;
    const { peer, provisional } = connection;
    const wasOpen = isOpen(connection);
    this.#streams.remove(connection);
    if (peer.active === connection) peer.active = undefined;
    if (peer.hold === connection) this.#releaseHold(peer);
    // Someone else has this key by now, or nobody: the peer was disconnected while the stream was still ending.
    if (this.#peers.get(peer.key) !== peer) return;

    const endedByUs = connection.phase === "closing" && ok;
    if (provisional !== undefined && !endedByUs) peer.queue.giveBack(provisional);
    this.#chooseActive(peer, now);
    this.#flush(peer, now);
    if (!wasOpen || isConnected(peer)) return;
    this.#reportDisconnected(peer, detail);
    if (peer.dial === undefined) this.#onLost(peer, ok, provisional !== undefined, detail, now);
  }

  /** The last open connection has gone: redial once for what is waiting (§14.3), else let the peer go. */
  #onLost(peer: Peer, ok: boolean, wasProvisional: boolean, detail: string, now: Millis): void {
    for (const message of peer.queue.withdrawResponses()) this.#drop(peer.pkiId, "connection-lost", message);
    if (peer.queue.length > 0 && peer.endpoint !== "" && !peer.hasRedialled) {
      peer.hasRedialled = true;
      this.#dialLater(peer, now);
    } else if (peer.hasRedialled || (peer.queue.length > 0 && !ok)) {
      this.#fail(peer, "connection-lost", detail, now);
    } else {
      // Whoever ended it in order is not dead, even if nobody knows where to find it now.
      for (const message of peer.queue.drain()) this.#drop(peer.pkiId, "connection-lost", message);
      if (wasProvisional && !ok) this.#backOff.fail(peer.key, now);
      this.#removePeer(peer);
    }
  }

  /** The peer cannot be reached: what waits is dropped, death is reported once, and it is left alone for a while. */
  #fail(peer: Peer, reason: CommDropReason, detail: string, now: Millis): void {
    for (const message of peer.queue.drain()) this.#drop(peer.pkiId, reason, message);
    this.#removePeer(peer);
    if (!this.#backOff.fail(peer.key, now)) return;
    this.#outputs.push({ type: "presumed-dead", pkiId: peer.pkiId, endpoint: peer.endpoint, detail });
  }

  #onDisconnect(pkiId: PkiId, detail: string, now: Millis): void {
    const peer = this.#peers.get(pkiId);
    if (peer === undefined || !isConnected(peer)) return;
    this.#letGo(peer, detail, now);
  }

  /** Ends everything with a peer at our own wish. Its streams may take a while to end; the entry is free at once. */
  #letGo(peer: Peer, detail: string, now: Millis): void {
    const wasConnected = isConnected(peer);
    this.#abandonDial(peer);
    for (const message of peer.queue.drain()) this.#drop(peer.pkiId, "closing", message);
    for (const connection of peer.connections) {
      this.#streams.close(connection, true, now);
      this.#streams.disown(connection);
    }
    this.#removePeer(peer);
    if (wasConnected) this.#reportDisconnected(peer, detail);
  }

  #reportDisconnected(peer: Peer, detail: string): void {
    this.#connectedPeers--;
    this.#outputs.push({ type: "disconnected", pkiId: peer.pkiId, detail });
  }

  #removePeer(peer: Peer): void {
    for (const kind of ["grace", "hold", "redial"] as const) this.#timers.clear(`${kind} ${peer.key}`);
    this.#peers.remove(peer);
  }

  #onClose(now: Millis): void {
    this.#isClosing = true;
    // Emptied first, or each dial that is given up would start the next one that waits.
    this.#dials.clearWaiting();
    for (const peer of [...this.#peers]) this.#letGo(peer, "this node is closing", now);
  }

  /** Room for one more connection: the least recently used idle one goes (§14.20). False when all are busy. */
  #makeRoom(forPeer: Peer, now: Millis): boolean {
    const { open } = this.#streams;
    if (open.length < this.#config.maxConnections) return true;
    let idle: Peer | undefined;
    for (const { peer } of open) {
      if (peer === forPeer || peer.queue.length > 0 || peer.dial !== undefined || peer.hold !== undefined) continue;
      if (peer.active?.busy !== true && (idle === undefined || peer.usedAt < idle.usedAt)) idle = peer;
    }
    if (idle === undefined) return false;
    this.#letGo(idle, `least recently used of ${this.#config.maxConnections} connections`, now);
    return true;
  }

  #forgetIfIdle(peer: Peer): void {
    if (!isConnected(peer) && peer.dial === undefined) this.#removePeer(peer);
  }

  // — timers —

  #onTimer(name: TimerName, now: Millis): void {
    const [kind, subject] = split(name);
    const peer = this.#peers.get(subject);
    const connection = this.#streams.get(Number(subject));
    switch (kind) {
      case "grace":
        if (peer !== undefined) this.#settleDual(peer, now);
        return;
      case "hold":
        if (peer === undefined) return;
        this.#releaseHold(peer);
        this.#flush(peer, now);
        return;
      case "redial":
        if (peer !== undefined) this.#dials.due(peer);
        return;
      case "confirm":
        if (connection !== undefined) this.#confirm(connection);
        return;
      case "retire":
        if (connection !== undefined) this.#streams.close(connection, false, now);
        return;
      case "close":
        if (connection !== undefined) this.#streams.abort(connection, "did not end in time after it was closed");
        return;
      default:
        return unreachable(kind);
    }
  }

  #releaseHold(peer: Peer): void {
    peer.hold = undefined;
    this.#timers.clear(`hold ${peer.key}`);
  }

  /** Both streams outlived the grace: the one dialled by the smaller PKI-ID stays, and the dialler of the other acts. */
  #settleDual(peer: Peer, now: Millis): void {
    const open = [...peer.connections].filter(isOpen);
    const outbound = open.find((one) => one.info.direction === "outbound");
    const inbound = open.find((one) => one.info.direction === "inbound");
    if (outbound === undefined || inbound === undefined || this.#self < peer.pkiId) return;
    this.#streams.close(outbound, false, now);
    this.#activate(peer, inbound, now);
  }

  #drop(pkiId: PkiId, reason: CommDropReason, message: QueuedMessage): void {
    const { bytes, awaited } = message;
    const awaiting = awaited === undefined ? {} : { awaited };
    this.#outputs.push({ type: "dropped", pkiId, reason, bytes: bytes.length, ...awaiting });
  }

  // — queries —

  /** One view per connected peer. */
  get connections(): readonly ConnectionView[] {
    const views: ConnectionView[] = [];
    for (const { active, connections, pkiId, queue } of this.#peers) {
      const info = (active ?? connections.values().next().value)?.info;
      if (info === undefined) continue;
      const { direction, remoteAddress } = info;
      views.push({ pkiId, direction, remoteAddress, queuedMessages: queue.length, queuedBytes: queue.bytes });
    }
    return views;
  }

  /** Under which PKI-ID what is sent to this peer goes out now. */
  successorOf(peer: RemotePeer): PkiId {
    return this.#peers.get(this.#peers.keyOf(peer))?.pkiId ?? peer.pkiId;
  }

  /** Whether the peer is connected, or about to be: what is sent to it needs no further dial. */
  isLinked(pkiId: PkiId): boolean {
    const peer = this.#peers.get(pkiId);
    return peer !== undefined && (peer.dial !== undefined || isConnected(peer));
  }

  /** Whether somebody whom we reached at this endpoint is connected. */
  isConnectedAt(endpoint: string): boolean {
    const peer = this.#peers.get(this.#peers.keyOf({ pkiId: "" as PkiId, endpoint }));
    return peer !== undefined && isConnected(peer);
  }

  /** How many peers have an open connection. */
  get connectedPeers(): number {
    return this.#connectedPeers;
  }

  /** Bytes that wait, of all peers. */
  get queuedBytes(): number {
    return this.#peers.queuedBytes;
  }
}

function split(name: TimerName): ["grace" | "hold" | "redial" | "confirm" | "retire" | "close", string] {
  const at = name.indexOf(" ");
  // The type of a timer's name says what stands before its first space.
  return [name.slice(0, at) as "grace", name.slice(at + 1)];
}

function queued({ bytes, lane, feature, awaited }: Extract<TableInput, { type: "send" }>): QueuedMessage {
  const message = { bytes, lane, response: false };
  return {
    ...message,
    ...(feature === undefined ? {} : { feature }),
    ...(awaited === undefined ? {} : { awaited }),
  };
}
