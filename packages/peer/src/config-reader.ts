import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { decodePrivateKey, decodePublicKey, type TrustedOrganization } from "@gossip/crypto";
import { resolveDeliverConfig } from "@gossip/deliver";
import { type GossipOptions, gossipDefaults, resolveGossipConfig } from "@gossip/node";
import { orgId } from "@gossip/proto";
import { errorText, GossipError } from "@gossip/runtime";
import type {
  DeliveryClientConfig,
  Ed25519Trust,
  LoggingConfig,
  PeerChannelConfig,
  PeerConfig,
  PeerTls,
} from "./config.js";
import type { ConfigRefusals } from "./config-refusals.js";
import type { PeerFile } from "./config-schema.js";
import { formatDuration } from "./duration.js";
import { isWildcard, splitEndpoint } from "./endpoint.js";
import { parseLogSpec } from "./log-spec.js";

type PeerSection = NonNullable<PeerFile["peer"]>;
type OrganizationEntry = NonNullable<PeerSection["organizations"]>[number];
type ChannelEntry = NonNullable<PeerFile["channels"]>[number];

/** Turns what a file says into a config: what is required, what contradicts, and the files it names. */
export class ConfigReader {
  readonly #file: string;
  readonly #content: PeerFile;
  readonly #peer: PeerSection;
  readonly #refusals: ConfigRefusals;
  readonly #warnings: string[] = [];

  constructor(file: string, content: PeerFile, refusals: ConfigRefusals) {
    this.#file = file;
    this.#content = content;
    this.#peer = content.peer ?? {};
    this.#refusals = refusals;
  }

