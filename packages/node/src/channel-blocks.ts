import type { BlockPayload, DataMessage, Envelope, PkiId } from "@gossip/proto";
import { readBlock } from "@gossip/proto/fabric";
import { errorText, GossipError, type Logger, type Run, run, unreachable, whenDone } from "@gossip/runtime";
import {
  type Ledger,
  readBlocks,
  type StateDropReason,
  type StateInput,
  type StateOutput,
  type StatePeer,
  StateTransfer,
  type TransferProgress,
} from "@gossip/state";
import type { Channel, JoinOptions } from "./api.js";
import { attempt } from "./attempt.js";
import type { channelMetrics } from "./channel-metrics.js";
import { type CommitOutcome, Commits } from "./commits.js";
import { HeldPushes } from "./held-pushes.js";
import type { ChannelSurroundings } from "./surroundings.js";

export interface ChannelBlocksOptions {
  readonly id: string;
  readonly join: JoinOptions;
  readonly around: ChannelSurroundings;
  readonly metrics: ReturnType<typeof channelMetrics>;
  /** Who may be asked for blocks. */
  peers(): readonly StatePeer[];
  send(to: PkiId, envelope: Envelope, lane: "control" | "bulk"): void;
  onHeight(height: bigint): void;
  /** The ledger has this block, and it is in force. */
  onCommitted(blockNumber: bigint, data: Uint8Array, isTrustChanged: boolean): void;
  onTrustChanged(): void;
}

/** The blocks of one channel: from whoever brings them through the state machine into the ledger, and from there to programs and peers. */
export class ChannelBlocks {
  readonly #options: ChannelBlocksOptions;
  readonly #ledger: Ledger;
  readonly #commits: Commits;
  readonly #held: HeldPushes;
  readonly #state: StateTransfer;
  readonly #run: Run<StateInput>;
  readonly #log: Logger;
  /** Programs waiting for room, for a height, or for the end. */
  #waiting: (() => void)[] = [];
  #closed = false;
  /** Why the ledger was not given the block that it was about to get. */
  #refusal: Extract<CommitOutcome, { type: "refused" }> | undefined;

