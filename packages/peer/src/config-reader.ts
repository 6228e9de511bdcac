import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { decodePrivateKey, decodePublicKey, type TrustedOrganization } from "@gossip/crypto";
import { orgId } from "@gossip/proto";
import { errorText, GossipError } from "@gossip/runtime";
import type { Ed25519Trust, FabricTrust, PeerChannelConfig, PeerConfig } from "./config.js";
import { hostAddress } from "./config-fabric.js";
import { inOrder } from "./config-files.js";
import { readGossip } from "./config-gossip.js";
import { type PeerSection, present, type Reading } from "./config-reading.js";
import type { PeerFile } from "./config-schema.js";
import {
  readDeliveryClient,
  readKeepalive,
  readLogging,
  readMetricsProvider,
  readOperations,
  readPrivateData,
} from "./config-services.js";
import { readPeerTls } from "./config-tls.js";
import { describeWithoutEffect } from "./config-without-effect.js";
import { isWildcard, joinEndpoint, splitEndpoint } from "./endpoint.js";

type OrganizationEntry = NonNullable<PeerSection["organizations"]>[number];
type ChannelEntry = NonNullable<PeerFile["channels"]>[number];

/** What a caller may add to a peer's file. */
export interface ReadPeerConfigOptions {
  /**
   * Files with the genesis block of a channel to join, and to remember for later starts; relative to the working
   * directory.
   *
   * @default none
   */
  readonly channelBlocks?: readonly string[];
  /**
   * An address of this machine that others can reach, for a `core.yaml` that names none.
   *
   * @default the first IPv4 address that is no loopback
   */
  readonly hostAddress?: () => string | undefined;
}

/** Turns what a file says into a config: what is required, what contradicts, and the files it names. */
export async function readConfig(reading: Reading, options: ReadPeerConfigOptions): Promise<PeerConfig> {
  const { peer, content, isFabric, files } = reading;
  const { gossip, deliveryclient } = peer;
  // Fabric does not need a name; its peers know each other by endpoints.
  const id = peer.id ?? (isFabric ? (gossip?.endpoint ?? peer.address ?? peer.listenAddress) : undefined);
  const name = reading.required("peer.id", "to be a name", id);
  const localMspId = orgId(reading.required("peer.localMspId", "to be an MSP identifier", peer.localMspId));
  const folder = reading.required("peer.fileSystemPath", "to be the path of a folder", peer.fileSystemPath);
  const listenAddress = reading.required("peer.listenAddress", "to be host:port", peer.listenAddress);
  const config: PeerConfig = {
    id: name,
    localMspId,
    fileSystemPath: files.path(folder),
    listenAddress,
    ...present("endpoint", readEndpoint(reading, listenAddress, options)),
    ...present("externalEndpoint", readExternalEndpoint(reading)),
    ...present("bootstrap", gossip?.bootstrap),
    ...readLeadership(reading),
    ...present("ordererTimeoutMs", gossip?.election?.ordererTimeout),
    ...present("blockGossip", deliveryclient?.blockGossipEnabled),
    gossip: readGossip(reading),
    ...present("keepalive", readKeepalive(reading)),
    deliveryClient: await readDeliveryClient(reading),
    metricsProvider: readMetricsProvider(reading),
    ...present("operations", await readOperations(reading)),
    logging: readLogging(reading),
    ...present("privateData", readPrivateData(reading)),
    trust: isFabric ? readFabricTrust(reading) : await readEd25519Trust(reading),
    ...present("tls", await readPeerTls(reading)),
    channels: [
      ...(await inOrder(content.channels, (channel, at) => readChannel(reading, channel, at))),
      ...(await inOrder(options.channelBlocks, (path) => readChannelBlock(path))),
    ],
  };
  if (isFabric) nameSizes(reading);
  return { ...config, warnings: [...withoutEffect(reading), ...reading.warnings] };
}

/** Few warnings, so that nobody reads many lines to learn that parts of the file are not for this peer. */
function withoutEffect({ file, unknown, isFabric, withoutEffect: said }: Reading): readonly string[] {
  if (isFabric) return describeWithoutEffect(unknown, said).map((text) => `${file}: ${text}`);
  const text = [...unknown.map(({ path }) => path), ...said].join(", ");
  return text === "" ? [] : [`${file}: ignored what has no meaning here: ${text}`];
}

/** One bound serves both ways here. */
function nameSizes({ peer: { maxSendMsgSize, maxRecvMsgSize = 104_857_600 }, withoutEffect: said }: Reading): void {
  if (maxSendMsgSize !== undefined && maxSendMsgSize !== maxRecvMsgSize) {
    said.push("peer.maxSendMsgSize (peer.maxRecvMsgSize bounds what is sent, too)");
  }
}

function readEndpoint(reading: Reading, listenAddress: string, options: ReadPeerConfigOptions): string | undefined {
  const { peer, refusals, isFabric } = reading;
  const isWanted = isFabric && peer.addressAutoDetect === true && peer.gossip?.endpoint === undefined;
  const [key, endpoint] =
    peer.gossip?.endpoint === undefined
      ? ["peer.address", peer.address]
      : ["peer.gossip.endpoint", peer.gossip.endpoint];
  if (endpoint === undefined) {
    if (!isWildcard(splitEndpoint(listenAddress)?.host ?? "")) return undefined;
    throw refusals.refuse("peer.address", `to be set while peer.listenAddress is ${listenAddress}`);
  }
  if (!isWanted && !isWildcard(splitEndpoint(endpoint)?.host ?? "")) return endpoint;
  const expected = "to be an address that other peers can dial";
  if (!isFabric) throw refusals.refuse(key, expected);
  // A Fabric peer looks for an address of its machine.
  const host = (options.hostAddress ?? hostAddress)();
  if (host === undefined) throw refusals.refuse(key, expected, `${endpoint} on a machine that has none to itself`);
  const found = joinEndpoint(host, splitEndpoint(endpoint)?.port ?? 0);
  reading.warn(key, `${key} is ${endpoint}: other peers are told to dial ${found}`);
  return found;
}

