import type { Timer } from "@gossip/runtime";
import type { DialResult, PingResult, Stream, StreamEnd, StreamHandlers, Transport } from "../ports.js";

/** When deliveries happen, and how much may be under way before a sender must wait. */
export interface MemoryNetworkOptions {
  /**
   * Runs a delivery later, never at once. Deliveries of one stream keep their order whatever this does.
   * A virtual clock can be put in here.
   *
   * @default queueMicrotask
   */
  readonly schedule?: (deliver: () => void) => void;
  /** Messages a receiver may leave unread before the sender is told to wait. @default 64 */
  readonly windowMessages?: number;
  /** Bytes of the same. @default 1 MiB */
  readonly windowBytes?: number;
}

/** Makes one node of a memory network pass for secured, to test the handshake's certificate hashes. */
export interface MemoryTransportOptions {
  /** Stands for the hash of the TLS certificate of this node; with it the transport counts as secure. */
  readonly tlsCertHash?: Uint8Array;
}

/** Transports that reach each other inside one process, by endpoint. */
export interface MemoryNetwork {
  /** The transport that others dial as `endpoint`. An endpoint can be taken again after its transport was closed. */
  transport(endpoint: string, options?: MemoryTransportOptions): Transport;
  /** Ends whatever is at `endpoint` as the death of its process would: nobody there is told, everybody else sees an error. */
  crash(endpoint: string): void;
}

/**
 * A network without sockets, for tests and examples.
 *
 * @example
 * const network = createMemoryNetwork();
 * const alice = network.transport("alice:7051");
 * const bob = network.transport("bob:7051");
 */
export function createMemoryNetwork(options: MemoryNetworkOptions = {}): MemoryNetwork {
  const world: World = {
    schedule: options.schedule ?? ((deliver) => queueMicrotask(deliver)),
    windowMessages: options.windowMessages ?? 64,
    windowBytes: options.windowBytes ?? 1024 * 1024,
    listening: new Map(),
  };
  const transports = new Map<string, MemoryTransport>();
  return {
    transport(endpoint, transportOptions = {}) {
      const transport = new MemoryTransport(world, endpoint, transportOptions.tlsCertHash);
      transports.set(endpoint, transport);
      return transport;
    },
    crash: (endpoint) => transports.get(endpoint)?.crash(),
  };
}

interface World {
  readonly schedule: (deliver: () => void) => void;
  readonly windowMessages: number;
  readonly windowBytes: number;
  readonly listening: Map<string, MemoryTransport>;
}

class MemoryTransport implements Transport {
  readonly #world: World;
  readonly #endpoint: string;
  readonly #tlsCertHash: Uint8Array | undefined;
  readonly #streams = new Set<MemoryStream>();
  #onStream: ((stream: Stream) => void) | undefined;
  #isClosed = false;
  #dialled = 0;

  constructor(world: World, endpoint: string, tlsCertHash: Uint8Array | undefined) {
    this.#world = world;
    this.#endpoint = endpoint;
    this.#tlsCertHash = tlsCertHash;
  }

  get secure(): boolean {
    return this.#tlsCertHash !== undefined;
  }

