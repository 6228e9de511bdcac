import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PeerConfig } from "./config.js";
import { leaves } from "./config-schema.js";
import { keysWithoutEffect } from "./config-without-effect.js";
import { CoreFolder, leastCore, withKey } from "./testing/core-yaml.js";

let folder: CoreFolder;

beforeAll(async () => {
  folder = await CoreFolder.make();
});

afterAll(async () => await folder.remove());

interface KeyCase {
  readonly key: string;
  /** In the file, and what becomes of it. */
  readonly file: readonly [unknown, unknown];
  /** In the variable, and what becomes of it. */
  readonly env: readonly [string, unknown];
  get(config: PeerConfig): unknown;
}

const milliseconds = (key: string, get: KeyCase["get"]): KeyCase => ({
  key,
  file: ["7s", 7000],
  env: ["8500ms", 8500],
  get,
});

const count = (key: string, get: KeyCase["get"]): KeyCase => ({ key, file: [7, 7], env: ["8", 8], get });

const flag = (key: string, get: KeyCase["get"]): KeyCase => ({ key, file: [true, true], env: ["false", false], get });

const text = (key: string, file: string, env: string, get: KeyCase["get"]): KeyCase => ({
  key,
  file: [file, file],
  env: [env, env],
  get,
});

const endpoint = (key: string, get: KeyCase["get"]) => text(key, "10.0.0.1:71", "10.0.0.2:72", get);

const gossip = (name: string) => `peer.gossip.${name}`;

const times: readonly (readonly [string, keyof NonNullable<PeerConfig["gossip"]>])[] = [
  ["membershipTrackerInterval", "membershipTrackerIntervalMs"],
  ["publishCertPeriod", "publishCertPeriodMs"],
  ["aliveExpirationTimeout", "aliveExpirationTimeoutMs"],
  ["reconnectInterval", "reconnectIntervalMs"],
  ["maxPropagationBurstLatency", "maxPropagationBurstLatencyMs"],
  ["pullInterval", "pullIntervalMs"],
  ["requestWaitTime", "requestWaitTimeMs"],
  ["requestStateInfoInterval", "requestStateInfoIntervalMs"],
  ["publishStateInfoInterval", "publishStateInfoIntervalMs"],
  ["dialTimeout", "dialTimeoutMs"],
  ["connTimeout", "connTimeoutMs"],
];

const counts: readonly (readonly [string, keyof NonNullable<PeerConfig["gossip"]>])[] = [
  ["maxConnectionAttempts", "maxConnectionAttempts"],
  ["msgExpirationFactor", "msgExpirationFactor"],
  ["propagateIterations", "propagateIterations"],
  ["propagatePeerNum", "propagatePeerNum"],
  ["maxPropagationBurstSize", "maxPropagationBurstSize"],
  ["pullPeerNum", "pullPeerNum"],
  ["maxBlockCountToStore", "maxBlockCountToStore"],
  ["recvBuffSize", "recvBufferSize"],
  ["recvBuffBytes", "recvBufferBytes"],
  ["sendBuffSize", "sendBufferSize"],
  ["maxConnections", "maxConnections"],
  ["maxPendingHandshakes", "maxPendingHandshakes"],
  ["maxHandshakesPerSecond", "maxHandshakesPerSecond"],
];

const stateCounts = [
  "maxRequests",
  "windowBlocks",
  "batchSize",
  "maxRetries",
  "blockBufferSize",
  "blockBufferBytes",
  "channelSize",
] as const;

