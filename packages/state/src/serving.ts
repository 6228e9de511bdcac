import type { BlockPayload, PkiId } from "@gossip/proto";
import { assert, BoundedMap } from "@gossip/runtime";
import type { StateConfig } from "./config.js";
import type { StateDropReason, StateInput, StateOutput } from "./state-messages.js";

/** A valid request of a peer; `end` is exclusive. */
interface QueuedRequest {
  readonly from: PkiId;
  readonly nonce: bigint;
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * The responder (page 10 §9): requests wait in a queue that is bounded in all and per requester, the requesters take turns,
 * and one range is read at a time, so that the blocks of at most one response are in memory.
 */
export class Serving {
  readonly #config: StateConfig;
  /** Waiting requests, in the order in which the requesters get their turn. */
  readonly #byPeer: BoundedMap<PkiId, QueuedRequest[]>;
  #waiting = 0;
  #reading: { readonly id: number; readonly request: QueuedRequest } | undefined;
  #lastId = 0;

  constructor(config: StateConfig) {
    this.#config = config;
    this.#byPeer = new BoundedMap({ maxEntries: config.channelSize, whenFull: "refuse" });
  }

  request(input: StateInput & { type: "state-request" }, height: bigint, out: StateOutput[]): void {
    const { from, nonce, start } = input;
    const request: QueuedRequest = { from, nonce, start, end: input.end + 1n };
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      out.push({ type: "dropped", reason: refusal, count: 1, blockNumber: start, from });
      // The reference stays silent, and makes the requester wait for its timeout (page 10 §17, 5).
      if (refusal !== "duplicate-request") respond(request, [], out);
      return;
    }
    if (start >= height) {
      respond(request, [], out);
      return;
    }
    this.#enqueue(request);
    this.#readNext(height, out);
  }

  blocksRead(id: number, payloads: readonly BlockPayload[], height: bigint, out: StateOutput[]): void {
    const reading = this.#reading;
    assert(reading?.id === id, `expected the blocks of read ${reading?.id ?? "none"}, got those of ${id}`);
    this.#reading = undefined;
    respond(reading.request, payloads, out);
    this.#readNext(height, out);
  }

  #refusal(request: QueuedRequest): StateDropReason | undefined {
    const { start, end } = request;
    const { batchSize, maxRequestsPerPeer, channelSize } = this.#config;
    if (start >= end || end - start > BigInt(batchSize) + 1n) return "invalid-range";
    const waiting = this.#byPeer.get(request.from) ?? [];
    if (waiting.some((other) => isSame(other, request))) return "duplicate-request";
    if (this.#reading !== undefined && isSame(this.#reading.request, request)) return "duplicate-request";
    if (waiting.length >= maxRequestsPerPeer) return "over-quota";
    if (this.#waiting >= channelSize) return "queue-full";
    return undefined;
  }

  #enqueue(request: QueuedRequest): void {
    const waiting = this.#byPeer.get(request.from);
    if (waiting === undefined) this.#byPeer.set(request.from, [request]);
    else waiting.push(request);
    this.#waiting++;
  }

  #readNext(height: bigint, out: StateOutput[]): void {
    if (this.#reading !== undefined) return;
    const request = this.#shift();
    if (request === undefined) return;
    const { start } = request;
    const end = request.end < height ? request.end : height;
    this.#reading = { id: ++this.#lastId, request };
    const count = Number(end - start);
    out.push({ type: "read-blocks", id: this.#lastId, start, count, maxBytes: this.#config.maxResponseBytes });
  }

  #shift(): QueuedRequest | undefined {
    for (const [from, waiting] of this.#byPeer) {
      const request = waiting.shift();
      this.#byPeer.delete(from);
      if (waiting.length > 0) this.#byPeer.set(from, waiting);
      this.#waiting--;
      return request;
    }
    return undefined;
  }
}

function respond(request: QueuedRequest, payloads: readonly BlockPayload[], out: StateOutput[]): void {
  out.push({ type: "respond", to: request.from, nonce: request.nonce, payloads });
}

function isSame(one: QueuedRequest, other: QueuedRequest): boolean {
  return one.from === other.from && one.nonce === other.nonce && one.start === other.start && one.end === other.end;
}
