import { accepted, reject, type Verdict } from "@gossip/crypto";
import type { PrivateDataPeer } from "@gossip/node";
import { orgId, type PrivateDataDigest, type PrivatePayload, pkiIdFromBytes } from "@gossip/proto";
import {
  type CollectionConfig,
  encodeCollectionConfigs,
  encodeSignaturePolicyEnvelope,
  readSignaturePolicyEnvelope,
} from "@gossip/proto/fabric";

/** A serialized `common.SignaturePolicyEnvelope` that any member of any of these organizations satisfies. */
export function memberPolicy(...organizations: readonly string[]): Uint8Array {
  return encodeSignaturePolicyEnvelope({
    rule: { type: "n-out-of", n: 1, rules: organizations.map((_, index) => ({ type: "signed-by", index })) },
    identities: organizations.map((mspId) => ({ type: "role", mspId, role: "member" })),
  });
}

/**
 * A serialized `protos.CollectionConfigPackage` with one collection, as an endorser puts it beside a set. Unless told
 * otherwise, members of Org1 hold it, for ever.
 */
export function collectionConfigs(overrides: Partial<CollectionConfig> = {}): Uint8Array {
  return encodeCollectionConfigs([
    {
      name: "collection",
      memberOrgsPolicy: memberPolicy("Org1"),
      requiredPeerCount: 0,
      maximumPeerCount: 1,
      blockToLive: 0n,
      memberOnlyRead: false,
      memberOnlyWrite: false,
      endorsementPolicy: new Uint8Array(0),
      ...overrides,
    },
  ]);
}

/** A pushed set: one byte in place of a read-write set, of one collection of one chaincode, with that collection's configuration. */
export function privatePayload(overrides: Partial<PrivatePayload> = {}): PrivatePayload {
  const { collection = "collection" } = overrides;
  return {
    collection,
    namespace: "chaincode",
    txId: "tx",
    rwset: Uint8Array.of(1),
    simulationHeight: 1n,
    collectionConfigs: collectionConfigs({ name: collection }),
    ...overrides,
  };
}

/** What asks for the set of a payload, as the transaction of this place in the chain. */
export function digestOf(
  { txId, namespace, collection }: PrivatePayload,
  place: { readonly blockNumber?: bigint; readonly seqInBlock?: bigint } = {},
): PrivateDataDigest {
  return { txId, namespace, collection, blockNumber: 1n, seqInBlock: 0n, ...place };
}

/** A peer of an organization, by its name in it. Its signature is no signature. */
export function privateDataPeer(org: string, name = "peer0"): PrivateDataPeer {
  const bytes = new TextEncoder().encode(`${name}.${org}`);
  return { pkiId: pkiIdFromBytes(bytes), org: orgId(org), identity: bytes, payload: bytes, signature: bytes };
}

/**
 * In place of a policy's evaluation: accepts peers of the organizations that the policy names, whatever its rule is. It
 * checks no signature.
 */
export function namesOrganization(policy: Uint8Array, { org }: PrivateDataPeer): Verdict {
  const read = readSignaturePolicyEnvelope(policy);
  const isNamed =
    read.ok && read.value.identities.some((one) => one.ok && one.value.type === "role" && one.value.mspId === org);
  return isNamed ? accepted : reject("policy-not-satisfied", `expected a named organization, got ${org}`);
}
