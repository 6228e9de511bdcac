import {
  type Config,
  type ConfigEnvelope,
  type ConfigGroup,
  type Consenter,
  encodeConfig,
  readAcls,
  readBatchSize,
  readBatchTimeout,
  readBlockDataHashingStructure,
  readConfig,
  readConsensusType,
  readHashingAlgorithm,
  readOrdererAddresses,
  readOrderers,
  readPayload,
  readSignedEnvelope,
} from "@gossip/proto/fabric";
import type { ApplicationOrganization, ChannelBundle, MspManager, OrdererAddress, Policy } from "../api.js";
import { createMspManager } from "../msp/msp.js";
import { createPolicyTree, createSignaturePolicy, type PolicyTree } from "../policy/policy-tree.js";
import { capabilitiesOf, mspVersionOf } from "./capabilities.js";
import { checkKeys, malformed, onlyValues, readValue } from "./config-tree.js";
import {
  MspCollection,
  type OrdererOrganization,
  readApplicationOrganization,
  readOrdererOrganization,
} from "./organizations.js";

/** Paths of the policies that decide over gossip and blocks (protocol page 13 §4.3). */
export const policyPaths = {
  applicationReaders: "/Channel/Application/Readers",
  blockValidation: "/Channel/Orderer/BlockValidation",
} as const;

/** The only width of a block's Merkle tree that there ever was: all data at once. */
const dataHashWidth = 2 ** 32 - 1;

/** Of the application group; a channel that names ACLs must have one of these. */
const withAcls = ["V1_2", "V1_3", "V1_4_2", "V2_0", "V2_5"];

const maxChannelIdLength = 249;

/**
 * Puts a configuration in force: sets up its MSPs, compiles its policies, and checks it as strictly as Fabric does, so
 * that we do not go on with one that others refuse (protocol page 13 §4.3).
 *
 * @throws GossipError `malformed` naming what cannot be put in force: an unknown capability, value or group, rules older
 * than V1_4_3, an MSP or a policy that is wrong.
 *
 * @example
 * const read = readConfigBlock(genesisBlock);
 * if (read.ok) createChannelBundle(read.value.channelId, read.value.envelope.config).organizations;
 */
export function createChannelBundle(channelId: string, config: Config): ChannelBundle {
  return new Bundle(channelId, config);
}

class Bundle implements ChannelBundle {
  readonly channelId: string;
  readonly sequence: bigint;
  readonly isV3: boolean;
  readonly capabilities: readonly string[];
  readonly consensusType: string;
  readonly organizations: readonly ApplicationOrganization[];
  readonly msps: MspManager;
  readonly peerTlsRoots: readonly Uint8Array[];
  readonly orderers: readonly OrdererAddress[];
  readonly consenters: readonly Consenter[];
  readonly warnings: readonly string[];
  readonly #collection: MspCollection;
  readonly #ordererOrganizations: readonly OrdererOrganization[];
  readonly #policies: PolicyTree;

