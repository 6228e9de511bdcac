import type { BlockPayload, Envelope, PkiId } from "@gossip/proto";
import { Pull, type PullInput, type PullOutput, type PullPeer } from "@gossip/pull";
import { type Run, run, type Timer, unreachable, whenDone } from "@gossip/runtime";
import { type Ledger, readBlocks } from "@gossip/state";
import { atHand } from "./at-hand.js";
import { BlockWindow } from "./block-window.js";
import type { ChannelSurroundings } from "./surroundings.js";

/** A member of the channel and of our organization. */
export interface BlockPullMember {
  readonly pkiId: PkiId;
  readonly endpoint: string;
  /** Number of blocks it says to have. */
  readonly height: bigint;
}

export interface BlockPullOptions {
  readonly id: string;
  readonly around: ChannelSurroundings;
  readonly ledger: Ledger;
  /** Whether others are offered blocks (`peer.deliveryclient.blockGossipEnabled`). */
  readonly isOffering: boolean;
  /** Alive members of our organization that told of themselves here and did not leave; self excluded. */
  members(): readonly BlockPullMember[];
  /** Whether a block with this number would be taken. */
  isWanted(blockNumber: bigint): boolean;
  /** Verified blocks that were asked for, lowest first. */
  onBlocks(blocks: readonly BlockPayload[], from: PkiId): void;
  send(to: PkiId, envelope: Envelope, lane: "control" | "bulk"): void;
}

/** In pull intervals, as in the reference (protocol page 05 §2). */
const ttlInIntervals = 100;

/**
 * The blocks of one channel by pull (protocol page 05 §9): the machine, what it offers, and whom it asks.
 *
 * State transfer brings what is missing as soon as a member tells a greater height. Where it is switched off, as stock
 * peers have it, such news starts a round here instead, unless pushes bring the block in the meantime.
 */
export class BlockPull {
  readonly #options: BlockPullOptions;
  readonly #window: BlockWindow;
  readonly #pull: Pull<BlockPayload>;
  readonly #run: Run<PullInput<BlockPayload>>;
  #grace: Timer | undefined;
  #expiry: Timer | undefined;
  #isClosed = false;

  constructor(options: BlockPullOptions) {
    const { around } = options;
    const { clock, config, random, onFault } = around;
    this.#options = options;
    this.#window = new BlockWindow({
      maxBlockCountToStore: config.maxBlockCountToStore,
      maxBytes: config.maxBlockWindowBytes,
      ttlMs: ttlInIntervals * config.pullIntervalMs,
      clock,
      isWanted: (blockNumber) => options.isWanted(blockNumber),
    });
    this.#pull = new Pull({ items: this.#window, peers: () => this.#peers(), config, random });
    this.#run = run(this.#pull, { clock, onFault, perform: (output) => this.#perform(output) });
  }

  /** Offers what an earlier life has left in the ledger: a stock peer begins with nothing. */
  start(): void {
    const { ledger, around, id, isOffering } = this.#options;
    if (!isOffering) return;
    const { maxBlockCountToStore, maxBlockWindowBytes } = around.config;
    const count = Math.min(maxBlockCountToStore + 1, Number(ledger.height));
    const range = { start: ledger.height - BigInt(count), count, maxBytes: maxBlockWindowBytes };
    whenDone(readBlocks(ledger, range), ({ payloads, failure }) => {
      if (failure !== undefined && !this.#isClosed)
        around.log.child("channel").warn("cannot read blocks to offer", { channel: id });
      for (const { blockNumber, data } of payloads) this.#offer(blockNumber, data);
    });
  }

  /** Whether an update from this peer under this nonce is waited for. */
  wantsUpdate(from: PkiId, nonce: bigint): boolean {
    return this.#pull.wantsUpdate(from, nonce);
  }

  /** Whether this block was requested of this peer under this nonce, and has not come. */
  wantsItem(from: PkiId, nonce: bigint, digest: Uint8Array): boolean {
    return this.#pull.wantsItem(from, nonce, digest);
  }

  /** What the gate let through. */
  push(input: PullInput<BlockPayload>): void {
    this.#run.push(input);
  }

  /** The ledger has this block, from whoever it came. */
  committed(blockNumber: bigint, data: Uint8Array, isTrustChanged: boolean): void {
    this.#offer(blockNumber, data);
    // What came before it and could not be judged then is to be had from whoever offered it.
    if (isTrustChanged) this.#onNews(0);
  }

  /** A member of the channel came, or grew. */
  peersChanged(): void {
    this.#onNews(this.#options.around.config.state.pushGraceMs);
  }

  close(): void {
    this.#isClosed = true;
    this.#run.close();
    this.#grace?.cancel();
    this.#expiry?.cancel();
  }

  #onNews(afterMs: number): void {
    const { clock, config } = this.#options.around;
    if (config.state.enabled || this.#isClosed || this.#grace !== undefined || !this.#isBehind()) return;
    this.#grace = clock.schedule(clock.now() + afterMs, () => {
      this.#grace = undefined;
      if (this.#isBehind()) this.#run.push({ type: "pull-now" });
    });
  }

  #isBehind(): boolean {
    const { ledger, members } = this.#options;
    return members().some(({ height }) => height > ledger.height);
  }

  #offer(blockNumber: bigint, data: Uint8Array): void {
    if (this.#isClosed || !this.#options.isOffering) return;
    this.#window.add(blockNumber, data);
    if (this.#expiry === undefined) this.#armExpiry();
  }

  /** So that memory is let go of even when nobody asks. */
  #armExpiry(): void {
    const at = this.#window.expiresAt;
    if (at === Number.POSITIVE_INFINITY) return;
    this.#expiry = this.#options.around.clock.schedule(at, () => {
      this.#expiry = undefined;
      this.#window.expire();
      this.#armExpiry();
    });
  }

  #peers(): readonly PullPeer[] {
    const { ledger, members, around } = this.#options;
    const known = members();
    const isBehind = known.some(({ height }) => height > ledger.height);
    // As long as all are level, those that need no dial are as good as any.
    const isLinked = (pkiId: PkiId) => around.membership.isLinked(pkiId);
    const candidates = isBehind ? known : atHand(known, around.config.pullPeerNum, isLinked);
    return candidates.map(({ pkiId, endpoint, height }) => ({ pkiId, endpoint, isPreferred: height > ledger.height }));
  }

  #perform(output: PullOutput<BlockPayload>): void {
    const { id, around, send, onBlocks } = this.#options;
    const { exit, drops } = around;
    switch (output.type) {
      case "send-hello":
        return send(output.to.pkiId, exit.hello("block", output.nonce, id), "control");
      case "send-digest":
        return send(output.to, exit.digest("block", output.nonce, output.digests, id), "control");
      case "send-request":
        return send(output.to.pkiId, exit.request("block", output.nonce, output.digests, id), "control");
      case "send-update": {
        const envelopes = output.items.map((block) => exit.block(id, block).envelope);
        return send(output.to, exit.update("block", output.nonce, envelopes, id), "bulk");
      }
      case "accept":
        // As the gate has judged them: lowest first.
        return onBlocks(
          output.items.map(({ item }) => item),
          output.from,
        );
      case "dropped":
        return drops.count("pull", output.reason, output.count);
      default:
        return unreachable(output);
    }
  }
}
