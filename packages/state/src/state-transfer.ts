/**
 * State transfer of one channel (protocol page 10): everything between "a verified block reached this peer" and "the height
 * that we publish went up", and the anti-entropy by which peers give each other what pushes did not bring.
 *
 * Roles and messages. Every peer is three things at once.
 * - Committer: `block` inputs (pushed, or from the ordering service) and the payloads of responses wait in the payload buffer;
 *   the one at the height leaves as `commit`, one at a time, and is let go at `committed`.
 * - Requester (`catch-up.ts`): finds out that blocks are missing, asks several peers for one range each or more (`request`, on the
 *   wire a RemoteStateRequest), takes what comes back as `state-response`, and goes on with the next range at once. Which ranges:
 *   `range-plan.ts`; how many at a time, and how long one is waited for: `pace.ts`; what may be forged: `doubts.ts`.
 * - Responder (`serving.ts`): queues a `state-request`, has the range read (`read-blocks`, `blocks-read`), answers (`respond`).
 *
 * States and legal transitions.
 *
 *     commit     idle -> committing -> idle                 a block at the height is there; committed
 *                committing -> stalled -> committing        the storage failed; the wait is over
 *                committing -> idle                         the ledger refused the block, which is dropped
 *     requester  idle -> grace                              news of a greater height, or a gap below a held block
 *                grace -> grace                             pushes are filling the gap
 *                idle -> asking                             more is missing than pushes can bring; or the check found it
 *                grace -> idle | asking                     nobody has more than we hold; somebody has
 *                asking -> asking                           more requests, as answers, rests that are over, or commits allow
 *                asking -> idle                             nobody has more than we hold; or the attempts at the lowest range are used up
 *     responder  idle -> reading -> idle | reading          a request; blocks-read
 *
 * Timers: `check` every `checkIntervalMs` looks for a gap whatever the news; `grace` bounds the state of this name; `answer` is
 * when the first of the requests is given up; `rest` is when the first peer may be asked again; `commit-retry` ends a stall.
 *
 * Invariants.
 * 1. Blocks are committed in order, each number once, and the height moves only with `committed`.
 * 2. Held blocks lie in `[height, height + windowBlocks)`, those of pushes and the ordering service nearer, and fewer than
 *    `blockBufferBytes` and one block are held.
 * 3. A block that was handed over to the ledger stays held until it is stored or refused for good.
 * 4. At most one commit and one ledger read are under way, and `maxRequests` requests, for disjoint ranges of at most
 *    `batchSize` + 1 blocks.
 * 5. A response is taken only from a peer that was asked, with that nonce, and only blocks of the range it was asked for.
 * 6. Every request gets one response, if only an empty one; a repetition of a waiting request counts as the same request.
 *
 * Deviations from the reference (numbers of page 10 §17), none of which shows on the wire.
 * - 1: the cursor advances by commit, not by taking out of the buffer. 3: invariant 5. 8: `room` instead of polling.
 * - 2: the range follows from the height of the chosen peer, and peers that fail rest, so an inflated height delays honest catch-up by
 *   one unanswered request and does not end it.
 * - 4: ranges are half-open inside and inclusive at the inputs and outputs, which mirror the wire.
 * - 5, 11: invalid and excess requests get an empty response; requesters have a quota and take turns.
 * - 6: peers that answer empty, late or wrongly rest for longer and longer. 12: responses are bounded in bytes.
 * - 7: news starts a transfer; the reference polls. Several ranges at a time are asked for, of several peers. 13: what may stand
 *   behind a config block is asked for again when that is in force, and charged to nobody before it can be told.
 * - 14: a failing ledger stalls this channel, visibly, and is tried again. 16: stale blocks are routine, straggler reports rare.
 * - A late answer to an earlier attempt is welcome, even after the range was given up; the reference counts it as a failure.
 */
