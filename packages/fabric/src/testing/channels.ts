import {
  type Config,
  type ConfigGroup,
  type ConfigPolicy,
  type ConfigValue,
  type Consenter,
  encodeAnchorPeers,
  encodeBatchSize,
  encodeBatchTimeout,
  encodeBlockDataHashingStructure,
  encodeCapabilities,
  encodeConsensusType,
  encodeFabricMspConfig,
  encodeHashingAlgorithm,
  encodeImplicitMetaPolicy,
  encodeMspConfig,
  encodeOrdererAddresses,
  encodeOrderers,
  encodeSerializedIdentity,
  encodeSignaturePolicyEnvelope,
  type FabricMspConfig,
  type ImplicitMetaPolicy,
  type MspPrincipal,
  type MspRole,
  type SignaturePolicy,
} from "@gossip/proto/fabric";

/** An organization in a channel for tests; what `makeOrganization` gives is one. */
export interface TestChannelOrganization {
  readonly mspId: string;
  readonly config: FabricMspConfig;
  /** Key of its group. @default the MSP id */
  readonly name?: string;
  /** Of an application organization, `host:port` each. @default none */
  readonly anchors?: readonly string[];
  /** Of an orderer organization, `host:port` each. @default `orderer.‹mspId›:7050` */
  readonly endpoints?: readonly string[];
}

/** What a channel for tests is made of. */
export interface TestChannelOptions {
  readonly organizations: readonly TestChannelOrganization[];
  readonly ordererOrganizations: readonly TestChannelOrganization[];
  /** Of the channel; the application gets V2_5 and the orderers V2_0. @default V2_0 */
  readonly capabilities?: readonly string[];
  /** Who sign blocks by their numbers, as in a BFT channel. @default blocks are signed by any orderer organization */
  readonly consenters?: readonly Consenter[];
  /** @default 0 */
  readonly sequence?: bigint;
}

/** The configuration of a channel with the policies that Fabric's sample `configtx.yaml` has. */
export function makeChannelConfig(options: TestChannelOptions): Config {
  const { capabilities = ["V2_0"], consenters, sequence = 0n } = options;
  const channelGroup = makeGroup({
    groups: {
      Application: makeGroup({
        groups: groupsOf(options.organizations, applicationGroup),
        values: { Capabilities: encodeCapabilities({ names: ["V2_5"] }) },
        policies: { ...rootPolicies, Endorsement: implicitPolicy("majority", "Endorsement") },
      }),
      Orderer: makeGroup({
        groups: groupsOf(options.ordererOrganizations, ordererGroup),
        values: {
          Capabilities: encodeCapabilities({ names: ["V2_0"] }),
          BatchSize: encodeBatchSize({
            maxMessageCount: 500,
            absoluteMaxBytes: 10_485_760,
            preferredMaxBytes: 2_097_152,
          }),
          BatchTimeout: encodeBatchTimeout({ timeout: "2s" }),
          ConsensusType: encodeConsensusType({
            type: consenters === undefined ? "etcdraft" : "BFT",
            metadata: new Uint8Array(0),
            state: "normal",
          }),
          ...(consenters !== undefined && { Orderers: encodeOrderers({ consenters }) }),
        },
        policies: {
          ...rootPolicies,
          BlockValidation: consenters === undefined ? implicitPolicy("any", "Writers") : quorumPolicy(consenters),
        },
      }),
    },
    values: {
      HashingAlgorithm: encodeHashingAlgorithm({ name: "SHA256" }),
      BlockDataHashingStructure: encodeBlockDataHashingStructure({ width: 2 ** 32 - 1 }),
      Capabilities: encodeCapabilities({ names: capabilities }),
    },
    policies: rootPolicies,
  });
  return { sequence, channelGroup };
}

/** A group of these parts, by their keys. */
export interface TestGroup {
  readonly groups?: Readonly<Record<string, ConfigGroup>>;
  /** Serialized. */
  readonly values?: Readonly<Record<string, Uint8Array>>;
  readonly policies?: Readonly<Record<string, ConfigPolicy>>;
}

/** A group of a configuration tree, at version 0. */
export function makeGroup({ groups = {}, values = {}, policies = {} }: TestGroup): ConfigGroup {
  return {
    version: 0n,
    groups: new Map(Object.entries(groups)),
    values: new Map(Object.entries(values).map(([key, value]) => [key, makeValue(value)])),
    policies: new Map(Object.entries(policies)),
    modPolicy: "Admins",
  };
}

/** A value of a configuration tree, at version 0. */
export function makeValue(value: Uint8Array): ConfigValue {
  return { version: 0n, value, modPolicy: "Admins" };
}

/** The configuration with another group at `path`, keys from below /Channel on. */
export function changeGroup(
  config: Config,
  path: readonly string[],
  change: (group: ConfigGroup) => ConfigGroup,
): Config {
  return { ...config, channelGroup: changed(config.channelGroup, path, change) };
}

