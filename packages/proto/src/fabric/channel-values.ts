import type { Decoded } from "../decoded.js";
import { common, orderer, protos } from "../generated/fabric.js";
import { checkedText, decoded, indexIn, integer, parseAs, plain, serialize, unknownNumber } from "../wire.js";

/**
 * The values in a channel's configuration tree, each named as its message (protocol page 13 §4.3). All readers never
 * throw, and take what is absent as empty, as Fabric does; all encoders throw GossipError `invalid-argument` when a number
 * is out of its range or a string has no UTF-8 form.
 */

/** `common.HashingAlgorithm`. */
export interface HashingAlgorithm {
  readonly name: string;
}

/** Reads the value HashingAlgorithm. Never throws. */
export function readHashingAlgorithm(bytes: Uint8Array): Decoded<HashingAlgorithm> {
  return parseAs(common.HashingAlgorithm, bytes, ({ name }) => decoded({ name }));
}

/** Serializes the value HashingAlgorithm. @throws GossipError `invalid-argument` when the name has no UTF-8 form. */
export function encodeHashingAlgorithm({ name }: HashingAlgorithm): Uint8Array {
  return serialize(common.HashingAlgorithm, { name: checkedText(name, "name") });
}

/** `common.BlockDataHashingStructure`. */
export interface BlockDataHashingStructure {
  /** A uint32. */
  readonly width: number;
}

/** Reads the value BlockDataHashingStructure. Never throws. */
export function readBlockDataHashingStructure(bytes: Uint8Array): Decoded<BlockDataHashingStructure> {
  return parseAs(common.BlockDataHashingStructure, bytes, ({ width }) => decoded({ width }));
}

/** Serializes the value BlockDataHashingStructure. @throws GossipError `invalid-argument` when the width is no uint32. */
export function encodeBlockDataHashingStructure({ width }: BlockDataHashingStructure): Uint8Array {
  return serialize(common.BlockDataHashingStructure, { width: uint32(width, "width") });
}

/** `common.OrdererAddresses`: the values OrdererAddresses, of a channel, and Endpoints, of an orderer organization. */
export interface OrdererAddresses {
  /** `host:port` each. */
  readonly addresses: readonly string[];
}

/** Reads the value OrdererAddresses or Endpoints. Never throws. */
export function readOrdererAddresses(bytes: Uint8Array): Decoded<OrdererAddresses> {
  return parseAs(common.OrdererAddresses, bytes, ({ addresses }) => decoded({ addresses: [...addresses] }));
}

/** Serializes the value OrdererAddresses or Endpoints. @throws GossipError `invalid-argument` when one has no UTF-8 form. */
export function encodeOrdererAddresses({ addresses }: OrdererAddresses): Uint8Array {
  return serialize(common.OrdererAddresses, { addresses: addresses.map((address) => checkedText(address, "address")) });
}

/** `common.Capabilities`. */
export interface Capabilities {
  /** E.g. `V2_0`. */
  readonly names: readonly string[];
}

/** Reads the value Capabilities. Never throws. */
export function readCapabilities(bytes: Uint8Array): Decoded<Capabilities> {
  return parseAs(common.Capabilities, bytes, ({ capabilities }) =>
    decoded({ names: [...new Set(capabilities.map(({ key }) => key))] }),
  );
}

/** Serializes the value Capabilities. @throws GossipError `invalid-argument` when a name has no UTF-8 form. */
export function encodeCapabilities({ names }: Capabilities): Uint8Array {
  const capabilities = names.map((name) => ({ key: checkedText(name, "name"), value: {} }));
  return serialize(common.Capabilities, { capabilities });
}

/** `common.Consenter`: one of the orderers that sign blocks of a BFT channel. Certificates are PEM. */
export interface Consenter {
  /** A uint32; what an `IdentifierHeader` names. */
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly mspId: string;
  readonly identity: Uint8Array;
  readonly clientTlsCert: Uint8Array;
  readonly serverTlsCert: Uint8Array;
}

/** `common.Orderers`. */
export interface Orderers {
  readonly consenters: readonly Consenter[];
}

/** Reads the value Orderers. Never throws. */
export function readOrderers(bytes: Uint8Array): Decoded<Orderers> {
  return parseAs(common.Orderers, bytes, ({ consenterMapping }) =>
    decoded({
      consenters: consenterMapping.map(({ id, host, port, mspId, identity, clientTlsCert, serverTlsCert }) => ({
        id,
        host,
        port,
        mspId,
        identity: plain(identity),
        clientTlsCert: plain(clientTlsCert),
        serverTlsCert: plain(serverTlsCert),
      })),
    }),
  );
}

/** Serializes the value Orderers. @throws GossipError `invalid-argument` when a number is no uint32 or a string has no UTF-8 form. */
export function encodeOrderers({ consenters }: Orderers): Uint8Array {
  return serialize(
    common.Orderers,
    {
      consenterMapping: consenters.map((consenter) => ({
        ...consenter,
        id: uint32(consenter.id, "id"),
        host: checkedText(consenter.host, "host"),
        port: uint32(consenter.port, "port"),
        mspId: checkedText(consenter.mspId, "mspId"),
      })),
    },
    4096,
  );
}

