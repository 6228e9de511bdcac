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