  constructor(options: ChannelBlocksOptions) {
    const { id, join, around, metrics, peers } = options;
    const { clock, random, config, crypto, onFault } = around;
    this.#options = options;
    this.#ledger = join.ledger;
    this.#log = around.log.child("state");
    this.#commits = new Commits({
      ledger: join.ledger,
      clock,
      onCommitted: join.onCommitted,
      window: BigInt(Math.max(config.state.windowBlocks, 2 * config.state.blockBufferSize)),
      verify: (blockNumber, block) => crypto.verifyBlock(id, blockNumber, block),
      onStored: (tookMs) => metrics.commitSeconds.observe(tookMs / 1000, { channel: id }),
    });
    this.#held = new HeldPushes({
      ledger: join.ledger,
      maxBlocks: 2 * config.state.blockBufferSize,
      emit: around.emit,
    });
    const { height } = join.ledger;
    this.#state = new StateTransfer({
      height,
      peers,
      config: config.state,
      random,
      staticLeader: join.leader ?? false,
    });
    this.#run = run(this.#state, { clock, onFault, perform: (output) => this.#perform(output) });
  }

  // What programs see

  get height(): bigint {
    return this.#state.height;
  }

  get lastBlock(): { readonly number: bigint; readonly hash: Uint8Array } | undefined {
    const { height, lastHash } = this.#ledger;
    return height === 0n ? undefined : { number: height - 1n, hash: lastHash };
  }

  get buffered(): { readonly blocks: number; readonly bytes: number } {
    return this.#state.buffered;
  }

  /** How fast this peer is catching up; `undefined` while it is not. */
  get progress(): TransferProgress | undefined {
    return this.#state.progress(this.#options.around.clock.now());
  }

  get health(): Channel["health"] {
    const stall = this.#state.stall;
    return stall === undefined
      ? { ok: true }
      : { ok: false, detail: `block ${stall.blockNumber} cannot be committed: ${stall.detail}` };
  }

  async publish(blockNumber: bigint, block: Uint8Array): Promise<void> {
    while (!this.#state.room) await this.#change();
    if (this.#closed) throw this.#closedError();
    this.#run.push({ type: "block", blockNumber, data: block, source: "deliver" });
    const { id, join, around } = this.#options;
    if (join.blockGossip ?? true) {
      around.emit(around.exit.block(id, { blockNumber, data: block, privateData: [] }));
    }
    while (!this.#state.room) await this.#change();
  }

  /** A block that came another way: judged as one that is pushed, and given to nobody else. */
  async add(data: Uint8Array): Promise<boolean> {
    const { id, around } = this.#options;
    const read = readBlock(data);
    if (!read.ok) throw new GossipError("malformed", `expected a block, got ${data.length} bytes: ${read.detail}`);
    const blockNumber = read.value.header.number;
    const verify = () => around.crypto.verifyBlock(id, blockNumber, read.value);
    let verdict = await verify();
    const inForce = verdict.ok ? undefined : this.inForceBelow(blockNumber);
    if (inForce !== undefined) {
      await inForce;
      verdict = await verify();
    }
    if (!verdict.ok) {
      throw new GossipError(
        "untrusted",
        `expected a good block ${blockNumber} of ${id}, got ${verdict.reason}: ${verdict.detail}`,
      );
    }
    if (!(await this.#hasPlace(blockNumber))) return false;
    this.#run.push({ type: "block", blockNumber, data, source: "deliver" });
    return true;
  }

  /** Whether the block is news, once there is a place for it. Waits for commits, but not for blocks that may never come. */
  async #hasPlace(blockNumber: bigint): Promise<boolean> {
    for (;;) {
      if (this.#closed) throw this.#closedError();
      const refusal = this.#state.refusal(blockNumber);
      if (refusal === undefined) return true;
      if (refusal === "stale" || refusal === "duplicate") return false;
      if (this.#state.isCommitting) {
        await this.#change();
        continue;
      }
      const { health } = this;
      if (!health.ok) throw new GossipError("unavailable", `expected commits to work, got: ${health.detail}`);
      const expected = `expected a block of ${this.#options.id} near height ${this.height}, which comes next`;
      throw new GossipError("invalid-argument", `${expected}, got ${blockNumber}`);
    }
  }

  async block(blockNumber: bigint): Promise<Uint8Array | undefined> {
    return this.#ledger.read(blockNumber);
  }

  async *blocks(options: { readonly from?: bigint; readonly signal?: AbortSignal } = {}) {
    const { signal } = options;
    const onAbort = () => this.#notify();
    signal?.addEventListener("abort", onAbort);
    try {
      for (let number = options.from ?? this.height; !this.#closed && signal?.aborted !== true; ) {
        if (number >= this.height) {
          await this.#change().catch(() => {});
          continue;
        }
        const bytes = await this.#ledger.read(number);
        if (bytes === undefined) {
          throw new GossipError("not-found", `expected block ${number} of ${this.#options.id} in the ledger, got none`);
        }
        yield { number, bytes };
        number++;
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  // What the channel hands in

  refusal(blockNumber: bigint): StateDropReason | undefined {
    return this.#state.refusal(blockNumber);
  }

  /**
   * Resolves when the blocks below this one that are on their way into the ledger are in force, or one of them is stuck;
   * `undefined` when none is on its way.
   */
  inForceBelow(blockNumber: bigint): Promise<void> | undefined {
    const isOnItsWay = () => !this.#closed && this.#state.isCommitting && this.#state.height < blockNumber;
    if (!isOnItsWay()) return undefined;
    const wait = async () => {
      while (isOnItsWay()) await this.#change().catch(() => {});
    };
    return wait();
  }

  wantsResponse(from: PkiId, nonce: bigint): boolean {
    return this.#state.wantsResponse(from, nonce);
  }

  /** A pushed block that is verified: taken when it is news, and then pushed on, once its link holds. The machine notes what is not, too. */
  onPushed(message: DataMessage, envelope: Envelope, from: PkiId): void {
    const { id } = this.#options;
    const { blockNumber, data } = message.payload;
    if (this.#state.wants(blockNumber)) {
      this.#held.take(blockNumber, data, { key: undefined, message, envelope, channel: id, except: from });
    }
    this.#run.push({ type: "block", blockNumber, data, source: "push", from });
  }

  /** A block that we asked for by pull, and verified. It is not pushed on: whoever lacks it asks. */
  onPulled({ blockNumber, data }: BlockPayload, from: PkiId): void {
    this.#run.push({ type: "block", blockNumber, data, source: "push", from });
  }

  push(input: Extract<StateInput, { readonly type: "state-request" | "state-response" | "peers-changed" }>): void {
    this.#run.push(input);
  }

  close(): void {
    this.#closed = true;
    this.#commits.close();
    this.#run.close();
    this.#notify();
  }

  // Effects

  #perform(output: StateOutput): void {
    const { id, around, metrics, send } = this.#options;
    const { exit, drops } = around;
    switch (output.type) {
      case "commit":
        return this.#commit(output.blockNumber, output.data);
      case "height":
        metrics.height.set(Number(output.height), { channel: id });
        this.#options.onHeight(output.height);
        return this.#notify();
      case "request":
        return send(output.to, exit.stateRequest(id, output.nonce, output.start, output.end), "control");
      case "read-blocks":
        whenDone(readBlocks(this.#ledger, output), ({ payloads, failure }) => {
          if (failure !== undefined)
            this.#log.error("cannot read blocks to serve", { channel: id, reason: errorText(failure) });
          this.#run.push({ type: "blocks-read", id: output.id, payloads });
        });
        return;
      case "respond":
        return send(output.to, exit.stateResponse(id, output.nonce, output.payloads), "bulk");
      case "buffered":
        return metrics.buffered.set(output.blocks, { channel: id });
      case "room":
        return this.#notify();
      case "stalled":
        this.#notify();
        return this.#log.error("commits fail", {
          channel: id,
          blockNumber: output.blockNumber,
          reason: output.detail,
        });
      case "recovered":
        return this.#log.info("commits work again", { channel: id, blockNumber: output.blockNumber });
      case "attempt-failed":
        return this.#log.debug("a peer did not serve blocks", {
          channel: id,
          peer: output.to,
          reason: output.reason,
        });
      case "forged":
        return around.onBlockRefused(
          output.from,
          "bad-block-signature",
          `block ${output.blockNumber} of ${id} in an answer, by the same trust as in force`,
        );
      case "transfer-failed":
        return this.#log.warn("nobody serves blocks that we lack", { channel: id, start: output.start });
      case "straggler":
        return this.#log.warn("too far behind for pushes, and state transfer is off: set peer.gossip.state.enabled", {
          channel: id,
          height: output.height,
          pushed: output.blockNumber,
        });
      case "dropped":
        if (output.reason === "refused-by-ledger") this.#onRefused(output);
        return drops.count("state", output.reason, output.count);
      default:
        return unreachable(output);
    }
  }

  #commit(blockNumber: bigint, data: Uint8Array): void {
    whenDone(
      attempt(() => this.#commits.commit(blockNumber, data)),
      (attempted) => {
        // Only the plugs of trust can fail here, and they must not.
        if (!attempted.ok) return this.#options.around.onFault(attempted.error);
        const outcome = attempted.value;
        if (outcome.type === "committed") {
          this.#held.committed(blockNumber);
          if (outcome.isTrustChanged) this.#options.onTrustChanged();
          this.#run.push({ type: "committed", blockNumber, isTrustChanged: outcome.isTrustChanged });
          return this.#options.onCommitted(blockNumber, data, outcome.isTrustChanged);
        }
        const cause = outcome.type === "refused" ? "refused" : "storage";
        this.#refusal = outcome.type === "refused" ? outcome : undefined;
        this.#run.push({ type: "commit-failed", blockNumber, cause, detail: outcome.detail });
      },
    );
  }

  #onRefused({ from, blockNumber, detail = "" }: Extract<StateOutput, { type: "dropped" }>): void {
    const { around, join } = this.#options;
    around.onBlockRefused(from, this.#refusal?.reason ?? "broken-chain", detail);
    this.#refusal = undefined;
    this.#notify();
    if (blockNumber !== undefined) join.onRefused?.(blockNumber);
  }

  /** Resolves at the next change of height, room, luck or life. */
  #change(): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closedError());
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => (this.#closed ? reject(this.#closedError()) : resolve()));
    });
  }

  #notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  #closedError(): GossipError {
    return new GossipError("closed", `expected channel ${this.#options.id} to be open, got one that was closed`);
  }
}