  /** `ignored` are the keys and variables that the schema does not know. */
  async read(ignored: readonly string[]): Promise<PeerConfig> {
    if (ignored.length > 0) this.#warn(`ignored what has no meaning here: ${ignored.join(", ")}`);
    const { gossip } = this.#peer;
    const id = this.#required("peer.id", "to be a name", this.#peer.id);
    const localMspId = orgId(this.#required("peer.localMspId", "to be an MSP identifier", this.#peer.localMspId));
    const folder = this.#required("peer.fileSystemPath", "to be the path of a folder", this.#peer.fileSystemPath);
    const listenAddress = this.#required("peer.listenAddress", "to be host:port", this.#peer.listenAddress);
    return {
      id,
      localMspId,
      fileSystemPath: this.#path(folder),
      listenAddress,
      ...present("endpoint", this.#endpoint(listenAddress)),
      ...present("externalEndpoint", this.#dialable("peer.gossip.externalEndpoint", gossip?.externalEndpoint)),
      ...present("bootstrap", gossip?.bootstrap),
      orgLeader: this.#isLeader(),
      gossip: this.#gossip(),
      deliveryClient: this.#deliveryClient(),
      metricsProvider: this.#metricsProvider(),
      ...present("operations", this.#operations()),
      logging: this.#logging(),
      trust: await this.#trust(),
      ...present("tls", await this.#tls()),
      channels: await inOrder(this.#content.channels, (channel, at) => this.#channel(channel, at)),
      warnings: this.#warnings,
    };
  }

  #endpoint(listenAddress: string): string | undefined {
    const endpoint = this.#dialable("peer.gossip.endpoint", this.#peer.gossip?.endpoint);
    if (endpoint !== undefined) return endpoint;
    const address = this.#dialable("peer.address", this.#peer.address);
    if (address === undefined && isWildcard(splitEndpoint(listenAddress)?.host ?? "")) {
      throw this.#refusals.refuse("peer.address", `to be set while peer.listenAddress is ${listenAddress}`);
    }
    return address;
  }

  #dialable(key: string, endpoint: string | undefined): string | undefined {
    if (endpoint !== undefined && isWildcard(splitEndpoint(endpoint)?.host ?? "")) {
      throw this.#refusals.refuse(key, "to be an address that other peers can dial");
    }
    return endpoint;
  }

  #isLeader(): boolean {
    const { orgLeader = false, useLeaderElection = false } = this.#peer.gossip ?? {};
    if (orgLeader && useLeaderElection) {
      throw this.#refusals.refuse("peer.gossip.useLeaderElection", "to be false while peer.gossip.orgLeader is true");
    }
    if (useLeaderElection) {
      this.#warn("peer.gossip.useLeaderElection has no effect yet: leaders are those with peer.gossip.orgLeader");
    }
    return orgLeader;
  }

  #gossip(): GossipOptions {
    const { gossip = {}, maxRecvMsgSize } = this.#peer;
    const { state = {} } = gossip;
    const config = {
      ...present("membershipTrackerIntervalMs", gossip.membershipTrackerInterval),
      ...present("publishCertPeriodMs", gossip.publishCertPeriod),
      ...present("aliveTimeIntervalMs", gossip.aliveTimeInterval),
      ...present("aliveExpirationTimeoutMs", gossip.aliveExpirationTimeout),
      ...present("reconnectIntervalMs", gossip.reconnectInterval),
      ...present("maxConnectionAttempts", gossip.maxConnectionAttempts),
      ...present("msgExpirationFactor", gossip.msgExpirationFactor),
      ...present("propagateIterations", gossip.propagateIterations),
      ...present("propagatePeerNum", gossip.propagatePeerNum),
      ...present("maxPropagationBurstSize", gossip.maxPropagationBurstSize),
      ...present("maxPropagationBurstLatencyMs", gossip.maxPropagationBurstLatency),
      ...present("maxBlockCountToStore", gossip.maxBlockCountToStore),
      ...present("pullIntervalMs", gossip.pullInterval),
      ...present("pullPeerNum", gossip.pullPeerNum),
      ...present("digestWaitTimeMs", gossip.digestWaitTime),
      ...present("requestWaitTimeMs", gossip.requestWaitTime),
      ...present("responseWaitTimeMs", gossip.responseWaitTime),
      ...present("requestStateInfoIntervalMs", gossip.requestStateInfoInterval),
      ...present("publishStateInfoIntervalMs", gossip.publishStateInfoInterval),
      ...present("dialTimeoutMs", gossip.dialTimeout),
      ...present("connTimeoutMs", gossip.connTimeout),
      ...present("recvBufferSize", gossip.recvBuffSize),
      ...present("recvBufferBytes", gossip.recvBuffBytes),
      ...present("sendBufferSize", gossip.sendBuffSize),
      ...present("sendBufferBytes", gossip.sendBuffBytes),
      ...present("maxMessageBytes", maxRecvMsgSize),
      ...present("maxConnections", gossip.maxConnections),
      ...present("maxPendingHandshakes", gossip.maxPendingHandshakes),
      state: {
        ...present("enabled", state.enabled),
        ...present("checkIntervalMs", state.checkInterval),
        ...present("responseTimeoutMs", state.responseTimeout),
        ...present("batchSize", state.batchSize),
        ...present("maxRetries", state.maxRetries),
        ...present("blockBufferSize", state.blockBufferSize),
        ...present("blockBufferBytes", state.blockBufferBytes),
        ...present("channelSize", state.channelSize),
      },
    } satisfies GossipOptions;
    this.#checkRelations(config);
    this.#checked("peer.gossip", () => resolveGossipConfig(config));
    return config;
  }

  /** The reference checks none of these (page 12 §7 no. 5) and fails strangely later; said here in the words of the file. */
  #checkRelations(options: Omit<GossipOptions, "state">): void {
    const config = { ...gossipDefaults, ...options };
    const { aliveTimeIntervalMs, digestWaitTimeMs, requestWaitTimeMs, responseWaitTimeMs, maxMessageBytes } = config;
    // Without a value of its own, this one follows the interval (page 12 §2.1).
    const aliveExpirationTimeoutMs = options.aliveExpirationTimeoutMs ?? Number.POSITIVE_INFINITY;
    this.#above(
      "aliveExpirationTimeout",
      aliveExpirationTimeoutMs,
      "peer.gossip.aliveTimeInterval",
      aliveTimeIntervalMs,
    );
    this.#above("requestWaitTime", requestWaitTimeMs, "peer.gossip.digestWaitTime", digestWaitTimeMs);
    const waits = "peer.gossip.digestWaitTime and responseWaitTime together";
    this.#above("pullInterval", config.pullIntervalMs, waits, digestWaitTimeMs + responseWaitTimeMs);
    if (config.sendBufferBytes < maxMessageBytes) {
      const expected = `to be at least peer.maxRecvMsgSize (${maxMessageBytes})`;
      throw this.#refusals.refuse("peer.gossip.sendBuffBytes", expected, String(config.sendBufferBytes));
    }
  }

