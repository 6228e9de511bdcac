import { assert, type Millis, type Timers } from "@gossip/runtime";
import type { ConnectionInfo } from "./handshake.js";
import { type Connection, isConnected, type Peer, type TimerName } from "./peer-state.js";
import type { QueuedMessage } from "./send-queue.js";
import type { ConnectionTableConfig, StreamId, TableOutput } from "./table-types.js";

export interface StreamsOptions {
  readonly config: ConnectionTableConfig;
  /** Of the whole table. */
  readonly timers: Timers<TimerName>;
  say(output: Extract<TableOutput, { type: "connected" | "close" | "abort" }>): void;
}

/** The authenticated streams of the connection table: each from its opening to its end, with what was written while provisional. */
export class Streams {
  readonly #options: StreamsOptions;
  readonly #connections = new Map<StreamId, Connection>();

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  get(stream: StreamId): Connection | undefined {
    return this.#connections.get(stream);
  }

  /** Those that were not closed by us. */
  get open(): readonly Connection[] {
    return [...this.#connections.values()].filter(({ phase }) => phase !== "closing");
  }

  /** A stream whose handshake has succeeded; the first of its peer makes it connected. */
  add(peer: Peer, stream: StreamId, info: ConnectionInfo, now: Millis): Connection {
    assert(!this.#connections.has(stream), `expected stream ${stream} to be new`);
    const { config, timers, say } = this.#options;
    const connection: Connection = {
      stream,
      info,
      peer,
      openedAt: now,
      phase: "open",
      busy: false,
      provisional: [],
      provisionalBytes: 0,
    };
    if (!isConnected(peer)) say({ type: "connected", info });
    peer.connections.add(connection);
    this.#connections.set(stream, connection);
    timers.set(`confirm ${stream}`, now + config.confirmMs);
    peer.usedAt = now;
    return connection;
  }

  /** It has ended. */
  remove(connection: Connection): void {
    const { stream, peer } = connection;
    this.#connections.delete(stream);
    peer.connections.delete(connection);
    for (const kind of ["confirm", "retire", "close"] as const) this.#options.timers.clear(`${kind} ${stream}`);
  }

  /**
   * Remembers what is written to a provisional connection. False when that is more than a queue may hold: to keep on sending
   * is worth more than to be able to repeat.
   */
  remember(connection: Connection, message: QueuedMessage): boolean {
    if (connection.provisional === undefined) return true;
    connection.provisional.push(message);
    connection.provisionalBytes += message.bytes.length;
    const { sendBufferSize, sendBufferBytes } = this.#options.config;
    return connection.provisional.length <= sendBufferSize && connection.provisionalBytes <= sendBufferBytes;
  }

  /** The other side has evidently accepted us; false when that was known. */
  confirm(connection: Connection): boolean {
    if (connection.provisional === undefined) return false;
    connection.provisional = undefined;
    this.#options.timers.clear(`confirm ${connection.stream}`);
    return true;
  }

  /** Its peer has dialled anew: not written to any more, read until its end or until grace has passed. */
  retire(connection: Connection, now: Millis): void {
    const { config, timers } = this.#options;
    for (const older of connection.peer.connections) {
      if (older.phase === "retired") this.abort(older, "replaced twice by a new connection");
    }
    connection.phase = "retired";
    timers.set(`retire ${connection.stream}`, now + config.graceMs);
  }

  /** In order; with `deaf`, nothing more of it is delivered. */
  close(connection: Connection, deaf: boolean, now: Millis): void {
    if (connection.phase === "closing") return;
    const { config, timers, say } = this.#options;
    connection.phase = "closing";
    timers.clear(`retire ${connection.stream}`);
    timers.set(`close ${connection.stream}`, now + config.closeMs);
    say({ type: "close", stream: connection.stream, deaf });
  }

  abort(connection: Connection, detail: string): void {
    const { timers, say } = this.#options;
    connection.phase = "closing";
    timers.clear(`retire ${connection.stream}`);
    timers.clear(`close ${connection.stream}`);
    say({ type: "abort", stream: connection.stream, detail });
  }

  /** Nobody counts on it any more: whether it was accepted does not matter. */
  disown(connection: Connection): void {
    this.#options.timers.clear(`confirm ${connection.stream}`);
  }
}