// By their numbers.
const consensusStates = ["normal", "maintenance"] as const;

/** `orderer.ConsensusType`. */
export interface ConsensusType {
  /** `etcdraft` or `BFT`. */
  readonly type: string;
  /** The consenter's own. */
  readonly metadata: Uint8Array;
  readonly state: (typeof consensusStates)[number];
}

/** Reads the value ConsensusType. Never throws. */
export function readConsensusType(bytes: Uint8Array): Decoded<ConsensusType> {
  return parseAs(orderer.ConsensusType, bytes, ({ type, metadata, state }) => {
    const name = consensusStates[state];
    return name === undefined
      ? unknownNumber("state", consensusStates.length, state)
      : decoded({ type, metadata: plain(metadata), state: name });
  });
}

/** Serializes the value ConsensusType. @throws GossipError `invalid-argument` when the type has no UTF-8 form. */
export function encodeConsensusType({ type, metadata, state }: ConsensusType): Uint8Array {
  const fields = { type: checkedText(type, "type"), metadata, state: indexIn(consensusStates, state, "state") };
  return serialize(orderer.ConsensusType, fields, metadata.length + 64);
}

/** `orderer.BatchSize`: when an orderer cuts a block. All are uint32. */
export interface BatchSize {
  readonly maxMessageCount: number;
  readonly absoluteMaxBytes: number;
  readonly preferredMaxBytes: number;
}

/** Reads the value BatchSize. Never throws. */
export function readBatchSize(bytes: Uint8Array): Decoded<BatchSize> {
  return parseAs(orderer.BatchSize, bytes, ({ maxMessageCount, absoluteMaxBytes, preferredMaxBytes }) =>
    decoded({ maxMessageCount, absoluteMaxBytes, preferredMaxBytes }),
  );
}

/** Serializes the value BatchSize. @throws GossipError `invalid-argument` when a number is no uint32. */
export function encodeBatchSize({ maxMessageCount, absoluteMaxBytes, preferredMaxBytes }: BatchSize): Uint8Array {
  return serialize(orderer.BatchSize, {
    maxMessageCount: uint32(maxMessageCount, "maxMessageCount"),
    absoluteMaxBytes: uint32(absoluteMaxBytes, "absoluteMaxBytes"),
    preferredMaxBytes: uint32(preferredMaxBytes, "preferredMaxBytes"),
  });
}

/** `orderer.BatchTimeout`: how long an orderer waits for more before it cuts a block. */
export interface BatchTimeout {
  /** A duration as Go writes it, e.g. `2s`. */
  readonly timeout: string;
}

/** Reads the value BatchTimeout; whether it is a duration is not looked at. Never throws. */
export function readBatchTimeout(bytes: Uint8Array): Decoded<BatchTimeout> {
  return parseAs(orderer.BatchTimeout, bytes, ({ timeout }) => decoded({ timeout }));
}

/** Serializes the value BatchTimeout. @throws GossipError `invalid-argument` when the text has no UTF-8 form. */
export function encodeBatchTimeout({ timeout }: BatchTimeout): Uint8Array {
  return serialize(orderer.BatchTimeout, { timeout: checkedText(timeout, "timeout") });
}

/** `protos.AnchorPeers`: peers of an organization that others may dial. */
export interface AnchorPeers {
  readonly anchorPeers: readonly { readonly host: string; readonly port: number }[];
}

/** Reads the value AnchorPeers. Ports may be any int32. Never throws. */
export function readAnchorPeers(bytes: Uint8Array): Decoded<AnchorPeers> {
  return parseAs(protos.AnchorPeers, bytes, ({ anchorPeers }) =>
    decoded({ anchorPeers: anchorPeers.map(({ host, port }) => ({ host, port })) }),
  );
}

/** Serializes the value AnchorPeers. @throws GossipError `invalid-argument` when a port is no int32 or a host has no UTF-8 form. */
export function encodeAnchorPeers({ anchorPeers }: AnchorPeers): Uint8Array {
  return serialize(protos.AnchorPeers, {
    anchorPeers: anchorPeers.map(({ host, port }) => ({
      host: checkedText(host, "host"),
      port: integer(port, "port", -(2 ** 31), 2 ** 31 - 1),
    })),
  });
}

/** `protos.ACLs`: by resource, e.g. `event/Block`, the policy that guards it. */
export interface Acls {
  readonly policyRefs: ReadonlyMap<string, string>;
}

/** Reads the value ACLs. Never throws. */
export function readAcls(bytes: Uint8Array): Decoded<Acls> {
  return parseAs(protos.ACLs, bytes, ({ acls }) =>
    decoded({ policyRefs: new Map(acls.map(({ key, value }) => [key, value?.policyRef ?? ""])) }),
  );
}

/** Serializes the value ACLs. @throws GossipError `invalid-argument` when a string has no UTF-8 form. */
export function encodeAcls({ policyRefs }: Acls): Uint8Array {
  const acls = [...policyRefs].map(([key, policyRef]) => ({
    key: checkedText(key, "resource"),
    value: { policyRef: checkedText(policyRef, "policyRef") },
  }));
  return serialize(protos.ACLs, { acls });
}

function uint32(value: number, name: string): number {
  return integer(value, name, 0, 2 ** 32 - 1);
}
