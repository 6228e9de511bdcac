import type { PkiId } from "@gossip/proto";
import { type Millis, type Random, wake } from "@gossip/runtime";
import { ConnectionTable } from "../../src/connection-table.js";
import { type StreamId, type TableInput, type TableOutput, tableTimes } from "../../src/table-types.js";

export type Side = "left" | "right";

/** What travels on one direction of a stream. Messages are told by their length. */
type Item =
  /** The dial reaches the acceptor, and the acceptor's headers the dialler. */
  | { readonly type: "open" }
  | { readonly type: "conn" }
  | { readonly type: "message"; readonly length: number }
  | { readonly type: "end"; readonly ok: boolean }
  /** Not from the other side: the stream takes more. */
  | { readonly type: "drain" };

/** One end of a stream, with what is on its way to it. */
interface End {
  readonly side: Side;
  readonly stream: StreamId;
  readonly inbox: { readonly item: Item; readonly at: Millis }[];
  /** `unwanted`: the dial was given up before it was open. */
  phase: "opening" | "handshake" | "registered" | "unwanted" | "over";
  hasSentEnd: boolean;
}

interface ModelStream {
  readonly dial: number;
  readonly dialler: End;
  readonly acceptor: End;
}

export interface TablePairOptions {
  readonly random: Random;
  readonly ids: readonly [PkiId, PkiId];
  /** Whether sends name the PKI-ID, or only the endpoint. */
  readonly knowsPkiId: boolean;
}

/** Two connection tables and a model of all that lies between them: dials, handshakes, and streams that deliver when told. */
export class TablePair {
  /** Lengths of messages that came out as `dropped`. */
  readonly dropped: number[] = [];
  readonly #options: TablePairOptions;
  readonly #tables: Readonly<Record<Side, ConnectionTable>>;
  readonly #streams: ModelStream[] = [];
  readonly #sent: Record<Side, number[]> = { left: [], right: [] };
  readonly #received: Record<Side, number[]> = { left: [], right: [] };
  readonly #cut: Record<Side, number[]> = { left: [], right: [] };
  #now: Millis = 0;
  #length = 0;

  constructor(options: TablePairOptions) {
    this.#options = options;
    const table = (self: PkiId) =>
      new ConnectionTable({
        self,
        random: options.random,
        config: {
          ...tableTimes,
          graceMs: 1000,
          maxConnections: 100,
          maxDials: 100,
          sendBufferSize: 1000,
          sendBufferBytes: 1_000_000,
          maxQueuedBytes: 1e9,
          maxMessageBytes: 1_000_000,
        },
      });
    this.#tables = { left: table(options.ids[0]), right: table(options.ids[1]) };
  }

  sent(by: Side): readonly number[] {
    return this.#sent[by];
  }

  received(by: Side): readonly number[] {
    return this.#received[by];
  }

  /** Sent, and on a stream that was cut before they arrived. */
  lostWithAStream(by: Side): readonly number[] {
    return this.#cut[by].filter((length) => !this.#received[other(by)].includes(length));
  }

  send(from: Side): void {
    const to = other(from);
    const length = ++this.#length;
    this.#sent[from].push(length);
    const pkiId = this.#options.knowsPkiId ? this.#idOf(to) : ("" as PkiId);
    this.#step(from, { type: "send", peer: { pkiId, endpoint: to }, bytes: new Uint8Array(length), lane: "control" });
  }

  /** Delivers the next item on one of the directions that have any. */
  deliverOne(pick: number): boolean {
    const ends = this.#endsWithItems();
    const end = ends[pick % Math.max(1, ends.length)];
    if (end === undefined) return false;
    this.#deliver(end);
    return true;
  }

