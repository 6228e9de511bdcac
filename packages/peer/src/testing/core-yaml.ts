import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTlsAuthority } from "@gossip/comm/grpc";
import { assert } from "@gossip/runtime";
import { stringify } from "yaml";
import type { PeerConfig } from "../config.js";
import { type Environment, readPeerConfig } from "../config-file.js";
import type { ReadPeerConfigOptions } from "../config-reader.js";

/** Any mapping of YAML. */
export type Mapping = { readonly [key: string]: unknown };

/** A folder with a `core.yaml` and the files that it may name, for tests. */
export class CoreFolder {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  /** Makes the folder; it has `server`, `client` and `ca` as `.crt` and `.key`, a `channel.block`, and `text`, which is no PEM. */
  static async make(): Promise<CoreFolder> {
    const dir = await mkdtemp(join(tmpdir(), "gossip-core-"));
    const authority = await createTlsAuthority({ name: "tls-ca" });
    const pairs = {
      ca: authority,
      server: await authority.issue({ name: "server", hosts: ["127.0.0.1"] }),
      client: await authority.issue({ name: "client", hosts: [] }),
    };
    for (const [name, { cert, key }] of Object.entries(pairs)) {
      await writeFile(join(dir, `${name}.crt`), cert);
      await writeFile(join(dir, `${name}.key`), key);
    }
    await writeFile(join(dir, "channel.block"), "block bytes");
    await writeFile(join(dir, "text"), "no PEM");
    return new CoreFolder(dir);
  }

  get file(): string {
    return join(this.dir, "core.yaml");
  }

  /** Reads `content` as this folder's `core.yaml`. */
  async read(content: Mapping, env: Environment = {}, options: ReadPeerConfigOptions = {}): Promise<PeerConfig> {
    await writeFile(this.file, stringify(content));
    return await readPeerConfig(this.file, env, options);
  }