  /** @param earlier of the configuration before, whose MSPs are taken over where they did not change */
  constructor(channelId: string, config: Config, earlier?: MspCollection) {
    checkChannelId(channelId);
    const { sequence, channelGroup } = copied(config);
    checkKeys(channelGroup);
    const { application, orderer } = groupsOf(channelGroup);
    this.channelId = channelId;
    this.sequence = sequence;
    this.capabilities = checkCapabilities(channelGroup, application, orderer);
    this.isV3 = this.capabilities.includes("V3_0");
    checkHashing(channelGroup);
    checkBatches(orderer);

    this.#collection = new MspCollection(mspVersionOf(this.capabilities), earlier);
    const members = [...application.groups].map(([name, group]) =>
      readApplicationOrganization(name, group, this.#collection),
    );
    this.#ordererOrganizations = [...orderer.groups].map(([name, group]) =>
      readOrdererOrganization(name, group, this.#collection),
    );
    this.organizations = members.map(({ organization }) => organization);
    this.msps = createMspManager(this.#collection.msps);
    this.peerTlsRoots = distinct(members.flatMap(({ msp }) => msp.tlsRoots));
    this.orderers = this.#ordererAddresses(channelGroup);
    this.consensusType = readValue(orderer, "ConsensusType", "/Channel/Orderer", readConsensusType).type;
    this.consenters = readValue(orderer, "Orderers", "/Channel/Orderer", readOrderers).consenters;
    this.#policies = createPolicyTree(channelGroup, this.msps);
    this.warnings = [...members.flatMap(({ warnings }) => warnings), ...this.#policyWarnings()];
  }

  policy(path: string): Policy {
    return this.#policies.policy(path);
  }

  signaturePolicy(bytes: Uint8Array): Policy {
    return createSignaturePolicy(bytes, this.msps);
  }

  next({ config, lastUpdate }: ConfigEnvelope): ChannelBundle {
    if (config.sequence !== this.sequence + 1n) {
      throw malformed(
        `a configuration of channel ${this.channelId} with sequence ${this.sequence + 1n}`,
        `sequence ${config.sequence}`,
      );
    }
    this.#checkUpdate(lastUpdate);
    const next = new Bundle(this.channelId, config, this.#collection);
    checkMspIds(this.organizations, next.organizations);
    checkMspIds(this.#ordererOrganizations.map(named), next.#ordererOrganizations.map(named));
    return next;
  }

  /** What led here tells the channel, which the configuration itself does not. */
  #checkUpdate(lastUpdate: Uint8Array): void {
    const envelope = readSignedEnvelope(lastUpdate);
    const payload = envelope.ok ? readPayload(envelope.value.payload) : envelope;
    if (!payload.ok) {
      throw malformed(`a configuration with the update that led to it`, `${payload.reason}: ${payload.detail}`);
    }
    const { type, channelId } = payload.value.channelHeader;
    if (type !== "config-update" || channelId !== this.channelId) {
      throw malformed(`an update of channel ${this.channelId}`, `${type} of channel ${JSON.stringify(channelId)}`);
    }
  }

  /** Page 13 §4.5: those of organizations, or else global ones that any orderer organization may stand behind. */
  #ordererAddresses(channelGroup: ConfigGroup): readonly OrdererAddress[] {
    const global = readValue(channelGroup, "OrdererAddresses", "/Channel", readOrdererAddresses).addresses;
    const own = this.#ordererOrganizations.flatMap(({ msp, endpoints }) =>
      endpoints.map((address) => ({ address, org: msp.id, tlsRoots: msp.tlsRoots })),
    );
    if (this.isV3) {
      if (global.length > 0) throw malformed("no global OrdererAddresses with capability V3_0", global.join(", "));
      const without = this.#ordererOrganizations.find(({ endpoints }) => endpoints.length === 0);
      if (without !== undefined) throw malformed("Endpoints of each orderer organization", `none of ${without.name}`);
    }
    if (own.length > 0) return own;
    const tlsRoots = distinct(this.#ordererOrganizations.flatMap(({ msp }) => msp.tlsRoots));
    return global.map((address) => ({ address, org: "", tlsRoots }));
  }

  #policyWarnings(): readonly string[] {
    const warnings: string[] = [];
    for (const path of Object.values(policyPaths)) {
      if (this.#policies.compiled(path) === undefined)
        warnings.push(`there is no policy ${path}, so nobody satisfies it`);
    }
    const principals = this.#policies.compiled(policyPaths.blockValidation)?.principals ?? [];
    const loose = new Set(
      principals.flatMap((one) => (one.type === "role" && looseRoles.includes(one.role) ? [one.mspId] : [])),
    );
    for (const mspId of loose) {
      warnings.push(`${policyPaths.blockValidation} takes the signature of any member of ${mspId} for an orderer's`);
    }
    return warnings;
  }
}

/** In a buffer of its own: a bundle lives for months, and would pin the message that its block came in. */
function copied(config: Config): Config {
  const copy = readConfig(encodeConfig(config));
  if (copy.ok) return copy.value;
  throw malformed("a configuration that can be read again", `${copy.reason}: ${copy.detail}`);
}

/** Roles that others than orderers have too. */
const looseRoles: readonly string[] = ["member", "client", "peer"];

function named({ name, msp }: OrdererOrganization): { readonly name: string; readonly mspId: string } {
  return { name, mspId: msp.id };
}

/** An organization that got another MSP id would be another organization under the rights of the old one. */
function checkMspIds(
  before: readonly { readonly name: string; readonly mspId: string }[],
  after: readonly { readonly name: string; readonly mspId: string }[],
): void {
  for (const { name, mspId } of before) {
    const now = after.find((one) => one.name === name)?.mspId ?? mspId;
    if (now !== mspId) {
      throw malformed(`organization ${name} to keep MSP id ${JSON.stringify(mspId)}`, JSON.stringify(now));
    }
  }
}

function checkChannelId(channelId: string): void {
  if (channelId.length <= maxChannelIdLength && /^[a-z][a-z0-9.-]*$/.test(channelId)) return;
  throw malformed(
    `a channel id of at most ${maxChannelIdLength} characters, ${"`[a-z][a-z0-9.-]*`"}`,
    JSON.stringify(channelId.slice(0, maxChannelIdLength + 1)),
  );
}

function groupsOf(channelGroup: ConfigGroup): { readonly application: ConfigGroup; readonly orderer: ConfigGroup } {
  for (const name of channelGroup.groups.keys()) {
    if (name === "Consortiums") {
      throw malformed("a channel of applications", "a system channel, which has the group Consortiums");
    }
    if (name !== "Application" && name !== "Orderer") {
      throw malformed("groups Application and Orderer in /Channel", JSON.stringify(name));
    }
  }
  const application = channelGroup.groups.get("Application");
  const orderer = channelGroup.groups.get("Orderer");
  if (application === undefined) throw malformed("a group Application in /Channel", "none");
  if (orderer === undefined) throw malformed("a group Orderer in /Channel", "none");
  onlyValues(channelGroup, "/Channel", [
    ...["HashingAlgorithm", "BlockDataHashingStructure", "OrdererAddresses"],
    ...["Orderers", "Consortium", "Capabilities"],
  ]);
  onlyValues(application, "/Channel/Application", ["ACLs", "Capabilities"]);
  onlyValues(orderer, "/Channel/Orderer", [
    ...["ConsensusType", "BatchSize", "BatchTimeout", "KafkaBrokers", "ChannelRestrictions", "Orderers"],
    ...["Capabilities"],
  ]);
  return { application, orderer };
}

/** Those of the channel, when ours are enough for all three. */
function checkCapabilities(channel: ConfigGroup, application: ConfigGroup, orderer: ConfigGroup): readonly string[] {
  const hasCapabilities = (group: ConfigGroup) => group.values.has("Capabilities");
  if (!hasCapabilities(orderer) && (hasCapabilities(channel) || hasCapabilities(application))) {
    throw malformed("Capabilities of /Channel/Orderer where there are others", "none");
  }
  const ofChannel = capabilitiesOf("Channel", channel);
  const ofApplication = capabilitiesOf("Application", application);
  capabilitiesOf("Orderer", orderer);
  readValue(application, "ACLs", "/Channel/Application", readAcls);
  if (application.values.has("ACLs") && !ofApplication.some((name) => withAcls.includes(name))) {
    throw malformed("ACLs only with capability V1_2 or later of /Channel/Application", "ACLs without it");
  }
  return ofChannel;
}

/** Whatever the algorithm is called, blocks are hashed with SHA-256 (page 13 §4.1). */
function checkHashing(channelGroup: ConfigGroup): void {
  const { name } = readValue(channelGroup, "HashingAlgorithm", "/Channel", readHashingAlgorithm);
  if (name !== "SHA256" && name !== "SHA3_256") {
    throw malformed("HashingAlgorithm SHA256 or SHA3_256", JSON.stringify(name));
  }
  const { width } = readValue(channelGroup, "BlockDataHashingStructure", "/Channel", readBlockDataHashingStructure);
  if (width !== dataHashWidth) throw malformed(`a BlockDataHashingStructure of width ${dataHashWidth}`, `${width}`);
}

/** What orderers could not cut blocks by is a mistake, which no peer of the channel lets pass. */
function checkBatches(orderer: ConfigGroup): void {
  const size = readValue(orderer, "BatchSize", "/Channel/Orderer", readBatchSize);
  const { maxMessageCount, absoluteMaxBytes, preferredMaxBytes } = size;
  if (maxMessageCount === 0 || preferredMaxBytes === 0 || preferredMaxBytes > absoluteMaxBytes) {
    throw malformed("a BatchSize above 0 whose preferred bytes are at most the absolute ones", JSON.stringify(size));
  }
  const { timeout } = readValue(orderer, "BatchTimeout", "/Channel/Orderer", readBatchTimeout);
  if (!positiveDuration.test(timeout)) throw malformed("a BatchTimeout above 0, e.g. 2s", JSON.stringify(timeout));
}

/** A duration as Go reads it, with a digit somewhere that is not 0. */
const positiveDuration = /^(?=.*[1-9])\+?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;

/** Each content once. */
function distinct(contents: readonly Uint8Array[]): readonly Uint8Array[] {
  return [...new Map(contents.map((bytes) => [Buffer.from(bytes).toString("base64"), bytes])).values()];
}