function readExternalEndpoint({ peer, refusals, isFabric, warnings }: Reading): string | undefined {
  const key = "peer.gossip.externalEndpoint";
  const endpoint = peer.gossip?.externalEndpoint;
  if (endpoint === undefined || !isWildcard(splitEndpoint(endpoint)?.host ?? "")) return endpoint;
  const expected = "to be an address that other peers can dial";
  if (!isFabric) throw refusals.refuse(key, expected);
  warnings.push(`${refusals.describe(key, expected)}: the peer stays hidden from other organizations`);
  return undefined;
}

function readLeadership({ peer, refusals }: Reading): Pick<PeerConfig, "orgLeader" | "leaderElection"> {
  const { orgLeader = false, useLeaderElection = false } = peer.gossip ?? {};
  if (orgLeader && useLeaderElection) {
    throw refusals.refuse("peer.gossip.useLeaderElection", "to be false while peer.gossip.orgLeader is true");
  }
  return { orgLeader, leaderElection: useLeaderElection };
}

/** Refuses keys that cannot be had from an MSP folder. */
function readFabricTrust(reading: Reading): FabricTrust {
  const { peer, refusals, files, withoutEffect: said } = reading;
  const { BCCSP, localMspType = "bccsp", mspConfigPath, identity, organizations, revocations } = peer;
  const provider = BCCSP?.Default ?? "SW";
  if (provider !== "SW") {
    const cure = "to be SW, with the private key in the folder keystore of peer.mspConfigPath";
    throw refusals.refuse("peer.BCCSP.Default", `${cure} (keys in a hardware module cannot be used)`);
  }
  if (localMspType !== "bccsp") throw refusals.refuse("peer.localMspType", "to be bccsp, for X.509 certificates");
  if (BCCSP?.SW?.FileKeyStore?.KeyStore !== undefined) {
    said.push(
      "peer.BCCSP.SW.FileKeyStore.KeyStore (the key is looked for in the folder keystore of peer.mspConfigPath)",
    );
  }
  for (const [key, value] of Object.entries({ identity, organizations, revocations })) {
    if (value !== undefined) said.push(`peer.${key} (for peer.trust: ed25519 only)`);
  }
  const path = reading.required("peer.mspConfigPath", "to be the path of an MSP folder", mspConfigPath);
  return { type: "fabric", mspConfigPath: files.path(path) };
}

async function readEd25519Trust(reading: Reading): Promise<Ed25519Trust> {
  const { trust, identity, organizations, revocations, mspConfigPath } = reading.peer;
  reading.required("peer.trust", "to be ed25519, or peer.mspConfigPath to be the path of an MSP folder", trust);
  if (mspConfigPath !== undefined) reading.withoutEffect.push("peer.mspConfigPath");
  const identityFile = reading.required("peer.identity.file", "to be the path of a file", identity?.file);
  const keyFile = reading.required("peer.identity.keyFile", "to be the path of a file", identity?.keyFile);
  return {
    type: "ed25519",
    identity: await reading.files.read("peer.identity.file", identityFile),
    privateKey: await reading.files.readAs("peer.identity.keyFile", keyFile, decodePrivateKey),
    organizations: await inOrder(organizations, (organization, at) => readOrganization(reading, organization, at)),
    ...(revocations?.file === undefined ? {} : { revocationsFile: reading.files.path(revocations.file) }),
  };
}

async function readOrganization(
  reading: Reading,
  { id, rootKey, rootKeyFile }: OrganizationEntry,
  at: number,
): Promise<TrustedOrganization> {
  const { refusals, files } = reading;
  const key = `peer.organizations[${at}]`;
  const organization = orgId(reading.required(`${key}.id`, "to be an MSP identifier", id));
  if (rootKey !== undefined && rootKeyFile === undefined) {
    return { id: organization, rootPublicKey: new Uint8Array(Buffer.from(rootKey, "hex")) };
  }
  if (rootKey !== undefined || rootKeyFile === undefined) {
    throw refusals.refuse(key, "to have one of rootKey and rootKeyFile");
  }
  return { id: organization, rootPublicKey: await files.readAs(`${key}.rootKeyFile`, rootKeyFile, decodeRootKey) };
}

function decodeRootKey(pem: string): Uint8Array {
  // The public key could be derived, and nobody would notice that an organization's root key lies on a peer.
  if (pem.includes("PRIVATE KEY-----")) {
    throw new GossipError("invalid-config", "expected an Ed25519 public key in PEM, got a private key");
  }
  return decodePublicKey(pem);
}

async function readChannel(reading: Reading, { genesisBlock }: ChannelEntry, at: number): Promise<PeerChannelConfig> {
  const key = `channels[${at}].genesisBlock`;
  const path = reading.required(key, "to be the path of a file", genesisBlock);
  return { genesisBlock: await reading.files.read(key, path) };
}

/** Named by whoever starts the peer, so it is relative to where that one is. */
async function readChannelBlock(path: string): Promise<PeerChannelConfig> {
  const origin = `--channel-block ${path}`;
  try {
    return { genesisBlock: new Uint8Array(await readFile(path)), remember: true, origin };
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const got = isMissing ? `no file at ${resolve(path)}` : errorText(error);
    throw new GossipError(
      "invalid-config",
      `${origin}: expected a readable file with block 0 of a channel, got ${got}`,
      {
        cause: error,
      },
    );
  }
}