const keys: readonly KeyCase[] = [
  text("peer.id", "one", "two", ({ id }) => id),
  text("peer.localMspId", "OneMSP", "TwoMSP", ({ localMspId }) => localMspId),
  endpoint("peer.listenAddress", ({ listenAddress }) => listenAddress),
  endpoint("peer.address", (config) => config.endpoint),
  text("peer.fileSystemPath", "/one", "/two", ({ fileSystemPath }) => fileSystemPath),
  text("peer.mspConfigPath", "/one", "/two", ({ trust }) => trust.type === "fabric" && trust.mspConfigPath),
  {
    key: "peer.maxRecvMsgSize",
    file: [5000, 5000],
    env: ["200000000", 200_000_000],
    get: (config) => config.gossip?.maxMessageBytes,
  },
  {
    key: gossip("bootstrap"),
    file: [
      ["a:1", "b:2"],
      ["a:1", "b:2"],
    ],
    env: ["c:3\td:4", ["c:3", "d:4"]],
    get: ({ bootstrap }) => bootstrap,
  },
  endpoint(gossip("endpoint"), (config) => config.endpoint),
  endpoint(gossip("externalEndpoint"), ({ externalEndpoint }) => externalEndpoint),
  flag(gossip("orgLeader"), ({ orgLeader }) => orgLeader),
  ...times.map(([key, option]) => milliseconds(gossip(key), (config) => config.gossip?.[option])),
  ...counts.map(([key, option]) => count(gossip(key), (config) => config.gossip?.[option])),
  {
    key: gossip("sendBuffBytes"),
    file: [150_000_000, 150_000_000],
    env: ["160000000", 160_000_000],
    get: (config) => config.gossip?.sendBufferBytes,
  },
  {
    key: gossip("maxQueuedBytes"),
    file: [900_000_000, 900_000_000],
    env: ["800000000", 800_000_000],
    get: (config) => config.gossip?.maxQueuedBytes,
  },
  // These three are bounds of others.
  {
    key: gossip("aliveTimeInterval"),
    file: ["2s", 2000],
    env: ["1s", 1000],
    get: (c) => c.gossip?.aliveTimeIntervalMs,
  },
  {
    key: gossip("election.startupGracePeriod"),
    file: ["14s", 14_000],
    env: ["13s", 13_000],
    get: (c) => c.gossip?.election?.startupGracePeriodMs,
  },
  {
    key: gossip("election.membershipSampleInterval"),
    file: ["2s", 2_000],
    env: ["3s", 3_000],
    get: (c) => c.gossip?.election?.membershipSampleIntervalMs,
  },
  {
    key: gossip("election.leaderAliveThreshold"),
    file: ["11s", 11_000],
    env: ["12s", 12_000],
    get: (c) => c.gossip?.election?.leaderAliveThresholdMs,
  },
  {
    key: gossip("election.leaderElectionDuration"),
    file: ["6s", 6_000],
    env: ["7s", 7_000],
    get: (c) => c.gossip?.election?.leaderElectionDurationMs,
  },
  {
    key: gossip("election.maxLagBlocks"),
    file: [50, 50],
    env: ["60", 60],
    get: (c) => c.gossip?.election?.maxLagBlocks,
  },
  {
    key: gossip("election.ordererTimeout"),
    file: ["20s", 20_000],
    env: ["21s", 21_000],
    get: (c) => c.ordererTimeoutMs,
  },
  {
    key: gossip("digestWaitTime"),
    file: ["1100ms", 1100],
    env: ["900ms", 900],
    get: (c) => c.gossip?.digestWaitTimeMs,
  },
  {
    key: gossip("responseWaitTime"),
    file: ["1s", 1000],
    env: ["2.5s", 2500],
    get: (c) => c.gossip?.responseWaitTimeMs,
  },
  flag(gossip("applicationMessages.enabled"), (config) => config.gossip?.applicationMessages),
  flag(gossip("sharedMap.enabled"), (config) => config.gossip?.sharedMap?.enabled),
  milliseconds(gossip("sharedMap.tombstoneTtl"), (config) => config.gossip?.sharedMap?.tombstoneTtlMs),
  flag(gossip("state.enabled"), (config) => config.gossip?.state?.enabled),
  milliseconds(gossip("state.checkInterval"), (config) => config.gossip?.state?.checkIntervalMs),
  milliseconds(gossip("state.responseTimeout"), (config) => config.gossip?.state?.responseTimeoutMs),
  milliseconds(gossip("state.minResponseTimeout"), (config) => config.gossip?.state?.minResponseTimeoutMs),
  ...stateCounts.map((name) => count(gossip(`state.${name}`), (config) => config.gossip?.state?.[name])),
  count(gossip("pvtData.transientstoreMaxBlockRetention"), ({ privateData }) => privateData?.retentionBlocks),
  milliseconds("peer.keepalive.interval", ({ keepalive }) => keepalive?.serverIntervalMs),
  milliseconds("peer.keepalive.timeout", ({ keepalive }) => keepalive?.serverTimeoutMs),
  {
    key: "peer.keepalive.client.interval",
    // Raised, or a stock peer would hang up.
    file: ["60s", 65_000],
    env: ["2m", 120_000],
    get: ({ keepalive }) => keepalive?.clientIntervalMs,
  },
  milliseconds("peer.keepalive.client.timeout", ({ keepalive }) => keepalive?.clientTimeoutMs),
  milliseconds("peer.keepalive.deliveryClient.interval", (config) => config.deliveryClient?.keepaliveIntervalMs),
  milliseconds("peer.keepalive.deliveryClient.timeout", (config) => config.deliveryClient?.keepaliveTimeoutMs),
  flag("peer.deliveryclient.blockGossipEnabled", ({ blockGossip }) => blockGossip),
  milliseconds("peer.deliveryclient.connTimeout", (config) => config.deliveryClient?.connTimeoutMs),
  milliseconds("peer.deliveryclient.minimalReconnectInterval", (c) => c.deliveryClient?.minimalReconnectIntervalMs),
  milliseconds("peer.deliveryclient.reConnectBackoffThreshold", (c) => c.deliveryClient?.reconnectBackoffThresholdMs),
  {
    key: "peer.deliveryclient.addressOverrides",
    file: [[{ FROM: "a:1", to: "b:2" }], [{ from: "a:1", to: "b:2" }]],
    env: ["[{from: 'c:3', TO: 'd:4'}]", [{ from: "c:3", to: "d:4" }]],
    get: (config) => config.deliveryClient?.addressOverrides,
  },
  endpoint("operations.listenAddress", ({ operations }) => operations?.listenAddress),
  text("metrics.provider", "prometheus", "disabled", ({ metricsProvider }) => metricsProvider),
  text("logging.spec", "debug", "gossip=warn:info", ({ logging }) => logging?.spec),
  text("logging.format", "json", "console", ({ logging }) => logging?.format),
];