/** The configuration with a value of the group at `path` replaced, added, or for `undefined` removed. */
export function changeValue(
  config: Config,
  path: readonly string[],
  key: string,
  value: Uint8Array | undefined,
): Config {
  return changeGroup(config, path, (group) => ({
    ...group,
    values: replaced(group.values, key, value && makeValue(value)),
  }));
}

/** The configuration with a policy of the group at `path` replaced, added, or for `undefined` removed. */
export function changePolicy(
  config: Config,
  path: readonly string[],
  key: string,
  policy: ConfigPolicy | undefined,
): Config {
  return changeGroup(config, path, (group) => ({ ...group, policies: replaced(group.policies, key, policy) }));
}

/** A policy that a signature of any of these satisfies. */
export function anyOf(principals: readonly MspPrincipal[]): ConfigPolicy {
  return signaturePolicy({ type: "n-out-of", n: 1, rules: principals.map(signedBy) }, principals);
}

/** A signature policy at version 0. */
export function signaturePolicy(rule: SignaturePolicy, identities: readonly MspPrincipal[]): ConfigPolicy {
  return {
    version: 0n,
    policy: { type: 1, value: encodeSignaturePolicyEnvelope({ rule, identities }) },
    modPolicy: "Admins",
  };
}

/** An implicit policy at version 0. */
export function implicitPolicy(rule: ImplicitMetaPolicy["rule"], subPolicy: string): ConfigPolicy {
  return {
    version: 0n,
    policy: { type: 3, value: encodeImplicitMetaPolicy({ rule, subPolicy }) },
    modPolicy: "Admins",
  };
}

/** Whoever has the role in the MSP. */
export function role(mspId: string, role: MspRole): MspPrincipal {
  return { type: "role", mspId, role };
}

const rootPolicies = {
  Readers: implicitPolicy("any", "Readers"),
  Writers: implicitPolicy("any", "Writers"),
  Admins: implicitPolicy("majority", "Admins"),
};

/** As many of the consenters as a BFT channel needs: more than two thirds (protocol page 13 §5.3). */
function quorumPolicy(consenters: readonly Consenter[]): ConfigPolicy {
  const count = consenters.length;
  const faulty = Math.floor((count - 1) / 3);
  const identities = consenters.map(({ mspId, identity }): MspPrincipal => {
    return { type: "identity", identity: encodeSerializedIdentity({ mspId, idBytes: identity }) };
  });
  const n = Math.ceil((count + faulty + 1) / 2);
  return signaturePolicy({ type: "n-out-of", n, rules: identities.map(signedBy) }, identities);
}

function signedBy(_: unknown, index: number): SignaturePolicy {
  return { type: "signed-by", index };
}

function applicationGroup({ mspId, config, anchors = [] }: TestChannelOrganization): ConfigGroup {
  const anchorPeers = anchors.map((anchor) => {
    const at = anchor.lastIndexOf(":");
    return { host: anchor.slice(0, at), port: Number(anchor.slice(at + 1)) };
  });
  return makeGroup({
    values: { MSP: mspValue(config), ...(anchors.length > 0 && { AnchorPeers: encodeAnchorPeers({ anchorPeers }) }) },
    policies: {
      Readers: anyOf([role(mspId, "admin"), role(mspId, "peer"), role(mspId, "client")]),
      Writers: anyOf([role(mspId, "admin"), role(mspId, "client")]),
      Admins: anyOf([role(mspId, "admin")]),
      Endorsement: anyOf([role(mspId, "peer")]),
    },
  });
}

function ordererGroup(organization: TestChannelOrganization): ConfigGroup {
  const { mspId, config, endpoints = [`orderer.${mspId.toLowerCase()}:7050`] } = organization;
  return makeGroup({
    values: { MSP: mspValue(config), Endpoints: encodeOrdererAddresses({ addresses: endpoints }) },
    policies: {
      Readers: anyOf([role(mspId, "member")]),
      Writers: anyOf([role(mspId, "member")]),
      Admins: anyOf([role(mspId, "admin")]),
    },
  });
}

function mspValue(config: FabricMspConfig): Uint8Array {
  return encodeMspConfig({ type: 0, config: encodeFabricMspConfig(config) });
}

function groupsOf(
  organizations: readonly TestChannelOrganization[],
  groupOf: (organization: TestChannelOrganization) => ConfigGroup,
): Record<string, ConfigGroup> {
  return Object.fromEntries(organizations.map((one) => [one.name ?? one.mspId, groupOf(one)]));
}

function changed(
  group: ConfigGroup,
  [key, ...below]: readonly string[],
  change: (group: ConfigGroup) => ConfigGroup,
): ConfigGroup {
  if (key === undefined) return change(group);
  const sub = changed(group.groups.get(key) ?? makeGroup({}), below, change);
  return { ...group, groups: replaced(group.groups, key, sub) };
}

function replaced<T>(map: ReadonlyMap<string, T>, key: string, value: T | undefined): ReadonlyMap<string, T> {
  const copy = new Map(map);
  if (value === undefined) copy.delete(key);
  else copy.set(key, value);
  return copy;
}
