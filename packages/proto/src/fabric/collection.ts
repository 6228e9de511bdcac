import type { Decoded } from "../decoded.js";
import { protos } from "../generated/fabric.js";
import { checkedText, decoded, fromLong, integer, parseAs, plain, refused, serialize, toLong } from "../wire.js";

/** `protos.StaticCollectionConfig`: private data that only some organizations hold (protocol page 11). */
export interface CollectionConfig {
  readonly name: string;
  /** A serialized `common.SignaturePolicyEnvelope`: whose peers hold it; empty when absent, which nobody satisfies. */
  readonly memberOrgsPolicy: Uint8Array;
  /** Peers that must have it before an endorsement is given; an int32. */
  readonly requiredPeerCount: number;
  /** Peers it is sent to at most; an int32. */
  readonly maximumPeerCount: number;
  /** Blocks after which it is purged; 0 for never. */
  readonly blockToLive: bigint;
  readonly memberOnlyRead: boolean;
  readonly memberOnlyWrite: boolean;
  /** A serialized `protos.ApplicationPolicy`; empty when absent. */
  readonly endorsementPolicy: Uint8Array;
}

/** Reads a `protos.CollectionConfigPackage`: the collections of a chaincode. Never throws. */
export function readCollectionConfigs(bytes: Uint8Array): Decoded<readonly CollectionConfig[]> {
  return parseAs(protos.CollectionConfigPackage, bytes, ({ config }) => {
    const collections: CollectionConfig[] = [];
    for (const { staticCollectionConfig: wire } of config) {
      if (wire === null)
        return refused("no-content", "expected static_collection_config, got another kind of collection");
      collections.push({
        name: wire.name,
        memberOrgsPolicy: plain(wire.memberOrgsPolicy?.signaturePolicy ?? new Uint8Array(0)),
        requiredPeerCount: wire.requiredPeerCount,
        maximumPeerCount: wire.maximumPeerCount,
        blockToLive: fromLong(wire.blockToLive),
        memberOnlyRead: wire.memberOnlyRead,
        memberOnlyWrite: wire.memberOnlyWrite,
        endorsementPolicy: plain(wire.endorsementPolicy),
      });
    }
    return decoded(collections);
  });
}

/**
 * Serializes a `protos.CollectionConfigPackage`.
 *
 * @throws GossipError `invalid-argument` when a number is out of its range or a name has no UTF-8 form.
 */
export function encodeCollectionConfigs(collections: readonly CollectionConfig[]): Uint8Array {
  return serialize(
    protos.CollectionConfigPackage,
    {
      config: collections.map((collection) => ({
        staticCollectionConfig: {
          name: checkedText(collection.name, "name"),
          memberOrgsPolicy:
            collection.memberOrgsPolicy.length === 0 ? undefined : { signaturePolicy: collection.memberOrgsPolicy },
          requiredPeerCount: integer(collection.requiredPeerCount, "requiredPeerCount", -(2 ** 31), 2 ** 31 - 1),
          maximumPeerCount: integer(collection.maximumPeerCount, "maximumPeerCount", -(2 ** 31), 2 ** 31 - 1),
          blockToLive: toLong(collection.blockToLive, "blockToLive"),
          memberOnlyRead: collection.memberOnlyRead,
          memberOnlyWrite: collection.memberOnlyWrite,
          endorsementPolicy: collection.endorsementPolicy.length === 0 ? undefined : collection.endorsementPolicy,
        },
      })),
    },
    4096,
  );
}