/** Keys that other tests speak of: they decide how the file is read, name files, or only refuse. */
const elsewhere: readonly string[] = [
  "peer.trust",
  "peer.identity.file",
  "peer.identity.keyFile",
  "peer.organizations",
  "peer.revocations.file",
  "channels",
  "peer.addressAutoDetect",
  "peer.localMspType",
  "peer.BCCSP.Default",
  "peer.BCCSP.SW.FileKeyStore.KeyStore",
  "peer.maxSendMsgSize",
  "peer.gossip.useLeaderElection",
  // Limits a leader that was elected; ours are not, and those of the reference that are not go on, too.
  "peer.deliveryclient.reconnectTotalTimeThreshold",
  ...["peer.tls", "operations.tls"].flatMap((section) =>
    ["enabled", "cert.file", "key.file", "clientRootCAs.files", "clientAuthRequired"].map((key) => `${section}.${key}`),
  ),
  "peer.tls.clientCert.file",
  "peer.tls.clientKey.file",
  "peer.tls.rootcert.file",
];

const variableOf = (key: string) => `CORE_${key.toUpperCase().replaceAll(".", "_")}`;

describe("12.1: every key of core.yaml", () => {
  it("is in this table or spoken of elsewhere", () => {
    const all = leaves().map(({ path }) => path.join("."));
    expect([...keys.map(({ key }) => key), ...elsewhere].sort()).toEqual([...all].sort());
  });

  it.each(keys)(
    "$key is read from the file, from the environment, and from the latter if it is in both",
    async (one) => {
      const { key, get } = one;
      const [inFile, fromFile] = one.file;
      const [inEnv, fromEnv] = one.env;
      const env = { [variableOf(key)]: inEnv };
      expect(get(await folder.read(withKey(leastCore, key, inFile)))).toEqual(fromFile);
      expect(get(await folder.read(leastCore, env))).toEqual(fromEnv);
      const both = await folder.read(withKey(leastCore, key, inFile), env);
      expect(get(both)).toEqual(fromEnv);
      expect(both.warnings).toEqual([]);
    },
  );

  it.each(keysWithoutEffect.flatMap(({ reason, keys: names }) => names.map((key) => [key, reason] as const)))(
    "%s is named as without effect, from the file and from the environment",
    async (key, reason) => {
      const warning = [`${folder.file}: without effect: ${reason}: ${key}`];
      expect((await folder.read(withKey(leastCore, key, 5))).warnings).toEqual(warning);
      expect((await folder.read(withKey(leastCore, `${key}.inner`, "x"))).warnings).toEqual(warning);
      expect((await folder.read(leastCore, { [variableOf(key)]: "x" })).warnings).toEqual(warning);
      expect((await folder.read(leastCore, { [`${variableOf(key)}_INNER`]: "x" })).warnings).toEqual(warning);
      // Where nothing is said, nothing is lost.
      expect((await folder.read(withKey(leastCore, key, null), { [variableOf(key)]: "" })).warnings).toEqual([]);
    },
  );

  it("stands in the table of the protocol page, with what becomes of it", async () => {
    const page = await readFile(new URL("../../../docs/protocol/12-config-and-metrics.md", import.meta.url), "utf8");
    const rows = new Map(
      page
        .split("\n")
        .map((line) => /^\| `([\w.]+)` \| (honoured|ours|named|refused)/.exec(line))
        .flatMap((row) => (row === null ? [] : [[row[1], row[2]] as const])),
    );
    const known = leaves().map(({ path }) => path.join("."));
    const named = keysWithoutEffect.flatMap(({ keys: names }) => names);
    expect(known.filter((key) => !rows.has(key))).toEqual([]);
    expect(named.filter((key) => rows.get(key) !== "named")).toEqual([]);
    expect([...rows.keys()].filter((key) => ![...known, ...named].includes(key ?? ""))).toEqual([]);
  });
});
