import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { resolveGossipConfig } from "@gossip/node";
import { GossipError } from "@gossip/runtime";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Environment, findPeerConfig } from "./config-file.js";
import { leaves } from "./config-schema.js";
import { CoreFolder, leastCore, type Mapping, wholeCore, withKey } from "./testing/core-yaml.js";

let folder: CoreFolder;
let file: string;

beforeAll(async () => {
  folder = await CoreFolder.make();
  ({ file } = folder);
});

afterAll(async () => await folder.remove());

/** What the deployment of a peer sets, as Fabric's own samples do. */
const deployment: Environment = {
  FABRIC_CFG_PATH: "/etc/shop",
  FABRIC_LOGGING_SPEC: "gossip.state=debug:info",
  FABRIC_LOGGING_FORMAT: "json",
  CORE_PEER_ID: "peer1.org1",
  CORE_PEER_LISTENADDRESS: "127.0.0.1:7151",
  CORE_PEER_ADDRESS: "127.0.0.1:7151",
  CORE_PEER_CHAINCODELISTENADDRESS: "127.0.0.1:7651",
  CORE_PEER_CHAINCODEADDRESS: "127.0.0.1:7651",
  CORE_PEER_GOSSIP_BOOTSTRAP: "127.0.0.1:7051",
  CORE_PEER_GOSSIP_ENDPOINT: "127.0.0.1:7151",
  CORE_PEER_GOSSIP_EXTERNALENDPOINT: "127.0.0.1:7151",
  CORE_PEER_LOCALMSPID: "Org1MSP",
  CORE_PEER_MSPCONFIGPATH: "/etc/shop/peer1/msp",
  CORE_PEER_TLS_ENABLED: "true",
  CORE_PEER_GOSSIP_USELEADERELECTION: "false",
  CORE_PEER_GOSSIP_ORGLEADER: "false",
  CORE_PEER_GOSSIP_STATE_ENABLED: "true",
  CORE_PEER_DELIVERYCLIENT_BLOCKGOSSIPENABLED: "true",
  CORE_PEER_FILESYSTEMPATH: "/var/lib/peer1",
  CORE_LEDGER_SNAPSHOTS_ROOTDIR: "/var/lib/peer1/snapshots",
  CORE_OPERATIONS_LISTENADDRESS: "127.0.0.1:8151",
  CORE_METRICS_PROVIDER: "prometheus",
  CORE_VM_ENDPOINT: "",
};

const gossip = (name: string, value: unknown) => withKey(leastCore, `peer.gossip.${name}`, value);

