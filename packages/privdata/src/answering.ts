import { createHash } from "node:crypto";
import type { Verdict } from "@gossip/crypto";
import type { PrivateDataPeer } from "@gossip/node";
import type { PrivateDataDigest, PrivateDataElement } from "@gossip/proto";
import { errorText, type Logger, type MaybePromise, type Millis } from "@gossip/runtime";
import { type Collection, collectionIn, isExpired } from "./collection.js";
import { maxJudgedConfigs, type PrivateDataLimits } from "./limits.js";
import { configHashIn, setHashIn } from "./records.js";
import type { Held } from "./transient-store.js";

/**
 * Answers to requests for private data (protocol page 11 §8), from what was pushed to us.
 *
 * A set is given to whom the member policy of its own newest configuration accepts. The reference lets the newest
 * configuration of *any* set with that transaction, namespace and collection decide over all of them, and whoever may write
 * to the channel can push one: with a policy that names himself he would be given the sets of the others. Here he gets
 * back what he pushed. Where all sets of a digest came with one configuration, which is the rule, both do the same.
 */

/**
 * Why a digest, or one of its sets, is not in an answer; closed, since it labels a metric.
 *
 * | Reason | Meaning |
 * | --- | --- |
 * | `not-held` | nothing is held under it |
 * | `unknown-transaction` | it names a place in a block, without a transaction id, that our ledger does not have |
 * | `no-config` | no set of it came with a usable configuration of its collection |
 * | `not-authorized` | the member policy does not accept the peer |
 * | `expired` | the collection's data does not live so long |
 * | `unreadable` | the disk, the ledger or the policy failed, or the set is damaged |
 * | `repeated` | it was in the request already |
 * | `too-many` | the request has more digests, blocks or configurations than one may have |
 * | `too-large` | the answer had no room for it |
 */
export type LeftOutReason =
  | "not-held"
  | "unknown-transaction"
  | "no-config"
  | "not-authorized"
  | "expired"
  | "unreadable"
  | "repeated"
  | "too-many"
  | "too-large";

/** What answers are made from. */
export interface AnswerSources {
  find(txId: string, namespace: string, collection: string): Promise<readonly Held[]>;
  read(kind: "set" | "config", held: Held): Promise<Uint8Array | undefined>;
  txIdAt(blockNumber: bigint, seqInBlock: bigint): MaybePromise<string | undefined>;
  mayRead(policy: Uint8Array, peer: PrivateDataPeer): MaybePromise<Verdict>;
  height(): bigint;
  now(): Millis;
}

export interface AnswerOptions {
  readonly sources: AnswerSources;
  readonly limits: PrivateDataLimits;
  readonly log: Logger;
  /** Told of what is not in the answer. */
  readonly onLeftOut: (reason: LeftOutReason, count: number) => void;
  /** Told of the time that the digests of one block took. */
  readonly onRetrieved: (elapsedMs: Millis) => void;
}

/** What is held of the digests, and the peer may have. Never rejects. */
export async function answerTo(
  digests: readonly PrivateDataDigest[],
  from: PrivateDataPeer,
  options: AnswerOptions,
): Promise<readonly PrivateDataElement[]> {
  const answer = new Answer(from, options);
  for (const group of answer.groupsOf(digests)) {
    const { sources, onRetrieved } = options;
    const started = sources.now();
    for (const digest of group) await answer.look(digest);
    onRetrieved(sources.now() - started);
  }
  return answer.elements;
}

/** One answer in the making, with what was found out for earlier digests. */
class Answer {
  readonly elements: PrivateDataElement[] = [];
  readonly #from: PrivateDataPeer;
  readonly #options: AnswerOptions;
  #bytes = 0;
  /** By the hash of the configuration and the collection's name. */
  readonly #collections = new Map<string, Collection | undefined>();
  /** By the hash of the policy. */
  readonly #verdicts = new Map<string, boolean>();

  constructor(from: PrivateDataPeer, options: AnswerOptions) {
    this.#from = from;
    this.#options = options;
  }

  /** The digests that are looked up, those of one block together, so that the ledger reads each block once. */
  groupsOf(digests: readonly PrivateDataDigest[]): readonly (readonly PrivateDataDigest[])[] {
    const { maxDigests, maxBlocks } = this.#options.limits;
    const groups = new Map<bigint, PrivateDataDigest[]>();
    const blocks = new Set<bigint>();
    const names = new Set<string>();
    let tooMany = Math.max(0, digests.length - maxDigests);
    for (const digest of digests.slice(0, maxDigests)) {
      const name = nameOf(digest);
      if (names.has(name)) {
        this.#options.onLeftOut("repeated", 1);
        continue;
      }
      names.add(name);
      if (digest.txId === "" && !blocks.has(digest.blockNumber)) {
        if (blocks.size >= maxBlocks) {
          tooMany++;
          continue;
        }
        blocks.add(digest.blockNumber);
      }
      const group = groups.get(digest.blockNumber);
      if (group === undefined) groups.set(digest.blockNumber, [digest]);
      else group.push(digest);
    }
    if (tooMany > 0) this.#options.onLeftOut("too-many", tooMany);
    return [...groups.values()];
  }