import type { PkiId } from "@gossip/proto";
import { assert, type Machine, type Millis, type Random, Timers, unreachable, type Wake } from "@gossip/runtime";
import { CatchUp, type StateTimer } from "./catch-up.js";
import { resolveStateConfig, type StateConfig } from "./config.js";
import { type BufferedBlock, PayloadBuffer } from "./payload-buffer.js";
import { backoff, PeerRecord } from "./peer-record.js";
import { Speed, type TransferProgress } from "./progress.js";
import { Serving } from "./serving.js";
import type { StateDropReason, StateInput, StateOutput, StatePeer } from "./state-messages.js";

/** What the shell hands to the state transfer of one channel; the ledger itself stays outside. */
export interface StateTransferOptions {
  /** Height of the ledger; what is below it is never asked for nor committed. */
  readonly height: bigint;
  /** Alive members of the channel with a valid state info, self excluded, of any of its organizations. Called within `step` only. */
  readonly peers: () => readonly StatePeer[];
  /** @default stateDefaults */
  readonly config?: Partial<StateConfig>;
  readonly random: Random;
  /**
   * The ordering service feeds this peer itself, so that it is never reported as a `straggler`.
   * @default false
   */
  readonly staticLeader?: boolean;
}

/**
 * The machine of one channel.
 *
 * @example
 * const state = new StateTransfer({ height: 1n, peers: () => [], random: systemRandom });
 * state.step({ type: "block", blockNumber: 1n, data, source: "deliver" }, now); // commit
 */
export class StateTransfer implements Machine<StateInput, StateOutput> {
  readonly #config: StateConfig;
  readonly #staticLeader: boolean;
  readonly #buffer: PayloadBuffer;
  readonly #record: PeerRecord;
  readonly #timers = new Timers<StateTimer>();
  readonly #catchUp: CatchUp;
  readonly #serving: Serving;
  readonly #peers: () => readonly StatePeer[];
  readonly #speed = new Speed();
  /** How far above the height blocks that were asked for may lie. */
  readonly #window: number;
  #started = false;
  #committing: bigint | undefined;
  #stall: { readonly blockNumber: bigint; readonly detail: string; readonly failures: number } | undefined;
  #nextStragglerReport: Millis = Number.NEGATIVE_INFINITY;