  #above(name: string, valueMs: number, bound: string, boundMs: number): void {
    if (valueMs > boundMs) return;
    const expected = `to be above ${bound} (${formatDuration(boundMs)})`;
    throw this.#refusals.refuse(`peer.gossip.${name}`, expected, formatDuration(valueMs));
  }

  /** What another package refuses for reasons of its own still names the file. */
  #checked(key: string, check: () => unknown): void {
    try {
      check();
    } catch (error) {
      throw this.#refusals.wrap(key, error);
    }
  }

  #deliveryClient(): DeliveryClientConfig {
    const { deliveryclient = {}, keepalive } = this.#peer;
    if (deliveryclient.blockGossipEnabled === false) {
      this.#warn("peer.deliveryclient.blockGossipEnabled has no effect: a leader gossips the blocks it pulls");
    }
    const overrides = (deliveryclient.addressOverrides ?? []).map(({ from, to }, at) => {
      const key = `peer.deliveryclient.addressOverrides[${at}]`;
      return {
        from: this.#required(`${key}.from`, "to be host:port", from),
        to: this.#required(`${key}.to`, "to be host:port", to),
      };
    });
    const config = {
      ...present("connTimeoutMs", deliveryclient.connTimeout),
      ...present("minimalReconnectIntervalMs", deliveryclient.minimalReconnectInterval),
      ...present("reconnectBackoffThresholdMs", deliveryclient.reConnectBackoffThreshold),
      ...present("keepaliveIntervalMs", keepalive?.deliveryClient?.interval),
      ...present("keepaliveTimeoutMs", keepalive?.deliveryClient?.timeout),
      ...present("maxMessageBytes", this.#peer.maxRecvMsgSize),
    };
    this.#checked("peer.deliveryclient", () => resolveDeliverConfig(config));
    return overrides.length === 0 ? config : { ...config, addressOverrides: overrides };
  }

  #metricsProvider(): "prometheus" | "disabled" {
    const provider = this.#content.metrics?.provider;
    if (provider === "prometheus") return provider;
    if (provider !== undefined && provider !== "disabled") {
      this.#warn(`metrics.provider ${provider} is not supported, nothing is counted: expected prometheus or disabled`);
    }
    return "disabled";
  }

  #operations(): PeerConfig["operations"] {
    const { operations } = this.#content;
    // Serving in the clear what was meant to be protected would be unsafe; everything else that is unknown is a warning.
    if (operations?.tls?.enabled === true) {
      throw this.#refusals.refuse("operations.tls.enabled", "to be false: the operations service speaks plain HTTP");
    }
    if (operations?.listenAddress === undefined) return undefined;
    const { listenAddress } = operations;
    if (listenAddress === this.#peer.listenAddress && splitEndpoint(listenAddress)?.port !== 0) {
      throw this.#refusals.refuse("operations.listenAddress", "to be another address than peer.listenAddress");
    }
    return { listenAddress };
  }

  #logging(): LoggingConfig {
    const { spec, format } = this.#content.logging ?? {};
    if (spec !== undefined) {
      this.#checked("logging.spec", () => parseLogSpec(spec));
    }
    return { ...present("spec", spec), ...present("format", this.#logFormat(format)) };
  }

  #logFormat(format: string | undefined): LoggingConfig["format"] {
    if (format === undefined || format === "json" || format === "console") return format;
    // What Fabric understands must not keep a peer from starting: the format is a matter of taste.
    if (format !== "logfmt" && !format.includes("%{")) {
      throw this.#refusals.refuse("logging.format", "to be json or console");
    }
    this.#warn(`logging.format ${format} is not supported: lines are written as for console`);
    return "console";
  }

  async #trust(): Promise<Ed25519Trust> {
    const { trust, identity, organizations } = this.#peer;
    this.#required("peer.trust", "to be ed25519", trust);
    const identityFile = this.#required("peer.identity.file", "to be the path of a file", identity?.file);
    const keyFile = this.#required("peer.identity.keyFile", "to be the path of a file", identity?.keyFile);
    return {
      type: "ed25519",
      identity: await this.#read("peer.identity.file", identityFile),
      privateKey: await this.#readKey("peer.identity.keyFile", keyFile, decodePrivateKey),
      organizations: await inOrder(organizations, (organization, at) => this.#organization(organization, at)),
    };
  }

  async #organization({ id, rootKey, rootKeyFile }: OrganizationEntry, at: number): Promise<TrustedOrganization> {
    const key = `peer.organizations[${at}]`;
    const organization = orgId(this.#required(`${key}.id`, "to be an MSP identifier", id));
    if (rootKey !== undefined && rootKeyFile === undefined) {
      return { id: organization, rootPublicKey: new Uint8Array(Buffer.from(rootKey, "hex")) };
    }
    if (rootKey !== undefined || rootKeyFile === undefined) {
      throw this.#refusals.refuse(key, "to have one of rootKey and rootKeyFile");
    }
    return { id: organization, rootPublicKey: await this.#readKey(`${key}.rootKeyFile`, rootKeyFile, decodeRootKey) };
  }

  async #tls(): Promise<PeerTls | undefined> {
    const { tls } = this.#peer;
    if (tls?.enabled !== true) return undefined;
    const needed = (key: string, path: string | undefined) =>
      this.#required(key, "to be the path of a file while peer.tls.enabled is true", path);
    const [clientCert, clientKey] = [tls.clientCert?.file, tls.clientKey?.file];
    if ((clientCert === undefined) !== (clientKey === undefined)) {
      const [missing, other] = clientCert === undefined ? ["clientCert", "clientKey"] : ["clientKey", "clientCert"];
      throw this.#refusals.refuse(`peer.tls.${missing}.file`, `to be set beside peer.tls.${other}.file`);
    }
    const [certFile, keyFile, rootFile] = [
      needed("peer.tls.cert.file", tls.cert?.file),
      needed("peer.tls.key.file", tls.key?.file),
      needed("peer.tls.rootcert.file", tls.rootcert?.file),
    ];
    const client =
      clientCert === undefined || clientKey === undefined
        ? undefined
        : await this.#tlsPair("peer.tls.clientCert.file", clientCert, "peer.tls.clientKey.file", clientKey);
    return {
      ...(await this.#tlsPair("peer.tls.cert.file", certFile, "peer.tls.key.file", keyFile)),
      ...(client === undefined ? {} : { clientCert: client.cert, clientKey: client.key }),
      rootCerts: [await this.#readCertificates("peer.tls.rootcert.file", rootFile)],
      clientRootCas: await inOrder(tls.clientRootCAs?.files, (path) =>
        this.#readCertificates("peer.tls.clientRootCAs.files", path),
      ),
      clientAuthRequired: tls.clientAuthRequired ?? false,
    };
  }

  async #tlsPair(certName: string, certPath: string, keyName: string, keyPath: string) {
    const cert = await this.#readCertificates(certName, certPath);
    const key = await this.#read(keyName, keyPath);
    let privateKey: KeyObject;
    try {
      privateKey = createPrivateKey(Buffer.from(key));
    } catch (error) {
      const got = `other contents at ${this.#path(keyPath)}`;
      throw this.#refusals.refuse(keyName, "to name a file with a private key in PEM", got, error);
    }
    if (!new X509Certificate(cert).checkPrivateKey(privateKey)) {
      throw this.#refusals.refuse(keyName, `to name the key of ${certName}`, `another key at ${this.#path(keyPath)}`);
    }
    return { cert, key };
  }

  async #readCertificates(key: string, path: string): Promise<Uint8Array> {
    const pem = await this.#read(key, path);
    try {
      new X509Certificate(pem);
    } catch (error) {
      const got = `other contents at ${this.#path(path)}`;
      throw this.#refusals.refuse(key, "to name a file with certificates in PEM", got, error);
    }
    return pem;
  }

  async #channel({ genesisBlock }: ChannelEntry, at: number): Promise<PeerChannelConfig> {
    const key = `channels[${at}].genesisBlock`;
    return { genesisBlock: await this.#read(key, this.#required(key, "to be the path of a file", genesisBlock)) };
  }

  #required<T>(key: string, expected: string, value: T | undefined): T {
    if (value === undefined) throw this.#refusals.refuse(key, expected);
    return value;
  }

  #path(path: string): string {
    return resolve(dirname(this.#file), path);
  }

  async #read(key: string, path: string): Promise<Uint8Array> {
    try {
      // A copy, since small files lie in a pool that Node shares between them.
      return new Uint8Array(await readFile(this.#path(path)));
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
      const got = isMissing ? `no file at ${this.#path(path)}` : errorText(error);
      throw this.#refusals.refuse(key, "to name a readable file", got, error);
    }
  }

  async #readKey(key: string, path: string, decode: (pem: string) => Uint8Array): Promise<Uint8Array> {
    const pem = await this.#read(key, path);
    try {
      return decode(new TextDecoder().decode(pem));
    } catch (error) {
      throw this.#refusals.wrap(key, error, this.#path(path));
    }
  }

  #warn(text: string): void {
    this.#warnings.push(`${this.#file}: ${text}`);
  }
}

/** The entry alone, or nothing: how an optional property is set under `exactOptionalPropertyTypes`. */
function present<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: V });
}

function decodeRootKey(pem: string): Uint8Array {
  // The public key could be derived, and nobody would notice that an organization's root key lies on a peer.
  if (pem.includes("PRIVATE KEY-----")) {
    throw new GossipError("invalid-config", "expected an Ed25519 public key in PEM, got a private key");
  }
  return decodePublicKey(pem);
}

/** One at a time, so that of several bad files the first in the config is the one named. */
async function inOrder<T, R>(items: readonly T[] | undefined, use: (item: T, at: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const [at, item] of (items ?? []).entries()) results.push(await use(item, at));
  return results;
}
