import { readCollectionConfigs } from "@gossip/proto/fabric";

/** What an answer needs to know of a collection. */
export interface Collection {
  /** A serialized `common.SignaturePolicyEnvelope`: whose peers may have its data. */
  readonly memberPolicy: Uint8Array;
  /** Blocks after which its data is to be gone; 0 for never. */
  readonly blockToLive: bigint;
}

/**
 * Finds a collection in the configuration that came with its data, a serialized `protos.CollectionConfigPackage`; the
 * first one, where it has several of the name. `undefined` when it is not there, has no member policy, or the bytes are no
 * such package: data without a policy is given to nobody (page 11 §8.1).
 */
export function collectionIn(configs: Uint8Array, name: string): Collection | undefined {
  const read = readCollectionConfigs(configs);
  if (!read.ok) return undefined;
  const found = read.value.find((collection) => collection.name === name);
  if (found === undefined || found.memberOrgsPolicy.length === 0) return undefined;
  return { memberPolicy: found.memberOrgsPolicy, blockToLive: found.blockToLive };
}

/**
 * Whether the data of a block is to be gone at this ledger height (page 11 §11): it expires with the block
 * `blockToLive + 1` after its own.
 */
export function isExpired(blockNumber: bigint, blockToLive: bigint, height: bigint): boolean {
  return blockToLive > 0n && height > blockNumber + blockToLive + 1n;
}