  listen(onStream: (stream: Stream) => void): void {
    this.#onStream = onStream;
    if (!this.#isClosed) this.#world.listening.set(this.#endpoint, this);
  }

  dial(endpoint: string, _timeoutMs: number, onResult: (result: DialResult) => void): Timer {
    return this.#later(() => onResult(this.#connect(endpoint)));
  }

  ping(endpoint: string, _timeoutMs: number, onResult: (result: PingResult) => void): Timer {
    return this.#later(() => {
      const isThere = !this.#isClosed && this.#world.listening.has(endpoint);
      onResult(isThere ? { ok: true } : { ok: false, detail: `nobody listens at ${endpoint}` });
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#stopListening();
    for (const stream of [...this.#streams]) stream.finish();
  }

  crash(): void {
    this.#stopListening();
    for (const stream of [...this.#streams]) stream.vanish();
  }

  #stopListening(): void {
    this.#isClosed = true;
    if (this.#world.listening.get(this.#endpoint) === this) this.#world.listening.delete(this.#endpoint);
  }

  #connect(endpoint: string): DialResult {
    const there = this.#world.listening.get(endpoint);
    if (this.#isClosed || there === undefined) return { ok: false, detail: `nobody listens at ${endpoint}` };
    const address = `${this.#endpoint}#${++this.#dialled}`;
    const [ours, theirs] = memoryStreamPair(this.#world, {
      outbound: { owner: this.#streams, remoteAddress: endpoint, tlsCertHash: this.#tlsCertHash },
      inbound: { owner: there.#streams, remoteAddress: address, tlsCertHash: there.#tlsCertHash },
    });
    this.#world.schedule(() => {
      if (!there.#isClosed) there.#onStream?.(theirs);
    });
    return { ok: true, stream: ours };
  }

  #later(act: () => void): Timer {
    let isCancelled = false;
    this.#world.schedule(() => {
      if (!isCancelled) act();
    });
    return {
      cancel() {
        isCancelled = true;
      },
    };
  }
}

interface End {
  readonly owner: Set<MemoryStream>;
  readonly remoteAddress: string;
  readonly tlsCertHash: Uint8Array | undefined;
}

function memoryStreamPair(world: World, ends: { outbound: End; inbound: End }): [MemoryStream, MemoryStream] {
  const outbound = new MemoryStream(world, "outbound", ends.outbound, ends.inbound.tlsCertHash);
  const inbound = new MemoryStream(world, "inbound", ends.inbound, ends.outbound.tlsCertHash);
  outbound.join(inbound);
  inbound.join(outbound);
  return [outbound, inbound];
}

class MemoryStream implements Stream {
  readonly direction: "outbound" | "inbound";
  readonly remoteAddress: string;
  readonly remoteTlsCertHash: Uint8Array | undefined;
  readonly localTlsCertHash: Uint8Array | undefined;
  readonly #world: World;
  readonly #owner: Set<MemoryStream>;
  #other: MemoryStream | undefined;
  #handlers: StreamHandlers | undefined;
  #inbox: Uint8Array[] = [];
  #inboxBytes = 0;
  /** How the other side has ended, to be seen after the inbox. */
  #remoteEnd: StreamEnd | undefined;
  #end: StreamEnd | undefined;
  #isReading = true;
  #isSendingOver = false;
  #awaitsDrain = false;
  #isScheduled = false;
  #isOver = false;

  constructor(world: World, direction: "outbound" | "inbound", end: End, remoteTlsCertHash: Uint8Array | undefined) {
    this.#world = world;
    this.direction = direction;
    this.remoteAddress = end.remoteAddress;
    this.localTlsCertHash = end.tlsCertHash;
    this.remoteTlsCertHash = remoteTlsCertHash;
    this.#owner = end.owner;
    end.owner.add(this);
  }

  join(other: MemoryStream): void {
    this.#other = other;
  }

  start(handlers: StreamHandlers): void {
    this.#handlers = handlers;
    this.#schedule();
  }

  send(bytes: Uint8Array): boolean {
    if (this.#isSendingOver) return true;
    const hasRoom = this.#other?.receive(bytes.slice()) ?? true;
    if (!hasRoom) this.#awaitsDrain = true;
    return hasRoom;
  }

  setReading(reading: boolean): void {
    this.#isReading = reading;
    if (reading) this.#schedule();
  }

  close(error?: string): void {
    if (this.#end !== undefined) return;
    if (error === undefined) return this.#endSending({ ok: true, detail: "closed by the other side" });
    this.#endSending({ ok: false, detail: error });
    this.#other?.cut({ ok: false, detail: error });
    this.cut({ ok: false, detail: error });
  }

  /** Ends in order, without waiting for the other side. */
  finish(): void {
    this.close();
    this.cut({ ok: true, detail: "the transport was closed" });
  }

  /** Ends as if this process had died. */
  vanish(): void {
    this.#handlers = undefined;
    this.close("connection reset");
  }

  receive(bytes: Uint8Array): boolean {
    if (this.#end !== undefined) return true;
    this.#inbox.push(bytes);
    this.#inboxBytes += bytes.length;
    this.#schedule();
    return this.#inbox.length < this.#world.windowMessages && this.#inboxBytes < this.#world.windowBytes;
  }

  /** The end is here, whatever is unread. */
  cut(end: StreamEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#isSendingOver = true;
    this.#inbox = [];
    this.#owner.delete(this);
    this.#schedule();
  }

  #endSending(end: StreamEnd): void {
    if (this.#isSendingOver) return;
    this.#isSendingOver = true;
    const other = this.#other;
    if (other === undefined) return;
    other.#remoteEnd = end;
    other.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isOver) return;
    this.#isScheduled = true;
    this.#world.schedule(() => {
      this.#isScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const handlers = this.#handlers;
    if (handlers === undefined) return;
    while (this.#isReading && this.#end === undefined) {
      const bytes = this.#inbox.shift();
      if (bytes === undefined) break;
      this.#inboxBytes -= bytes.length;
      if (this.#inbox.length === 0) this.#other?.drained();
      handlers.onMessage(bytes);
    }
    if (this.#inbox.length === 0 && this.#remoteEnd !== undefined && this.#end === undefined) {
      this.#endSending({ ok: true, detail: "closed" });
      this.#end = this.#remoteEnd;
      this.#owner.delete(this);
    }
    if (this.#end === undefined || this.#isOver) return;
    this.#isOver = true;
    handlers.onEnd(this.#end);
  }

  drained(): void {
    if (!this.#awaitsDrain) return;
    this.#awaitsDrain = false;
    this.#world.schedule(() => {
      if (!this.#isOver) this.#handlers?.onDrain();
    });
  }
}