  /** Lets time pass; nothing stays on its way for longer than `deliverBefore`. */
  pass(ms: Millis, { deliverBefore }: { readonly deliverBefore: Millis }): void {
    const until = this.#now + ms;
    for (;;) {
      const overdue = this.#endsWithItems().find(({ inbox }) => (inbox[0]?.at ?? 0) + deliverBefore <= this.#now);
      if (overdue !== undefined) {
        this.#deliver(overdue);
        continue;
      }
      const due = this.#endsWithItems().map(({ inbox }) => (inbox[0]?.at ?? 0) + deliverBefore);
      const next = Math.min(this.#tables.left.deadline, this.#tables.right.deadline, ...due);
      if (next > until) break;
      this.#now = Math.max(this.#now, next);
      this.#wakeDue();
    }
    this.#now = until;
  }

  /** Delivers everything and lets every timer run out. */
  settle(): void {
    for (let round = 0; round < 10_000; round++) {
      if (this.deliverOne(round)) continue;
      const next = Math.min(this.#tables.left.deadline, this.#tables.right.deadline);
      if (next === Number.POSITIVE_INFINITY) return;
      this.#now = next;
      this.#wakeDue();
    }
    throw new Error("expected the tables to come to rest");
  }

  /** Breaks one of the streams, as a network does: both sides see it. */
  cutOne(pick: number): void {
    const live = this.#streams
      .flatMap(({ dialler, acceptor }) => [dialler, acceptor])
      .filter(({ phase }) => phase === "handshake" || phase === "registered");
    const end = live[pick % Math.max(1, live.length)];
    if (end === undefined) return;
    for (const one of [end, this.#farOf(end)]) {
      this.#discard(one);
      one.hasSentEnd = true;
      if (one.phase !== "over") this.#put(one, { type: "end", ok: false });
    }
  }

  /** Streams that are registered on both sides and have not ended on either. */
  openStreams(): number {
    return this.#streams.filter(({ dialler, acceptor }) => {
      const phases = [dialler.phase, acceptor.phase];
      return phases.every((phase) => phase === "registered");
    }).length;
  }

  #idOf(side: Side): PkiId {
    return this.#options.ids[side === "left" ? 0 : 1];
  }