  /** @throws GossipError `invalid-config` */
  constructor(options: StateTransferOptions) {
    const config = resolveStateConfig(options.config);
    this.#config = config;
    this.#staticLeader = options.staticLeader ?? false;
    this.#peers = options.peers;
    const roomBlocks = 2 * config.blockBufferSize;
    this.#window = Math.max(config.windowBlocks, roomBlocks);
    this.#buffer = new PayloadBuffer({
      height: options.height,
      maxBlocks: this.#window,
      roomBlocks,
      maxBytes: config.blockBufferBytes,
    });
    this.#record = new PeerRecord({ backoffMs: config.peerBackoffMs, maxBackoffMs: config.maxPeerBackoffMs });
    this.#catchUp = new CatchUp({
      config,
      buffer: this.#buffer,
      record: this.#record,
      timers: this.#timers,
      peers: options.peers,
      random: options.random,
    });
    this.#serving = new Serving(config);
  }

  get deadline(): Millis {
    // The first step is due at once: it reports the height and sets the timers.
    return this.#started ? this.#timers.deadline : 0;
  }

  step(input: StateInput | Wake, now: Millis): readonly StateOutput[] {
    if (input.type === "wake" && now < this.deadline) return [];
    const out: StateOutput[] = [];
    const { blocks, bytes, room } = this.#buffer;
    if (!this.#started) this.#start(now, out);
    const wasAsking = this.#catchUp.isAsking;
    this.#dispatch(input, now, out);
    this.#commitNext(out);
    this.#catchUp.proceed(now, out);
    if (!wasAsking && this.#catchUp.isAsking) this.#speed.start(now);
    if (this.#buffer.blocks !== blocks || this.#buffer.bytes !== bytes)
      out.push({ type: "buffered", ...this.buffered });
    if (!room && this.#buffer.room) out.push({ type: "room" });
    return out;
  }

  #dispatch(input: StateInput | Wake, now: Millis, out: StateOutput[]): void {
    switch (input.type) {
      case "block":
        this.#onBlock(input, now, out);
        break;
      case "committed":
        this.#onCommitted(input, now, out);
        break;
      case "commit-failed":
        this.#onCommitFailed(input, now, out);
        break;
      case "state-request":
        this.#serving.request(input, this.height, out);
        break;
      case "blocks-read":
        this.#serving.blocksRead(input.id, input.payloads, this.height, out);
        break;
      case "state-response":
        this.#onStateResponse(input, now, out);
        break;
      case "peers-changed":
        this.#catchUp.peersChanged(now, out);
        break;
      case "wake":
        this.#onWake(now, out);
        break;
      default:
        unreachable(input);
    }
  }

  /** Number of committed blocks. */
  get height(): bigint {
    return this.#buffer.height;
  }

  /** What waits for its commit; the block being committed counts. */
  get buffered(): { readonly blocks: number; readonly bytes: number } {
    return { blocks: this.#buffer.blocks, bytes: this.#buffer.bytes };
  }

  /** Whether the ordering service may hand over another block. */
  get room(): boolean {
    return this.#buffer.room;
  }

  /** How the transfer goes; `undefined` while nothing is asked for. */
  progress(now: Millis): TransferProgress | undefined {
    if (!this.#catchUp.isAsking) return undefined;
    const { height } = this;
    let target = this.#buffer.firstMissing;
    for (const peer of this.#peers()) {
      if (peer.height > target && this.#record.failuresOf(peer.pkiId) === 0) target = peer.height;
    }
    const speed = this.#speed.at(now);
    const secondsLeft = speed.blocksPerSecond === 0 ? undefined : Number(target - height) / speed.blocksPerSecond;
    return { height, target, ...speed, secondsLeft, requests: this.#catchUp.requests };
  }

  /** Whether a block is with the ledger now. */
  get isCommitting(): boolean {
    return this.#committing !== undefined;
  }

  /** Why commits fail, while they do. */
  get stall(): { readonly blockNumber: bigint; readonly detail: string } | undefined {
    return this.#stall;
  }

  /** Whether a pushed block with this number would be taken: the cheap test before its signature is checked. */
  wants(blockNumber: bigint): boolean {
    return this.refusal(blockNumber) === undefined;
  }

  /** Why a pushed block with this number would be dropped; `undefined` when it is wanted. */
  refusal(blockNumber: bigint): StateDropReason | undefined {
    return this.#buffer.refusal(blockNumber, this.#config.blockBufferSize);
  }

  /** Whether this peer owes us an answer with this nonce: the cheap test before the blocks of a response are verified. */
  wantsResponse(from: PkiId, nonce: bigint): boolean {
    return this.#catchUp.expects(from, nonce);
  }

  #start(now: Millis, out: StateOutput[]): void {
    this.#started = true;
    // Published and gauged from the start, not only after the first commit (page 10 §17, 17).
    out.push({ type: "height", height: this.height });
    this.#catchUp.start(now);
  }

  #onWake(now: Millis, out: StateOutput[]): void {
    for (const name of this.#timers.expire(now)) {
      // The stall ends here; `step` commits again what is at the height.
      if (name !== "commit-retry") this.#catchUp.expired(name, now, out);
    }
  }

  #onBlock(input: StateInput & { type: "block" }, now: Millis, out: StateOutput[]): void {
    const { blockNumber, data, source, from } = input;
    if (source === "push") {
      this.#reportStraggling(blockNumber, now, out);
    }
    const origin = { source, ...(from === undefined ? {} : { from }) };
    const { blockBufferSize } = this.#config;
    const refusal = this.#buffer.refusal(blockNumber, source === "push" ? blockBufferSize : 2 * blockBufferSize);
    if (refusal === undefined) this.#take({ blockNumber, data, ...origin }, out);
    else out.push({ type: "dropped", reason: refusal, count: 1, blockNumber, ...origin });
    if (refusal === "beyond-window" || this.#buffer.hasGap) this.#catchUp.news(now);
  }

  #onStateResponse(input: StateInput & { type: "state-response" }, now: Millis, out: StateOutput[]): void {
    this.#catchUp.response(input, now, out, (payload) => {
      const { blockNumber, data } = payload;
      const refusal = this.#buffer.refusal(blockNumber, this.#window);
      // Private data of a payload is not authenticated, so it must never decide about the block (page 10 §16, S33).
      if (refusal === undefined) this.#take({ blockNumber, data, source: "transfer", from: input.from }, out);
      return refusal;
    });
  }

  #take(block: BufferedBlock, out: StateOutput[]): void {
    this.#catchUp.tookBlock(block.data.length);
    for (const { blockNumber, source, from } of this.#buffer.add(block)) {
      this.#catchUp.lostBlock(blockNumber);
      out.push({
        type: "dropped",
        reason: "evicted",
        count: 1,
        blockNumber,
        source,
        ...(from === undefined ? {} : { from }),
      });
    }
  }

  #commitNext(out: StateOutput[]): void {
    if (this.#committing !== undefined || this.#timers.at("commit-retry") !== undefined) return;
    const block = this.#buffer.get(this.height);
    if (block === undefined) return;
    this.#committing = block.blockNumber;
    out.push({ type: "commit", blockNumber: block.blockNumber, data: block.data });
  }

  #onCommitted(input: StateInput & { type: "committed" }, now: Millis, out: StateOutput[]): void {
    const { blockNumber, isTrustChanged = false } = input;
    this.#endCommit(blockNumber);
    this.#speed.committed(this.#buffer.get(blockNumber)?.data.length ?? 0, now);
    this.#buffer.advance();
    this.#catchUp.committed(this.height, isTrustChanged, now, out);
    out.push({ type: "height", height: this.height });
    this.#endStall(blockNumber, out);
  }

  #onCommitFailed(input: StateInput & { type: "commit-failed" }, now: Millis, out: StateOutput[]): void {
    const { blockNumber, detail } = input;
    this.#endCommit(blockNumber);
    if (input.cause === "refused") {
      this.#onRefusedByLedger(blockNumber, detail, now, out);
      this.#endStall(blockNumber, out);
      return;
    }
    const failures = (this.#stall?.failures ?? 0) + 1;
    this.#stall = { blockNumber, detail, failures };
    const retryAt = now + backoff(this.#config.commitRetryMs, this.#config.maxCommitRetryMs, failures);
    this.#timers.set("commit-retry", retryAt);
    out.push({ type: "stalled", blockNumber, detail, retryAt });
  }

  /** Kept, it would be refused for ever, and as a duplicate keep away every better copy. */
  #onRefusedByLedger(blockNumber: bigint, detail: string, now: Millis, out: StateOutput[]): void {
    const block = this.#buffer.get(blockNumber);
    assert(block !== undefined, `expected block ${blockNumber} to be held while it was committed`);
    const { source, from } = block;
    this.#buffer.remove(blockNumber);
    this.#catchUp.lostBlock(blockNumber);
    if (from !== undefined) this.#record.failed(from, now);
    const origin = { source, ...(from === undefined ? {} : { from }) };
    out.push({ type: "dropped", reason: "refused-by-ledger", count: 1, blockNumber, ...origin, detail });
    this.#catchUp.news(now);
  }

  #endCommit(blockNumber: bigint): void {
    assert(
      this.#committing === blockNumber,
      `expected the outcome of the commit of block ${this.#committing ?? "none"}, got ${blockNumber}`,
    );
    this.#committing = undefined;
  }

  #endStall(blockNumber: bigint, out: StateOutput[]): void {
    if (this.#stall === undefined) return;
    this.#stall = undefined;
    out.push({ type: "recovered", blockNumber });
  }

  #reportStraggling(blockNumber: bigint, now: Millis, out: StateOutput[]): void {
    const { enabled, checkIntervalMs } = this.#config;
    if (enabled || this.#staticLeader || blockNumber <= this.height + stragglerDistance) return;
    if (now < this.#nextStragglerReport) return;
    this.#nextStragglerReport = now + checkIntervalMs;
    out.push({ type: "straggler", height: this.height, blockNumber });
  }
}

/** How far above our height a block must lie to call us a straggler (page 10 §6). */
const stragglerDistance = 100n;
