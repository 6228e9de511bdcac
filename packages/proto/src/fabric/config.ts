import type { Decoded } from "../decoded.js";
import { common } from "../generated/fabric.js";
import {
  checkedText,
  decoded,
  fromLong,
  type Init,
  integer,
  missing,
  parseAs,
  plain,
  refused,
  serialize,
  toLong,
} from "../wire.js";

/** `common.ConfigGroup`: a node of the configuration tree (protocol page 13 §4.3). */
export interface ConfigGroup {
  readonly version: bigint;
  readonly groups: ReadonlyMap<string, ConfigGroup>;
  readonly values: ReadonlyMap<string, ConfigValue>;
  readonly policies: ReadonlyMap<string, ConfigPolicy>;
  readonly modPolicy: string;
}

/** `common.ConfigValue`. */
export interface ConfigValue {
  readonly version: bigint;
  /** A serialized message whose type the key tells. */
  readonly value: Uint8Array;
  readonly modPolicy: string;
}

/** `common.ConfigPolicy`. */
export interface ConfigPolicy {
  readonly version: bigint;
  /** Undefined when absent. */
  readonly policy: Policy | undefined;
  readonly modPolicy: string;
}

/** `common.Policy`: `value` is a serialized `SignaturePolicyEnvelope` (type 1) or `ImplicitMetaPolicy` (type 3). */
export interface Policy {
  readonly type: number;
  readonly value: Uint8Array;
}

/** `common.Config`. */
export interface Config {
  readonly sequence: bigint;
  readonly channelGroup: ConfigGroup;
}

/** `common.ConfigEnvelope`: the data of a CONFIG payload. */
export interface ConfigEnvelope {
  readonly config: Config;
  /** A serialized `common.Envelope`; empty when absent, as in a genesis block. */
  readonly lastUpdate: Uint8Array;
}

/** `common.ConfigUpdate`: what changed, and what it was read from. Groups hold only what is named in them. */
export interface ConfigUpdate {
  readonly channelId: string;
  readonly readSet: ConfigGroup;
  readonly writeSet: ConfigGroup;
}

/** `common.ConfigUpdateEnvelope`: the data of a CONFIG_UPDATE payload. */
export interface ConfigUpdateEnvelope {
  /** A serialized `ConfigUpdate`; each signature covers its signature header and exactly these octets. */
  readonly configUpdate: Uint8Array;
  readonly signatures: readonly ConfigSignature[];
}

/** Somebody's consent to a configuration update. */
export interface ConfigSignature {
  /** A serialized `SignatureHeader`, as it was signed. */
  readonly signatureHeader: Uint8Array;
  readonly signature: Uint8Array;
}

/** Levels of groups that a configuration may have; Fabric's own has three, or four with consortiums. */
export const maxConfigDepth = 16;

/** Reads the data of a CONFIG payload. Never throws. */
export function readConfigEnvelope(bytes: Uint8Array): Decoded<ConfigEnvelope> {
  return parseAs(common.ConfigEnvelope, bytes, ({ config, lastUpdate }) => {
    if (config === null) return missing("config");
    const read = configFrom(config);
    return read.ok ? decoded({ config: read.value, lastUpdate: plain(lastUpdate) }) : read;
  });
}

/**
 * Serializes the data of a CONFIG payload; entries of maps are written in the order of the maps.
 *
 * @throws GossipError `invalid-argument` when a number is out of its range or a string has no UTF-8 form.
 */
export function encodeConfigEnvelope({ config, lastUpdate }: ConfigEnvelope): Uint8Array {
  return serialize(common.ConfigEnvelope, { config: configToWire(config), lastUpdate }, 16_384);
}

/** Reads a configuration. Never throws. */
export function readConfig(bytes: Uint8Array): Decoded<Config> {
  return parseAs(common.Config, bytes, configFrom);
}

/**
 * Serializes a configuration; entries of maps are written in the order of the maps.
 *
 * @throws GossipError `invalid-argument` when a number is out of its range or a string has no UTF-8 form.
 */
export function encodeConfig(config: Config): Uint8Array {
  return serialize(common.Config, configToWire(config), 16_384);
}

/** Reads the data of a CONFIG_UPDATE payload. Never throws. */
export function readConfigUpdateEnvelope(bytes: Uint8Array): Decoded<ConfigUpdateEnvelope> {
  return parseAs(common.ConfigUpdateEnvelope, bytes, ({ configUpdate, signatures }) =>
    decoded({
      configUpdate: plain(configUpdate),
      signatures: signatures.map(({ signatureHeader, signature }) => ({
        signatureHeader: plain(signatureHeader),
        signature: plain(signature),
      })),
    }),
  );
}