  #endsWithItems(): End[] {
    return this.#streams
      .flatMap(({ dialler, acceptor }) => [dialler, acceptor])
      .filter(({ inbox }) => inbox.length > 0);
  }

  #wakeDue(): void {
    for (const side of ["left", "right"] as const) {
      if (this.#tables[side].deadline <= this.#now) this.#perform(side, this.#tables[side].step(wake, this.#now));
    }
  }

  #step(side: Side, input: TableInput): void {
    this.#perform(side, this.#tables[side].step(input, this.#now));
  }

  #perform(side: Side, outputs: readonly TableOutput[]): void {
    const later: TableInput[] = [];
    for (const output of outputs) {
      switch (output.type) {
        case "dial":
          this.#dial(side, output.dial);
          break;
        case "abandon":
          this.#abandon(output.dial, side);
          break;
        case "write":
          later.push(this.#write(this.#endOf(side, output.stream), output.bytes.length));
          break;
        case "close":
          this.#sendEnd(this.#endOf(side, output.stream), true);
          break;
        case "abort":
          this.#abort(this.#endOf(side, output.stream));
          break;
        case "dropped":
          this.dropped.push(output.bytes);
          break;
        default:
          break;
      }
    }
    for (const input of later) this.#step(side, input);
  }

  #dial(side: Side, dial: number): void {
    const stream = this.#streams.length + 1;
    const end = (of: Side): End => ({ side: of, stream, inbox: [], phase: "opening", hasSentEnd: false });
    const [dialler, acceptor] = [end(side), end(other(side))];
    this.#streams.push({ dial, dialler, acceptor });
    this.#put(acceptor, { type: "open" });
  }

  #abandon(dial: number, side: Side): void {
    const dialler = this.#streams.find((stream) => stream.dial === dial && stream.dialler.side === side)?.dialler;
    if (dialler === undefined) throw new Error(`expected dial ${dial} to be known`);
    if (dialler.phase === "opening") dialler.phase = "unwanted";
    else this.#abort(dialler);
  }

  #write(from: End, length: number): TableInput {
    this.#put(this.#farOf(from), { type: "message", length });
    const more = this.#options.random.below(4) > 0;
    if (!more) this.#put(from, { type: "drain" });
    return { type: "written", stream: from.stream, more };
  }

  #sendEnd(from: End, ok: boolean): void {
    if (from.hasSentEnd || from.phase === "over") return;
    from.hasSentEnd = true;
    this.#put(this.#farOf(from), { type: "end", ok });
  }

  /** At once: what is on the way in either direction is gone. */
  #abort(end: End): void {
    if (end.phase === "over") return;
    const far = this.#farOf(end);
    this.#discard(end);
    this.#discard(far);
    if (far.phase !== "over") this.#put(far, { type: "end", ok: false });
    const wasRegistered = end.phase === "registered";
    end.phase = "over";
    // Told later, as a stream never calls back from inside a call.
    if (wasRegistered) this.#put(end, { type: "end", ok: false });
  }

  #discard(end: End): void {
    for (const { item } of end.inbox.splice(0))
      if (item.type === "message") this.#cut[other(end.side)].push(item.length);
  }

  #put(to: End, item: Item): void {
    to.inbox.push({ item, at: this.#now });
  }

  #deliver(end: End): void {
    const item = end.inbox.shift()?.item;
    if (item === undefined) return;
    const { side, stream } = end;
    const { dial, dialler } = this.#streamOf(stream);
    const isDialler = end === dialler;
    switch (item.type) {
      case "open":
        if (end.phase === "unwanted") {
          end.phase = "handshake";
          return this.#abort(end);
        }
        end.phase = "handshake";
        if (!isDialler) this.#put(this.#farOf(end), { type: "open" });
        this.#put(this.#farOf(end), { type: "conn" });
        if (isDialler) this.#step(side, { type: "establish-sent", dial });
        return;
      case "conn":
        end.phase = "registered";
        return this.#step(
          side,
          isDialler
            ? { type: "dialled", dial, stream, info: this.#info(end) }
            : { type: "accepted", stream, info: this.#info(end) },
        );
      case "message":
        this.#received[side].push(item.length);
        return this.#step(side, { type: "received", stream });
      case "drain":
        if (end.phase !== "over") this.#step(side, { type: "drained", stream });
        return;
      case "end":
        return this.#onEnd(end, item.ok, dial, isDialler);
    }
  }

  #onEnd(end: End, ok: boolean, dial: number, isDialler: boolean): void {
    const { side, stream, phase } = end;
    if (ok) this.#sendEnd(end, true);
    end.phase = "over";
    // "over" before: it was aborted on this side, and this is the word that it has ended.
    if (phase === "registered" || phase === "over")
      this.#step(side, { type: "ended", stream, ok, detail: ok ? "closed" : "reset" });
    else if (isDialler && phase !== "unwanted") this.#step(side, { type: "dial-failed", dial, detail: "stream-ended" });
  }

  #info(end: End) {
    const none = new Uint8Array(0);
    const { dialler } = this.#streamOf(end.stream);
    return {
      pkiId: this.#idOf(other(end.side)),
      identity: none,
      remoteAddress: other(end.side),
      handshake: { payload: none, signature: none },
      direction: end === dialler ? ("outbound" as const) : ("inbound" as const),
      features: [],
    };
  }

  #streamOf(stream: StreamId): ModelStream {
    const found = this.#streams[stream - 1];
    if (found === undefined) throw new Error(`expected stream ${stream} to be known`);
    return found;
  }

  #endOf(side: Side, stream: StreamId): End {
    const { dialler, acceptor } = this.#streamOf(stream);
    return dialler.side === side ? dialler : acceptor;
  }

  #farOf(end: End): End {
    const { dialler, acceptor } = this.#streamOf(end.stream);
    return end === dialler ? acceptor : dialler;
  }
}

function other(side: Side): Side {
  return side === "left" ? "right" : "left";
}
