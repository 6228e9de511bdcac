// CONTRACT: being implemented; names and shapes are what the implementation will have.
import type { PkiId } from "@gossip/proto";
import type { Machine, Millis, Random, Wake } from "@gossip/runtime";
import type { PullConfig } from "./config.js";
import type { PullInput, PullItems, PullOutput, PullPeer } from "./io.js";

export interface PullOptions<Item> {
  readonly items: PullItems<Item>;
  /** Whom to ask, self excluded; called at the start of each round. */
  peers(): readonly PullPeer[];
  readonly config?: Partial<PullConfig>;
  readonly random: Random;
}

export declare class Pull<Item> implements Machine<PullInput<Item>, PullOutput<Item>> {
  constructor(options: PullOptions<Item>);
  readonly deadline: Millis;
  step(input: PullInput<Item> | Wake, now: Millis): readonly PullOutput<Item>[];
  /** Whether an update from this peer with this nonce is waited for: asked before anything inside is verified. */
  wantsUpdate(from: PkiId, nonce: bigint): boolean;
  /** Whether this item was requested of this peer under this nonce and has not come yet. */
  wantsItem(from: PkiId, nonce: bigint, digest: Uint8Array): boolean;
}