describe("12.1a: readPeerConfig of a core.yaml", () => {
  it("reads a whole one with the environment of a deployment, and says in one warning what is not for this peer", async () => {
    const config = await folder.read(wholeCore, deployment);
    expect(config.warnings).toEqual([
      `${file}: without effect: of parts that this peer does not have: chaincode, ledger, vm, peer.networkId, ` +
        "peer.chaincodeListenAddress, peer.chaincodeAddress, peer.gateway, peer.authentication, peer.client, peer.profile, " +
        "peer.handlers, peer.discovery, peer.limits; not in this version: peer.keepalive.minInterval, peer.BCCSP.SW.Hash, " +
        "peer.BCCSP.SW.Security, " +
        "peer.gossip.pvtData.pullRetryThreshold, peer.gossip.pvtData.pushAckTimeout, peer.gossip.pvtData.btlPullMargin, " +
        "peer.gossip.pvtData.reconcileBatchSize, peer.gossip.pvtData.reconcileSleepInterval, " +
        "peer.gossip.pvtData.reconciliationEnabled, peer.gossip.pvtData.skipPullingInvalidTransactionsDuringCommit, " +
        "peer.gossip.pvtData.implicitCollectionDisseminationPolicy, peer.deliveryclient.blockCensorshipTimeoutKey, " +
        "peer.deliveryclient.policy, metrics.statsd; not used by Fabric either: peer.gossip.skipBlockVerification",
    ]);
    expect(config).toMatchObject({
      id: "peer1.org1",
      localMspId: "Org1MSP",
      listenAddress: "127.0.0.1:7151",
      endpoint: "127.0.0.1:7151",
      externalEndpoint: "127.0.0.1:7151",
      bootstrap: ["127.0.0.1:7051"],
      orgLeader: false,
      blockGossip: true,
      fileSystemPath: "/var/lib/peer1",
      trust: { type: "fabric", mspConfigPath: "/etc/shop/peer1/msp" },
      gossip: { aliveTimeIntervalMs: 4000, maxMessageBytes: 90_000_000, state: { enabled: true, batchSize: 9 } },
      keepalive: {
        clientIntervalMs: 65_000,
        clientTimeoutMs: 15_000,
        serverIntervalMs: 3_600_000,
        serverTimeoutMs: 10_000,
      },
      deliveryClient: { reconnectBackoffThresholdMs: 1_200_000, keepaliveIntervalMs: 70_000 },
      privateData: { retentionBlocks: 1500 },
      operations: { listenAddress: "127.0.0.1:8151" },
      metricsProvider: "prometheus",
      logging: { spec: "gossip.state=debug:info", format: "json" },
    });
    // The authorities of clients are not read while they are not asked for: the file need not be there.
    const pem = async (name: string) => new Uint8Array(await readFile(join(folder.dir, name)));
    expect(config.tls).toEqual({
      cert: await pem("server.crt"),
      key: await pem("server.key"),
      rootCerts: [await pem("ca.crt")],
      clientRootCas: [],
      clientAuthRequired: false,
    });
  });

  it("gives an absent key the default of Fabric's code, where ours is another", async () => {
    const config = await folder.read(leastCore);
    expect(config.gossip).toEqual({ sendBufferSize: 20, state: { enabled: false } });
    expect(config.deliveryClient).toEqual({ reconnectBackoffThresholdMs: 3_600_000 });
    expect(config).not.toHaveProperty("blockGossip");
    expect(config.operations).toBeUndefined();
    expect(config.warnings).toEqual([]);
  });

  it.each<readonly [string, Mapping, Environment, string]>([
    ["a folder and an organization", {}, {}, "fabric"],
    ["fabric", { trust: "fabric" }, {}, "fabric"],
    ["ed25519", { trust: "ed25519" }, {}, "ed25519"],
    ["ed25519 in the environment", { trust: "fabric" }, { CORE_PEER_TRUST: "ed25519" }, "ed25519"],
    ["an empty variable", { trust: "ed25519" }, { CORE_PEER_TRUST: "" }, "ed25519"],
    ["no folder", { mspConfigPath: null }, {}, "ed25519"],
    ["no folder, by the environment", {}, { CORE_PEER_MSPCONFIGPATH: "" }, "ed25519"],
    ["a folder in the environment", { mspConfigPath: null }, { CORE_PEER_MSPCONFIGPATH: "msp" }, "fabric"],
  ])("takes a file with %s for one of trust %#", async (_name, peer, env, trust) => {
    const content = { peer: { ...(leastCore["peer"] as Mapping), ...peer } };
    if (trust === "fabric") expect((await folder.read(content, env)).trust.type).toBe("fabric");
    // Its identity is what such a peer would need first.
    else expect(await folder.refusal(content, env)).toMatch(/expected peer\.(identity\.file|trust) to be /);
  });

  it.each<readonly [string, unknown, number | undefined]>([
    ["pullInterval", 4_500_000_000, 4500],
    ["pullInterval", "4500000000", 4500],
    ["pullInterval", "4.5s", 4500],
    ["pullInterval", "+5s", 5000],
    ["pullInterval", 0, undefined],
    ["pullInterval", "0", undefined],
    ["pullInterval", "0s", undefined],
    ["pullInterval", "", undefined],
    ["publishCertPeriod", 0, undefined],
    ["maxPropagationBurstLatency", "0ms", undefined],
    ["propagateIterations", 0, undefined],
    ["propagatePeerNum", "0", undefined],
    ["propagatePeerNum", 4.0, 4],
    ["propagatePeerNum", 4.9, 4],
  ])("reads peer.gossip.%s: %j as Fabric does", async (name, value, expected) => {
    const { gossip: options = {}, warnings } = await folder.read(gossip(name, value));
    const found = { ...options } as Readonly<Record<string, unknown>>;
    expect(found[name] ?? found[`${name}Ms`]).toBe(expected);
    expect(warnings).toEqual([]);
  });

  it.each([
    [1, true],
    ["1", true],
    ["T", true],
    ["TRUE", true],
    ["True", true],
    [0, false],
    ["f", false],
    ["False", false],
  ])("reads %j as %s where a flag is meant", async (value, expected) => {
    expect((await folder.read(gossip("orgLeader", value))).orgLeader).toBe(expected);
  });

  it("12.3: takes 0 literally where Fabric does", async () => {
    const content = withKey(gossip("state.batchSize", 0), "peer.gossip.state.maxRetries", "0");
    expect((await folder.read(content)).gossip?.state).toEqual({ enabled: false, batchSize: 0, maxRetries: 0 });
  });

  it("12.3a: lets an empty variable take a key of the file away", async () => {
    const content = withKey(gossip("externalEndpoint", "a:1"), "peer.gossip.pullInterval", "9s");
    const env = { CORE_PEER_GOSSIP_EXTERNALENDPOINT: "", CORE_PEER_GOSSIP_PULLINTERVAL: "" };
    const config = await folder.read(content, env);
    expect(config).not.toHaveProperty("externalEndpoint");
    expect(config.gossip).not.toHaveProperty("pullIntervalMs");
  });

  it("reads merged keys, and takes any spelling of a key", async () => {
    const peer = leastCore["peer"] as Mapping;
    const config = await folder.read({ PEER: { ...peer, Gossip: { "<<": { PULLINTERVAL: "9s" } } } });
    expect(config.gossip?.pullIntervalMs).toBe(9000);
  });

  it("listens on every address where none is named", async () => {
    const content = withKey(withKey(leastCore, "peer.listenAddress", ":7051"), "operations.listenAddress", ":9443");
    const config = await folder.read(content);
    expect([config.listenAddress, config.operations?.listenAddress]).toEqual(["0.0.0.0:7051", "0.0.0.0:9443"]);
  });

  it("knows a peer without a name by its endpoint", async () => {
    expect((await folder.read(withKey(leastCore, "peer.id", null))).id).toBe("127.0.0.1:7051");
  });

  const hostAddress = () => "10.1.2.3";
  it.each<readonly [string, Mapping, string, string]>([
    [
      "every address to dial",
      { listenAddress: "0.0.0.0:7051", address: "0.0.0.0:7052" },
      "10.1.2.3:7052",
      "peer.address is 0.0.0.0:7052",
    ],
    ["addressAutoDetect", { address: "a:1", addressAutoDetect: true }, "10.1.2.3:1", "peer.address is a:1"],
    ["every address in gossip", { gossip: { endpoint: "[::]:9" } }, "10.1.2.3:9", "peer.gossip.endpoint is [::]:9"],
  ])("looks for an address of the machine with %s", async (_name, peer, endpoint, warning) => {
    const content = { peer: { ...(leastCore["peer"] as Mapping), ...peer } };
    const config = await folder.read(content, {}, { hostAddress });
    expect(config.endpoint).toBe(endpoint);
    expect(config.warnings).toEqual([`${file}: ${warning}: other peers are told to dial ${endpoint}`]);
    const none = await folder.refusal(content, {}, { hostAddress: () => undefined });
    expect(none).toMatch(
      /^.* to be an address that other peers can dial, got .* on a machine that has none to itself$/,
    );
  });

  it.each<readonly [Mapping, string]>([
    [
      gossip("pullInterval", 4),
      "expected peer.gossip.pullInterval to be a duration such as 4s, got 4: its default is used",
    ],
    [
      gossip("pullInterval", "soon"),
      'expected peer.gossip.pullInterval to be a duration such as 4s, got "soon": its default is used',
    ],
    [
      gossip("sendBuffSize", -1),
      "expected peer.gossip.sendBuffSize to be an integer of at least 1, got -1: its default is used",
    ],
    [
      gossip("state.checkInterval", 0),
      "expected peer.gossip.state.checkInterval to be a duration such as 10s, got 0: its default is used",
    ],
    [gossip("orgLeader", "yes"), 'expected peer.gossip.orgLeader to be true or false, got "yes": its default is used'],
    [
      gossip("bootstrap", "a:1,b:2 c:3"),
      'peer.gossip.bootstrap: expected host:port, got "a:1,b:2", which nobody can dial: left out; entries are separated by white space',
    ],
    [
      gossip("externalEndpoint", "peer0"),
      'peer.gossip.externalEndpoint: expected host:port, got "peer0", which nobody can dial: left out',
    ],
    [
      gossip("externalEndpoint", "0.0.0.0:7051"),
      'expected peer.gossip.externalEndpoint to be an address that other peers can dial, got "0.0.0.0:7051": the peer stays hidden from other organizations',
    ],
    [
      gossip("aliveExpirationTimeout", "3s"),
      "expected peer.gossip.aliveExpirationTimeout to be above peer.gossip.aliveTimeInterval (5s), got 3s: a longer one is used",
    ],
    [
      gossip("pullInterval", "2s"),
      "expected peer.gossip.pullInterval to be above peer.gossip.digestWaitTime and responseWaitTime together (3s), got 2s: a longer one is used",
    ],
    [
      withKey(leastCore, "peer.keepalive.client.interval", "10s"),
      'expected peer.keepalive.client.interval to be at least 60s, or stock peers hang up, got "10s": 65s is used',
    ],
    [
      withKey(leastCore, "peer.deliveryclient.addressOverrides", [{ from: "a:1", to: "b:2", caCertsFile: "text" }]),
      "expected peer.deliveryclient.addressOverrides[0].caCertsFile to name a file with certificates in PEM, got other contents at DIR/text: this override is left out",
    ],
    [
      withKey(leastCore, "peer.deliveryclient.addressOverrides", [{ from: "a:1" }]),
      "expected peer.deliveryclient.addressOverrides[0].to to be host:port, got nothing: this override is left out",
    ],
    [
      withKey(leastCore, "metrics.provider", "statsd"),
      "without effect: metrics.provider statsd (nothing is counted: prometheus and disabled are supported)",
    ],
    [
      withKey(leastCore, "logging.format", "logfmt"),
      "without effect: logging.format logfmt (lines are written as for console)",
    ],
    [
      withKey(leastCore, "peer.maxSendMsgSize", 4096),
      "without effect: peer.maxSendMsgSize (peer.maxRecvMsgSize bounds what is sent, too)",
    ],
    [
      withKey(leastCore, "peer.BCCSP.SW.FileKeyStore.KeyStore", "keys"),
      "without effect: peer.BCCSP.SW.FileKeyStore.KeyStore (the key is looked for in the folder keystore of peer.mspConfigPath)",
    ],
    [withKey(leastCore, "peer.identity.file", "x"), "without effect: peer.identity (for peer.trust: ed25519 only)"],
  ])("12.6: warns of what a Fabric peer would start with (%#)", async (content, warning) => {
    const config = await folder.read(content);
    expect(config.warnings).toEqual([`${file}: ${warning.replace("DIR", folder.dir)}`]);
    expect(() => resolveGossipConfig(config.gossip)).not.toThrow();
  });

  it("12.5: tells of slips apart from what is merely not for this peer", async () => {
    const { warnings } = await folder.read(withKey(gossip("pulInterval", "4s"), "vm.endpoint", "x"), {
      CORE_PEER_IDD: "a",
    });
    expect(warnings).toEqual([
      `${file}: without effect: of parts that this peer does not have: vm`,
      `${file}: nobody knows peer.gossip.pulInterval, CORE_PEER_IDD, without effect: misspelt?`,
    ]);
  });

  it("blames a variable for what the variable says", async () => {
    const { warnings } = await folder.read(leastCore, { CORE_PEER_GOSSIP_PULLINTERVAL: "4", CORE_PEER_STRANGE: "1" });
    expect(warnings).toEqual([
      `${file}: nobody knows CORE_PEER_STRANGE, without effect: misspelt?`,
      'CORE_PEER_GOSSIP_PULLINTERVAL: expected peer.gossip.pullInterval to be a duration such as 4s, got "4": its default is used',
    ]);
  });

  it.each<readonly [string, Mapping, string]>([
    [
      "keys in a hardware module",
      withKey(leastCore, "peer.BCCSP.Default", "PKCS11"),
      'peer.BCCSP.Default to be SW, with the private key in the folder keystore of peer.mspConfigPath (keys in a hardware module cannot be used), got "PKCS11"',
    ],
    [
      "two kinds of leadership",
      withKey(gossip("orgLeader", true), "peer.gossip.useLeaderElection", true),
      "peer.gossip.useLeaderElection to be false while peer.gossip.orgLeader is true, got true",
    ],
    [
      "identities of another kind",
      withKey(leastCore, "peer.localMspType", "idemix"),
      'peer.localMspType to be bccsp, for X.509 certificates, got "idemix"',
    ],
    [
      "an address to bind that is none",
      withKey(leastCore, "peer.listenAddress", "7051"),
      'peer.listenAddress to be host:port, got "7051"',
    ],
    [
      "no MSP folder",
      withKey(withKey(leastCore, "peer.trust", "fabric"), "peer.mspConfigPath", null),
      "peer.mspConfigPath to be the path of an MSP folder, got nothing",
    ],
    [
      "TLS without a key",
      withKey(withKey(leastCore, "peer.tls.enabled", true), "peer.tls.cert.file", "server.crt"),
      "peer.tls.key.file to be the path of a file while peer.tls.enabled is true, got nothing",
    ],
  ])("refuses %s", async (_name, content, message) => {
    expect(await folder.refusal(content)).toBe(`${file}: expected ${message}`);
  });

  const secure = (section: string, more: Mapping = {}) =>
    withKey(withKey(leastCore, "operations.listenAddress", "127.0.0.1:0"), section, {
      enabled: true,
      cert: { file: "server.crt" },
      key: { file: "server.key" },
      ...more,
    });

  it("reads the authorities of clients when they are asked for, and can do without authorities of peers", async () => {
    const lacking = secure("peer.tls", { clientRootCAs: { files: ["absent.crt"] } });
    expect((await folder.read(lacking)).tls).toMatchObject({ rootCerts: [], clientRootCas: [] });
    const asking = {
      ...lacking,
      ...secure("peer.tls", { clientRootCAs: { files: "ca.crt" }, clientAuthRequired: true }),
    };
    expect((await folder.read(asking)).tls?.clientRootCas).toHaveLength(1);
    expect(await folder.refusal(withKey(lacking, "peer.tls.clientAuthRequired", true))).toMatch(
      /expected peer.tls.clientRootCAs.files to name a readable file, got no file at .*absent.crt$/,
    );
  });

  it("reads what the operations service needs for TLS", async () => {
    const content = secure("operations.tls", { clientRootCAs: { files: ["ca.crt"] }, clientAuthRequired: true });
    const { operations } = await folder.read(content);
    expect(operations?.tls).toMatchObject({ clientAuthRequired: true, clientRootCas: [expect.any(Uint8Array)] });
    const other = withKey(content, "operations.tls.key.file", "client.key");
    expect(await folder.refusal(other)).toContain(
      "expected operations.tls.key.file to name the key of operations.tls.cert.file, got another key at",
    );
  });

  it("reads the authorities of an orderer that stands in for another", async () => {
    const overrides = [{ from: "a:1", to: "b:2", caCertsFile: "ca.crt" }];
    const { deliveryClient } = await folder.read(withKey(leastCore, "peer.deliveryclient.addressOverrides", overrides));
    expect(deliveryClient?.addressOverrides).toEqual([{ from: "a:1", to: "b:2", caCerts: [expect.any(Uint8Array)] }]);
  });

  it("joins the channels that are named on the command line, beside those of the file", async () => {
    const block = join(folder.dir, "channel.block");
    const content = { ...leastCore, channels: [{ genesisBlock: "channel.block" }] };
    const { channels } = await folder.read(content, {}, { channelBlocks: [block] });
    const genesisBlock = new TextEncoder().encode("block bytes");
    expect(channels).toEqual([{ genesisBlock }, { genesisBlock, remember: true, origin: `--channel-block ${block}` }]);
    const missing = join(folder.dir, "none.block");
    expect(await folder.refusal(leastCore, {}, { channelBlocks: [missing] })).toBe(
      `--channel-block ${missing}: expected a readable file with block 0 of a channel, got no file at ${missing}`,
    );
  });

  it("12.6a: is refused for no duration, number or flag, whatever it is", async () => {
    const tolerated = leaves().filter(({ kind }) => kind === "duration" || kind === "integer" || kind === "flag");
    const decisive = [
      "peer.tls.enabled",
      "operations.tls.enabled",
      "peer.gossip.useLeaderElection",
      "peer.addressAutoDetect",
    ];
    const names = tolerated
      .map(({ path }) => path.join("."))
      // Files and other keys are needed when these are true. Buffers of ours have to be as large as a message, and as each other.
      .filter((key) => !decisive.includes(key) && !key.endsWith("Bytes"));
    const value = fc.oneof(
      fc.constantFrom("0", "-1", "1", "", "4", "1h", "-3s", "1ns", "999999h", "true", "no", "1e9", "NaN"),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.string(),
    );
    const change = fc.array(fc.tuple(fc.constantFrom(...names), value), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(change, async (changes) => {
        const content = changes.reduce<Mapping>((core, [key, changed]) => withKey(core, key, changed), leastCore);
        expect(await folder.read(content)).toMatchObject({ id: "peer0" });
      }),
      { numRuns: 300 },
    );
  });
});

describe("12.7a: findPeerConfig", () => {
  it("finds core.yaml in the folder that FABRIC_CFG_PATH names", async () => {
    await folder.read(leastCore);
    expect(await findPeerConfig({ FABRIC_CFG_PATH: folder.dir })).toBe(file);
  });

  it("says which folder lacks it", async () => {
    const empty = join(folder.dir, "empty");
    await expect(findPeerConfig({ FABRIC_CFG_PATH: empty })).rejects.toThrow(
      new GossipError("not-found", `expected core.yaml in the folder FABRIC_CFG_PATH names, ${empty}, got none`),
    );
  });
});