  /** Why `content` is refused. @throws when it is not */
  async refusal(content: Mapping, env: Environment = {}, options: ReadPeerConfigOptions = {}): Promise<string> {
    const error: unknown = await this.read(content, env, options).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert(error instanceof Error, "expected the configuration to be refused");
    return error.message;
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** What a Fabric peer's file must hold at least. */
export const leastCore: Mapping = {
  peer: {
    id: "peer0",
    listenAddress: "127.0.0.1:7051",
    address: "127.0.0.1:7051",
    fileSystemPath: "data",
    mspConfigPath: "msp",
    localMspId: "Org1MSP",
  },
};

/** `content` with the value at a dotted key set. */
export function withKey(content: Mapping, key: string, value: unknown): Mapping {
  const [head = "", ...rest] = key.split(".");
  const inner = content[head];
  const section = typeof inner === "object" && inner !== null && !Array.isArray(inner) ? (inner as Mapping) : {};
  return { ...content, [head]: rest.length === 0 ? value : withKey(section, rest.join("."), value) };
}

/** The keys of the file that Fabric 3.1 ships, with values of our own; what it leaves empty is empty here. */
export const wholeCore: Mapping = {
  peer: {
    id: "shop",
    networkId: "trial",
    listenAddress: "0.0.0.0:7051",
    address: "0.0.0.0:7051",
    addressAutoDetect: false,
    gateway: { enabled: true, endorsementTimeout: "20s", broadcastTimeout: "20s", dialTimeout: "1m" },
    keepalive: {
      interval: "3600s",
      timeout: "10s",
      minInterval: "60s",
      client: { interval: "60s", timeout: "15s" },
      deliveryClient: { interval: "70s", timeout: "25s" },
    },
    gossip: {
      bootstrap: "127.0.0.1:7051",
      useLeaderElection: false,
      orgLeader: true,
      membershipTrackerInterval: "6s",
      endpoint: null,
      maxBlockCountToStore: 12,
      maxPropagationBurstLatency: "12ms",
      maxPropagationBurstSize: 11,
      propagateIterations: 2,
      propagatePeerNum: 4,
      pullInterval: "5s",
      pullPeerNum: 2,
      requestStateInfoInterval: "3s",
      publishStateInfoInterval: "2s",
      stateInfoRetentionInterval: null,
      publishCertPeriod: "11s",
      skipBlockVerification: false,
      dialTimeout: "4s",
      connTimeout: "3s",
      recvBuffSize: 21,
      sendBuffSize: 201,
      digestWaitTime: "900ms",
      requestWaitTime: "1600ms",
      responseWaitTime: "1900ms",
      aliveTimeInterval: "4s",
      aliveExpirationTimeout: "21s",
      reconnectInterval: "22s",
      maxConnectionAttempts: 100,
      msgExpirationFactor: 19,
      externalEndpoint: null,
      election: {
        startupGracePeriod: "14s",
        membershipSampleInterval: "2s",
        leaderAliveThreshold: "11s",
        leaderElectionDuration: "6s",
      },
      pvtData: {
        pullRetryThreshold: "50s",
        transientstoreMaxBlockRetention: 1500,
        pushAckTimeout: "4s",
        btlPullMargin: 9,
        reconcileBatchSize: 9,
        reconcileSleepInterval: "2m",
        reconciliationEnabled: true,
        skipPullingInvalidTransactionsDuringCommit: false,
        implicitCollectionDisseminationPolicy: { requiredPeerCount: 0, maxPeerCount: 2 },
      },
      state: {
        enabled: false,
        checkInterval: "9s",
        responseTimeout: "4s",
        batchSize: 9,
        blockBufferSize: 19,
        maxRetries: 4,
      },
    },
    tls: {
      enabled: false,
      clientAuthRequired: false,
      cert: { file: "server.crt" },
      key: { file: "server.key" },
      rootcert: { file: "ca.crt" },
      clientRootCAs: { files: ["absent.crt"] },
      clientKey: { file: null },
      clientCert: { file: null },
    },
    authentication: { timewindow: "10m" },
    fileSystemPath: "/var/lib/shop",
    BCCSP: {
      Default: "SW",
      SW: { Hash: "SHA2", Security: 256, FileKeyStore: { KeyStore: null } },
      PKCS11: { Library: null, Label: null, Pin: null, Hash: null, Security: null },
    },
    mspConfigPath: "msp",
    localMspId: "ShopMSP",
    client: { connTimeout: "4s" },
    deliveryclient: {
      blockGossipEnabled: false,
      reconnectTotalTimeThreshold: "1800s",
      connTimeout: "4s",
      reConnectBackoffThreshold: "1200s",
      blockCensorshipTimeoutKey: "20s",
      minimalReconnectInterval: "200ms",
      addressOverrides: null,
      policy: "cluster",
    },
    localMspType: "bccsp",
    profile: { enabled: false, listenAddress: "0.0.0.0:6060" },
    handlers: { authFilters: [{ name: "DefaultAuth" }], validators: { vscc: { name: "DefaultValidation" } } },
    validatorPoolSize: null,
    discovery: { enabled: true, authCacheMaxSize: 900 },
    limits: { concurrency: { endorserService: 2000 } },
    maxRecvMsgSize: 90_000_000,
    maxSendMsgSize: 90_000_000,
  },
  vm: { endpoint: "unix:///var/run/docker.sock", docker: { attachStdout: false } },
  chaincode: { pull: false, mode: "net", logging: { level: "info" } },
  ledger: {
    blockchain: null,
    state: { stateDatabase: "goleveldb" },
    snapshots: { rootDir: "/var/lib/shop/snapshots" },
  },
  operations: {
    listenAddress: "127.0.0.1:9443",
    tls: {
      enabled: false,
      cert: { file: null },
      key: { file: null },
      clientAuthRequired: false,
      clientRootCAs: { files: [] },
    },
  },
  metrics: { provider: "disabled", statsd: { network: "udp", address: "127.0.0.1:8125", prefix: null } },
};
