import {
  type BroadcastResponse,
  encodeBroadcastResponse,
  encodeDeliverResponse,
  type Payload,
  readPayload,
  readSeekInfo,
  readSignedEnvelope,
  type SeekInfo,
} from "@gossip/proto/fabric";
import type { Clock } from "@gossip/runtime";
import type { ConnectOrderer, OrdererConnectionHandlers, OrdererMethod } from "../orderer-connection.js";

/** A request for blocks as a fake orderer received it. */
export interface FakeRequest {
  readonly envelope: { readonly payload: Uint8Array; readonly signature: Uint8Array };
  readonly payload: Payload;
  readonly seek: SeekInfo;
}

/**
 * An orderer in memory, on any clock: it serves the blocks it was given and answers transactions. Nothing is checked; it
 * does what a test tells it, also what no orderer should.
 */
export class FakeOrderer {
  readonly address: string;
  /** What it answers to a transaction; `undefined` keeps silent. */
  answer: (transaction: Uint8Array) => BroadcastResponse | undefined = () => ({ status: 200, info: "" });
  /** `refused` fails each dial, `silent` never answers one. */
  mode: "up" | "refused" | "silent" = "up";
  readonly requests: FakeRequest[] = [];
  /** Everything received on Broadcast streams, in order. */
  readonly transactions: Uint8Array[] = [];
  /** How often it was dialled. */
  dials = 0;
  readonly #clock: Clock;
  readonly #blocks: Uint8Array[] = [];
  readonly #streams = new Set<FakeStream>();

  constructor(address: string, clock: Clock) {
    this.address = address;
    this.#clock = clock;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#streams.size;
  }

  /** Serves one more block, also to those who wait for it. Its place in the list is its number, whatever it says. */
  append(...blocks: readonly Uint8Array[]): void {
    this.#blocks.push(...blocks);
    for (const stream of this.#streams) stream.serve();
  }

  /** Serves another block under this number. */
  replace(blockNumber: bigint, block: Uint8Array): void {
    this.#blocks[Number(blockNumber)] = block;
  }

  /** Ends all streams, as a crash does. */
  cut(detail = "connection lost"): void {
    for (const stream of [...this.#streams]) stream.end(detail);
  }

  /** Sends these bytes on every Deliver stream, as the response that is read next. */
  send(response: Uint8Array): void {
    for (const stream of this.#streams) stream.push(response);
  }

  /** Sends a status on every Deliver stream. */
  sendStatus(status: number): void {
    this.send(encodeDeliverResponse({ type: "status", status }));
  }

  /** @internal See `connectFakes`. */
  accept(method: OrdererMethod, handlers: OrdererConnectionHandlers) {
    const stream = new FakeStream(this, method, handlers, this.#clock, this.#blocks);
    this.dials++;
    this.#streams.add(stream);
    const opening = this.#clock.schedule(this.#clock.now(), () => {
      if (this.mode === "refused") stream.end("connection refused");
      else if (this.mode === "up") handlers.onOpen();
    });
    return {
      send: (bytes: Uint8Array) => stream.receive(bytes),
      read: () => stream.read(),
      close: () => {
        opening.cancel();
        stream.close();
      },
    };
  }

  /** @internal */
  forget(stream: FakeStream): void {
    this.#streams.delete(stream);
  }
}

/** How `createDeliver` and `createBroadcaster` reach fakes instead of real orderers: their option `connect`. */
export function connectFakes(...orderers: readonly FakeOrderer[]): ConnectOrderer {
  return (endpoint, method, _options, handlers) => {
    const orderer = orderers.find(({ address }) => address === endpoint.address);
    if (orderer === undefined) throw new Error(`expected a fake orderer at ${endpoint.address}, got none`);
    return orderer.accept(method, handlers);
  };
}

class FakeStream {
  readonly #orderer: FakeOrderer;
  readonly #method: OrdererMethod;
  readonly #handlers: OrdererConnectionHandlers;
  readonly #clock: Clock;
  readonly #blocks: readonly Uint8Array[];
  readonly #waiting: Uint8Array[] = [];
  #next: number | undefined;
  #isReading = false;
  #isOpen = true;

  constructor(
    orderer: FakeOrderer,
    method: OrdererMethod,
    handlers: OrdererConnectionHandlers,
    clock: Clock,
    blocks: readonly Uint8Array[],
  ) {
    this.#orderer = orderer;
    this.#method = method;
    this.#handlers = handlers;
    this.#clock = clock;
    this.#blocks = blocks;
  }

  receive(bytes: Uint8Array): void {
    if (!this.#isOpen) return;
    if (this.#method === "Broadcast") {
      this.#orderer.transactions.push(bytes);
      const response = this.#orderer.answer(bytes);
      if (response !== undefined) this.push(encodeBroadcastResponse(response));
      return;
    }
    const request = decodeRequest(bytes);
    this.#orderer.requests.push(request);
    const { start } = request.seek;
    this.#next = start.type === "specified" ? Number(start.number) : 0;
    this.serve();
  }

  serve(): void {
    if (this.#waiting.length > 0 || this.#next === undefined) return;
    const block = this.#blocks[this.#next];
    if (block === undefined) return;
    this.#next++;
    this.push(encodeDeliverResponse({ type: "block", block }));
  }

  push(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#deliver();
  }

  read(): void {
    this.#isReading = true;
    this.#deliver();
  }

  end(detail: string): void {
    if (!this.#isOpen) return;
    this.close();
    this.#clock.schedule(this.#clock.now(), () => this.#handlers.onEnd(detail));
  }

  close(): void {
    this.#isOpen = false;
    this.#orderer.forget(this);
  }

  #deliver(): void {
    if (!this.#isReading || this.#waiting.length === 0) return;
    this.#isReading = false;
    this.#clock.schedule(this.#clock.now(), () => {
      const bytes = this.#waiting.shift();
      if (!this.#isOpen || bytes === undefined) return;
      this.#handlers.onMessage(bytes);
      this.serve();
    });
  }
}

function decodeRequest(bytes: Uint8Array): FakeRequest {
  const envelope = readSignedEnvelope(bytes);
  if (!envelope.ok) throw new Error(`request does not decode: ${envelope.detail}`);
  const payload = readPayload(envelope.value.payload);
  if (!payload.ok) throw new Error(`payload of a request does not decode: ${payload.detail}`);
  const seek = readSeekInfo(payload.value.data);
  if (!seek.ok) throw new Error(`seek info does not decode: ${seek.detail}`);
  return { envelope: envelope.value, payload: payload.value, seek: seek.value };
}