/** Serializes the data of a CONFIG_UPDATE payload. */
export function encodeConfigUpdateEnvelope(envelope: ConfigUpdateEnvelope): Uint8Array {
  return serialize(common.ConfigUpdateEnvelope, envelope, envelope.configUpdate.length + 4096);
}

/** Reads an update. Never throws. */
export function readConfigUpdate(bytes: Uint8Array): Decoded<ConfigUpdate> {
  return parseAs(common.ConfigUpdate, bytes, (wire) => {
    const readSet = groupFrom(wire.readSet);
    if (!readSet.ok) return readSet;
    const writeSet = groupFrom(wire.writeSet);
    if (!writeSet.ok) return writeSet;
    return decoded({ channelId: wire.channelId, readSet: readSet.value, writeSet: writeSet.value });
  });
}

/**
 * Serializes an update; entries of maps are written in the order of the maps.
 *
 * @throws GossipError `invalid-argument` when a number is out of its range or a string has no UTF-8 form.
 */
export function encodeConfigUpdate({ channelId, readSet, writeSet }: ConfigUpdate): Uint8Array {
  return serialize(common.ConfigUpdate, {
    channelId: checkedText(channelId, "channelId"),
    readSet: groupToWire(readSet),
    writeSet: groupToWire(writeSet),
  });
}

function configFrom({ sequence, channelGroup }: common.Config): Decoded<Config> {
  if (channelGroup === null) return missing("config.channel_group");
  const group = groupFrom(channelGroup);
  return group.ok ? decoded({ sequence: fromLong(sequence), channelGroup: group.value }) : group;
}

function groupFrom(wire: common.ConfigGroup | null, depth = 1): Decoded<ConfigGroup> {
  if (depth > maxConfigDepth) return refused("too-large", `expected at most ${maxConfigDepth} levels of groups`);
  const groups = mapFrom(wire?.groups ?? [], "group", (group: common.ConfigGroup | null) =>
    groupFrom(group, depth + 1),
  );
  if (!groups.ok) return groups;
  const values = mapFrom(wire?.values ?? [], "value", (value: common.ConfigValue | null) =>
    decoded({
      version: value === null ? 0n : fromLong(value.version),
      value: plain(value?.value ?? new Uint8Array(0)),
      modPolicy: value?.modPolicy ?? "",
    }),
  );
  if (!values.ok) return values;
  const policies = mapFrom(wire?.policies ?? [], "policy", (value: common.ConfigPolicy | null) =>
    decoded({
      version: value === null ? 0n : fromLong(value.version),
      policy: value?.policy ? { type: value.policy.type, value: plain(value.policy.value) } : undefined,
      modPolicy: value?.modPolicy ?? "",
    }),
  );
  if (!policies.ok) return policies;
  return decoded({
    version: wire === null ? 0n : fromLong(wire.version),
    groups: groups.value,
    values: values.value,
    policies: policies.value,
    modPolicy: wire?.modPolicy ?? "",
  });
}

/** An entry without a value is one of an empty value, as in Go; a key that comes twice could mean two things. */
function mapFrom<W, T>(
  entries: readonly { readonly key: string; readonly value: W | null }[],
  kind: string,
  convert: (value: W | null) => Decoded<T>,
): Decoded<ReadonlyMap<string, T>> {
  const map = new Map<string, T>();
  for (const { key, value } of entries) {
    if (map.has(key)) return refused("ambiguous-content", `expected ${kind} ${JSON.stringify(key)} once, got it twice`);
    const converted = convert(value);
    if (!converted.ok) return converted;
    map.set(key, converted.value);
  }
  return decoded(map);
}

function configToWire({ sequence, channelGroup }: Config): Init<common.Config> {
  return { sequence: toLong(sequence, "sequence"), channelGroup: groupToWire(channelGroup) };
}

function groupToWire(group: ConfigGroup): Init<common.ConfigGroup> {
  return {
    version: toLong(group.version, "version"),
    groups: mapToWire(group.groups, groupToWire),
    values: mapToWire(group.values, ({ version, value, modPolicy }) => ({
      version: toLong(version, "version"),
      value,
      modPolicy: checkedText(modPolicy, "modPolicy"),
    })),
    policies: mapToWire(group.policies, ({ version, policy, modPolicy }) => ({
      version: toLong(version, "version"),
      policy: policy && { type: integer(policy.type, "type", -(2 ** 31), 2 ** 31 - 1), value: policy.value },
      modPolicy: checkedText(modPolicy, "modPolicy"),
    })),
    modPolicy: checkedText(group.modPolicy, "modPolicy"),
  };
}

function mapToWire<T, W>(map: ReadonlyMap<string, T>, convert: (value: T) => W): { key: string; value: W }[] {
  return [...map].map(([key, value]) => ({ key: checkedText(key, "key"), value: convert(value) }));
}