  async look(digest: PrivateDataDigest): Promise<void> {
    try {
      const reason = await this.#add(digest);
      if (reason !== undefined) this.#options.onLeftOut(reason, 1);
    } catch (error) {
      // One digest must not spoil the others (page 11 §16, 12).
      this.#options.onLeftOut("unreadable", 1);
      const { namespace, collection, blockNumber } = digest;
      this.#options.log.warn("private data not looked up", {
        ...{ namespace, collection, blockNumber },
        error: errorText(error),
      });
    }
  }

  /** Adds an element with what is held of the digest; why not, or not all, otherwise. */
  async #add(digest: PrivateDataDigest): Promise<LeftOutReason | undefined> {
    const { sources, limits } = this.#options;
    const { namespace, collection, blockNumber, seqInBlock } = digest;
    const isReconciliation = digest.txId === "";
    const txId = isReconciliation ? await sources.txIdAt(blockNumber, seqInBlock) : digest.txId;
    if (txId === undefined || txId === "") return "unknown-transaction";
    const held = await sources.find(txId, namespace, collection);
    if (held.length === 0) return "not-held";
    const { candidates, reason } = await this.#permitted(held, digest);
    // The earliest set came when the transaction was endorsed, later ones may come from whoever saw it in a block. A Go peer
    // judges an element by its first set at commit and by its last one in reconciliation (page 11 §14, 4).
    candidates.sort((a, b) => (isEarlier(a, b) ? -1 : 1));
    let left = reason;
    const payload: Uint8Array[] = [];
    for (const candidate of candidates) {
      const { length } = candidate.description.set;
      if (this.#bytes + length > limits.maxAnswerBytes) {
        left = "too-large";
        break;
      }
      const set = await sources.read("set", candidate);
      if (set === undefined) {
        left = "unreadable";
        continue;
      }
      this.#bytes += length;
      payload.push(set);
    }
    if (isReconciliation) payload.reverse();
    if (payload.length > 0) this.elements.push({ digest, payload });
    return left;
  }

  /** The different sets that the peer may have, each as it came first, and why it may not have the others. */
  async #permitted(held: readonly Held[], digest: PrivateDataDigest) {
    const sets = new Map<string, Held[]>();
    for (const one of held) {
      const hash = setHashIn(one.id);
      const same = sets.get(hash);
      if (same === undefined) sets.set(hash, [one]);
      else same.push(one);
    }
    const candidates: Held[] = [];
    let reason: LeftOutReason | undefined;
    for (const same of sets.values()) {
      const refused = await this.#refusalOf(same, digest);
      if (refused !== undefined) {
        reason = refused;
        continue;
      }
      candidates.push(same.reduce((first, one) => (isEarlier(one, first) ? one : first)));
    }
    return { candidates, reason };
  }

  /** Judges one set by its newest usable configuration. */
  async #refusalOf(same: readonly Held[], digest: PrivateDataDigest): Promise<LeftOutReason | undefined> {
    const { sources } = this.#options;
    for (const held of [...same].sort(newestFirst)) {
      const key = `${configHashIn(held.id)} ${digest.collection}`;
      if (!this.#collections.has(key)) {
        if (this.#collections.size >= maxJudgedConfigs) return "too-many";
        const config = await sources.read("config", held);
        this.#collections.set(key, config && collectionIn(config, digest.collection));
      }
      const collection = this.#collections.get(key);
      if (collection === undefined) continue;
      if (isExpired(digest.blockNumber, collection.blockToLive, sources.height())) return "expired";
      return (await this.#mayRead(collection.memberPolicy)) ? undefined : "not-authorized";
    }
    return "no-config";
  }

  async #mayRead(policy: Uint8Array): Promise<boolean> {
    const key = createHash("sha256").update(policy).digest("hex");
    const known = this.#verdicts.get(key);
    if (known !== undefined) return known;
    const { ok } = await this.#options.sources.mayRead(policy, this.#from);
    this.#verdicts.set(key, ok);
    return ok;
  }
}

function newestFirst({ description: a }: Held, { description: b }: Held): number {
  if (a.height !== b.height) return a.height > b.height ? -1 : 1;
  return a.arrival > b.arrival ? -1 : 1;
}

function isEarlier({ description: a }: Held, { description: b }: Held): boolean {
  return a.arrival < b.arrival;
}

function nameOf({ txId, namespace, collection, blockNumber, seqInBlock }: PrivateDataDigest): string {
  return JSON.stringify([txId, namespace, collection, `${blockNumber}`, `${seqInBlock}`]);
}
