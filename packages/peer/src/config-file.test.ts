import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTlsAuthority, type TlsAuthority } from "@gossip/comm/grpc";
import { GossipError } from "@gossip/runtime";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import type { PeerConfig } from "./config.js";
import { type Environment, readPeerConfig } from "./config-file.js";

let dir: string;
let file: string;
let authority: TlsAuthority;
const pairs = { server: { cert: "", key: "" }, client: { cert: "", key: "" } };
const root = generateKeyPairSync("ed25519");
const own = generateKeyPairSync("ed25519");
const seed = Buffer.from(own.privateKey.export({ format: "jwk" }).d ?? "", "base64url");
const rootHex = Buffer.from(root.publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString("hex");

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "gossip-config-"));
  file = join(dir, "peer.yaml");
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = { type: "pkcs8", format: "pem" } as const;
  await writeFile(join(dir, "identity"), "identity bytes");
  await writeFile(join(dir, "identity.key"), own.privateKey.export(pem));
  await writeFile(join(dir, "rsa.key"), rsa.privateKey.export(pem));
  await writeFile(join(dir, "root.pub"), root.publicKey.export({ type: "spki", format: "pem" }));
  await writeFile(join(dir, "demo.block"), "block bytes");
  await writeFile(join(dir, "tls.pem"), "tls bytes");
  authority = await createTlsAuthority({ name: "tls-ca" });
  await writeFile(join(dir, "ca.crt"), authority.cert);
  for (const name of ["server", "client"] as const) {
    pairs[name] = await authority.issue({ name, hosts: ["127.0.0.1"] });
    await writeFile(join(dir, `${name}.crt`), pairs[name].cert);
    await writeFile(join(dir, `${name}.key`), pairs[name].key);
  }
});

afterAll(async () => await rm(dir, { recursive: true, force: true }));

type Mapping = { readonly [key: string]: unknown };

/** A file with everything that is required. */
const minimal = {
  peer: {
    id: "peer0.org1",
    localMspId: "Org1",
    listenAddress: "127.0.0.1:7051",
    fileSystemPath: "data",
    trust: "ed25519",
    identity: { file: "identity", keyFile: "identity.key" },
  },
};

async function read(content: Mapping | string, env?: Environment): Promise<PeerConfig> {
  await writeFile(file, typeof content === "string" ? content : stringify(content));
  return await readPeerConfig(file, env);
}

async function refusal(content: Mapping | string, env?: Environment): Promise<GossipError> {
  const error: unknown = await read(content, env).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(GossipError);
  return error as GossipError;
}

const withPeer = (peer: Mapping): Mapping => ({ peer: { ...minimal.peer, ...peer } });
const withGossip = (gossip: unknown): Mapping => withPeer({ gossip });

describe("readPeerConfig", () => {
  it("reads a file that holds only what is required", async () => {
    expect(await read(minimal)).toEqual({
      id: "peer0.org1",
      localMspId: "Org1",
      fileSystemPath: join(dir, "data"),
      listenAddress: "127.0.0.1:7051",
      trust: {
        type: "ed25519",
        identity: new TextEncoder().encode("identity bytes"),
        privateKey: new Uint8Array(seed),
        organizations: [],
      },
      orgLeader: false,
      leaderElection: false,
      gossip: { state: {} },
      deliveryClient: {},
      channels: [],
      metricsProvider: "disabled",
      logging: {},
      warnings: [],
    });
  });

  it("reads every key it knows", async () => {
    const config = await read({
      peer: {
        ...minimal.peer,
        address: "peer0.org1:7051",
        maxRecvMsgSize: 1_000_000,
        organizations: [
          { id: "Org1", rootKeyFile: "root.pub" },
          { id: "Org2", rootKey: rootHex },
        ],
        revocations: { file: "revocations.pem" },
        tls: {
          enabled: true,
          cert: { file: "server.crt" },
          key: { file: "server.key" },
          clientCert: { file: "client.crt" },
          clientKey: { file: "client.key" },
          rootcert: { file: "ca.crt" },
          clientRootCAs: { files: ["ca.crt"] },
          clientAuthRequired: true,
        },
        gossip: {
          bootstrap: ["127.0.0.1:7052", "127.0.0.1:7053"],
          endpoint: "localhost:7051",
          externalEndpoint: "example.org:7051",
          orgLeader: true,
          aliveTimeInterval: "300ms",
          publishCertPeriod: 0,
          pullInterval: "1m",
          sendBuffSize: 7,
          state: { enabled: false, batchSize: 5, checkInterval: "1s" },
        },
        keepalive: { deliveryClient: { interval: "60s", timeout: "20s" } },
        deliveryclient: {
          connTimeout: "1s",
          reConnectBackoffThreshold: "3600s",
          addressOverrides: [{ from: "orderer:7050", to: "127.0.0.1:7050" }],
        },
      },
      operations: { listenAddress: "127.0.0.1:9443" },
      metrics: { provider: "prometheus" },
      channels: [{ genesisBlock: "demo.block" }],
      logging: { spec: "gossip=debug:info", format: "json" },
    });
    expect(config).toMatchObject({
      endpoint: "localhost:7051",
      externalEndpoint: "example.org:7051",
      bootstrap: ["127.0.0.1:7052", "127.0.0.1:7053"],
      orgLeader: true,
      gossip: {
        aliveTimeIntervalMs: 300,
        publishCertPeriodMs: 0,
        pullIntervalMs: 60_000,
        sendBufferSize: 7,
        maxMessageBytes: 1_000_000,
        state: { enabled: false, batchSize: 5, checkIntervalMs: 1000 },
      },
      deliveryClient: {
        connTimeoutMs: 1000,
        reconnectBackoffThresholdMs: 3_600_000,
        keepaliveIntervalMs: 60_000,
        addressOverrides: [{ from: "orderer:7050", to: "127.0.0.1:7050" }],
      },
      operations: { listenAddress: "127.0.0.1:9443" },
      metricsProvider: "prometheus",
      logging: { spec: "gossip=debug:info", format: "json" },
      warnings: [],
    });
    const rootPublicKey = new Uint8Array(Buffer.from(rootHex, "hex"));
    expect(config.trust).toMatchObject({
      type: "ed25519",
      organizations: [
        { id: "Org1", rootPublicKey },
        { id: "Org2", rootPublicKey },
      ],
      revocationsFile: expect.stringMatching(/^\/.*\/revocations\.pem$/),
    });
    const pem = (text: string) => new TextEncoder().encode(text);
    expect(config.tls).toEqual({
      cert: pem(pairs.server.cert),
      key: pem(pairs.server.key),
      clientCert: pem(pairs.client.cert),
      clientKey: pem(pairs.client.key),
      rootCerts: [pem(authority.cert)],
      clientRootCas: [pem(authority.cert)],
      clientAuthRequired: true,
    });
    expect(config.channels).toEqual([{ genesisBlock: new TextEncoder().encode("block bytes") }]);
  });

  it("12.1: takes keys in any case, and a key without a value as absent", async () => {
    const config = await read({ PEER: { ...minimal.peer, Gossip: { ALIVETIMEINTERVAL: "2s", endpoint: null } } });
    expect(config.gossip).toEqual({ aliveTimeIntervalMs: 2000, state: {} });
    expect(config.endpoint).toBeUndefined();
    expect(config.warnings).toEqual([]);
  });

  it("listens to the first of two keys that differ in case, and names the other", async () => {
    const config = await read(withGossip({ pullInterval: "5s", PullInterval: "6s" }));
    expect(config.gossip).toEqual({ pullIntervalMs: 5000, state: {} });
    expect(config.warnings).toEqual([`${file}: ignored what has no meaning here: peer.gossip.PullInterval`]);
  });

  it("12.4: takes a bootstrap list from one string split at white space", async () => {
    expect((await read(withGossip({ bootstrap: "a:1  b:2\n" }))).bootstrap).toEqual(["a:1", "b:2"]);
  });

  it("12.5: names everything without meaning in one warning", async () => {
    const content = {
      ...withGossip({ pullInterval: "5s", pulInterval: "4s", pvtData: { btlPullMargin: 10 } }),
      vm: {},
    };
    const { warnings } = await read(content, { CORE_VM_ENDPOINT: "unix:///x", PATH: "/bin" });
    expect(warnings).toEqual([
      `${file}: ignored what has no meaning here: peer.gossip.pulInterval, peer.gossip.pvtData.btlPullMargin, vm, CORE_VM_ENDPOINT`,
    ]);
  });

  it.each([
    [
      { ...minimal, metrics: { provider: "statsd" } },
      "ignored what has no meaning here: metrics.provider statsd (nothing is counted: prometheus and disabled are supported)",
    ],
    [
      { ...minimal, logging: { format: "%{color}%{message}" } },
      "ignored what has no meaning here: logging.format %{color}%{message} (lines are written as for console)",
    ],
  ])("warns of what it cannot do (%#)", async (content, warning) => {
    expect((await read(content)).warnings).toEqual([`${file}: ${warning}`]);
  });

  it("12.3a: lets the environment override the file, save for empty variables", async () => {
    const config = await read(withGossip({ state: { batchSize: 5, enabled: true }, pullInterval: "9s" }), {
      CORE_PEER_GOSSIP_STATE_BATCHSIZE: "7",
      CORE_PEER_GOSSIP_STATE_ENABLED: "false",
      CORE_PEER_GOSSIP_PULLINTERVAL: "",
      CORE_PEER_GOSSIP_BOOTSTRAP: "a:1 b:2",
      CORE_OPERATIONS_LISTENADDRESS: "127.0.0.1:0",
      FABRIC_LOGGING_SPEC: "debug",
    });
    expect(config.gossip).toEqual({ pullIntervalMs: 9000, state: { batchSize: 7, enabled: false } });
    expect(config.bootstrap).toEqual(["a:1", "b:2"]);
    expect(config.operations).toEqual({ listenAddress: "127.0.0.1:0" });
    expect(config.logging).toEqual({ spec: "debug" });
  });

  const refused: readonly (readonly [string, Mapping | string, string])[] = [
    [
      "a duration without unit",
      withGossip({ pullInterval: "4" }),
      'peer.gossip.pullInterval to be a duration such as 4s, got "4"',
    ],
    [
      "a number for a duration",
      withGossip({ pullInterval: 4000 }),
      "peer.gossip.pullInterval to be a duration such as 4s, got 4000",
    ],
    [
      "a timer of zero",
      withGossip({ aliveTimeInterval: "0s" }),
      'peer.gossip.aliveTimeInterval to be a duration such as 5s, got "0s"',
    ],
    [
      "a negative count",
      withGossip({ propagatePeerNum: -1 }),
      "peer.gossip.propagatePeerNum to be an integer of at least 0, got -1",
    ],
    [
      "a fraction for a count",
      withGossip({ sendBuffSize: 1.5 }),
      "peer.gossip.sendBuffSize to be an integer of at least 1, got 1.5",
    ],
    [
      "a word for a flag",
      withGossip({ orgLeader: "yes please" }),
      'peer.gossip.orgLeader to be true or false, got "yes please"',
    ],
    [
      "an endpoint without port",
      withPeer({ listenAddress: "127.0.0.1" }),
      'peer.listenAddress to be host:port, got "127.0.0.1"',
    ],
    [
      "an endpoint with a port too high",
      withPeer({ address: "a:65536" }),
      'peer.address to be host:port, got "a:65536"',
    ],
    [
      "a bootstrap entry without port",
      withGossip({ bootstrap: ["a:1", "b"] }),
      'peer.gossip.bootstrap to be a list of host:port, got ["a:1","b"]',
    ],
    ["a value for a section", withPeer({ gossip: 5 }), "peer.gossip to be a mapping, got 5"],
    [
      "a mapping for a list",
      { ...minimal, channels: { genesisBlock: "x" } },
      'channels to be a list, got {"genesisBlock":"x"}',
    ],
    [
      "an unknown log format",
      { ...minimal, logging: { format: "xml" } },
      'logging.format to be json or console, got "xml"',
    ],
    ["another kind of trust", withPeer({ trust: "x509" }), 'peer.trust to be fabric or ed25519, got "x509"'],
    [
      "no trust",
      withPeer({ trust: null }),
      "peer.trust to be ed25519, or peer.mspConfigPath to be the path of an MSP folder, got nothing",
    ],
    ["no name", withPeer({ id: null }), "peer.id to be a name, got nothing"],
    ["no organization", withPeer({ localMspId: null }), "peer.localMspId to be an MSP identifier, got nothing"],
    ["no identity", withPeer({ identity: null }), "peer.identity.file to be the path of a file, got nothing"],
    ["an empty file", "", "peer.id to be a name, got nothing"],
    [
      "every address without saying which to dial",
      withPeer({ listenAddress: "0.0.0.0:7051" }),
      "peer.address to be set while peer.listenAddress is 0.0.0.0:7051, got nothing",
    ],
    [
      "every address of IPv6 without saying which to dial",
      withPeer({ listenAddress: "[::]:7051" }),
      "peer.address to be set while peer.listenAddress is [::]:7051, got nothing",
    ],
    [
      "every address for others to dial",
      withPeer({ address: "0.0.0.0:7051" }),
      'peer.address to be an address that other peers can dial, got "0.0.0.0:7051"',
    ],
    [
      "every address for other organizations to dial",
      withGossip({ externalEndpoint: "[::]:7051" }),
      'peer.gossip.externalEndpoint to be an address that other peers can dial, got "[::]:7051"',
    ],
    [
      "one address for two servers",
      { ...minimal, operations: { listenAddress: "127.0.0.1:7051" } },
      'operations.listenAddress to be another address than peer.listenAddress, got "127.0.0.1:7051"',
    ],
    [
      "08/E19: two kinds of leadership",
      withGossip({ orgLeader: true, useLeaderElection: true }),
      "peer.gossip.useLeaderElection to be false while peer.gossip.orgLeader is true, got true",
    ],
    [
      "an expiration not above the interval",
      withGossip({ aliveTimeInterval: "5s", aliveExpirationTimeout: "5s" }),
      "peer.gossip.aliveExpirationTimeout to be above peer.gossip.aliveTimeInterval (5s), got 5s",
    ],
    [
      "an expiration not above the default interval",
      withGossip({ aliveExpirationTimeout: "1500ms" }),
      "peer.gossip.aliveExpirationTimeout to be above peer.gossip.aliveTimeInterval (5s), got 1500ms",
    ],
    [
      "a pull that overlaps the next",
      withGossip({ pullInterval: "3s" }),
      "peer.gossip.pullInterval to be above peer.gossip.digestWaitTime and responseWaitTime together (3s), got 3s",
    ],
    [
      "a nonce forgotten before it is used",
      withGossip({ digestWaitTime: "1500ms" }),
      "peer.gossip.requestWaitTime to be above peer.gossip.digestWaitTime (1500ms), got 1500ms",
    ],
    [
      "a send buffer too small for one message",
      withGossip({ sendBuffBytes: 1000 }),
      "peer.gossip.sendBuffBytes to be at least peer.maxRecvMsgSize (104857600), got 1000",
    ],
    [
      "an operations service with TLS and without its files",
      { ...minimal, operations: { listenAddress: "127.0.0.1:0", tls: { enabled: true } } },
      "operations.tls.cert.file to be the path of a file while operations.tls.enabled is true, got nothing",
    ],
    [
      "TLS without its files",
      withPeer({ tls: { enabled: true, cert: { file: "tls.pem" } } }),
      "peer.tls.key.file to be the path of a file while peer.tls.enabled is true, got nothing",
    ],
    [
      "half a client pair",
      withPeer({ tls: { enabled: true, clientKey: { file: "tls.pem" } } }),
      "peer.tls.clientCert.file to be set beside peer.tls.clientKey.file, got nothing",
    ],
    [
      "an organization without key",
      withPeer({ organizations: [{ id: "Org1" }] }),
      'peer.organizations[0] to have one of rootKey and rootKeyFile, got {"id":"Org1"}',
    ],
    [
      "a short root key",
      withPeer({ organizations: [{ id: "Org1", rootKey: "00ff" }] }),
      'peer.organizations[0].rootKey to be an Ed25519 public key of 64 hex digits, got "00ff"',
    ],
    [
      "half an address override",
      withPeer({ deliveryclient: { addressOverrides: [{ from: "a:1" }] } }),
      "peer.deliveryclient.addressOverrides[0].to to be host:port, got nothing",
    ],
    [
      "a channel without block",
      { ...minimal, channels: [{}] },
      "channels[0].genesisBlock to be the path of a file, got nothing",
    ],
  ];

  it.each(refused)("12.7: refuses %s", async (_name, content, message) => {
    const error = await refusal(content);
    expect(error.message).toBe(`${file}: expected ${message}`);
    expect(error.code).toBe("invalid-config");
  });

  it.each<readonly [Mapping, string]>([
    [
      { ...minimal, logging: { spec: "loud" } },
      'logging.spec: expected a level such as debug, info, warning or error in logging specification "loud", got "loud"',
    ],
    [
      withPeer({ deliveryclient: { minimalReconnectInterval: "2s", reConnectBackoffThreshold: "1s" } }),
      "peer.deliveryclient: expected reconnectBackoffThresholdMs of at least minimalReconnectIntervalMs (2000), got 1000",
    ],
    [
      withGossip({ state: { channelSize: 1 } }),
      "peer.gossip: expected maxRequestsPerPeer to be at most channelSize (1), got 8",
    ],
  ])("names the key of what another part refused (%#)", async (content, message) => {
    const error = await refusal(content);
    expect(error.message).toBe(`${file}: ${message}`);
    expect(error.code).toBe("invalid-config");
  });

  it("refuses a file that does not exist, by name", async () => {
    const error = await refusal({ ...minimal, channels: [{ genesisBlock: "none.block" }] });
    expect(error.message).toBe(
      `${file}: expected channels[0].genesisBlock to name a readable file, got no file at ${join(dir, "none.block")}`,
    );
  });

  it.each([
    ["rsa.key", "expected an Ed25519 private key, got one of type rsa"],
    ["identity", "expected an Ed25519 private key in PEM, got text that is no key"],
  ])("refuses %s as own key", async (keyFile, message) => {
    const error = await refusal(withPeer({ identity: { file: "identity", keyFile } }));
    expect(error.message).toBe(`${file}: peer.identity.keyFile: ${join(dir, keyFile)}: ${message}`);
    expect(error.code).toBe("invalid-config");
  });

  const tlsWith = (change: Mapping): Mapping => {
    const [cert, key, rootcert] = ["server.crt", "server.key", "ca.crt"].map((name) => ({ file: name }));
    return withPeer({ tls: { enabled: true, cert, key, rootcert, ...change } });
  };

  it.each<readonly [string, Mapping, string, string]>([
    ["cert", { cert: { file: "tls.pem" } }, "to name a file with certificates in PEM", "other contents at DIR/tls.pem"],
    ["key", { key: { file: "tls.pem" } }, "to name a file with a private key in PEM", "other contents at DIR/tls.pem"],
    ["key", { key: { file: "client.key" } }, "to name the key of peer.tls.cert.file", "another key at DIR/client.key"],
    [
      "rootcert",
      { rootcert: { file: "tls.pem" } },
      "to name a file with certificates in PEM",
      "other contents at DIR/tls.pem",
    ],
    [
      "clientKey",
      { clientCert: { file: "client.crt" }, clientKey: { file: "server.key" } },
      "to name the key of peer.tls.clientCert.file",
      "another key at DIR/server.key",
    ],
  ])("refuses a TLS file that does not serve as %s (%#)", async (name, change, expected, got) => {
    const { message, code } = await refusal(tlsWith(change));
    expect(message).toBe(`${file}: expected peer.tls.${name}.file ${expected}, got ${got.replace("DIR", dir)}`);
    expect(code).toBe("invalid-config");
  });

  it("refuses client authorities without a certificate, which would let nobody in", async () => {
    const { message } = await refusal(tlsWith({ clientRootCAs: { files: ["ca.crt", "tls.pem"] } }));
    expect(message).toMatch(
      /: expected peer.tls.clientRootCAs.files to name a file with certificates in PEM, got .*tls.pem$/,
    );
  });

  it("refuses a private key where a public one is meant", async () => {
    const error = await refusal(withPeer({ organizations: [{ id: "Org1", rootKeyFile: "identity.key" }] }));
    expect(error.message).toBe(
      `${file}: peer.organizations[0].rootKeyFile: ${join(dir, "identity.key")}: expected an Ed25519 public key in PEM, got a private key`,
    );
  });

  it("12.7: blames the environment for what the environment said", async () => {
    const error = await refusal(minimal, { CORE_PEER_GOSSIP_PULLINTERVAL: "4" });
    expect(error.message).toBe(
      'CORE_PEER_GOSSIP_PULLINTERVAL: expected peer.gossip.pullInterval to be a duration such as 4s, got "4"',
    );
  });

  it.each([
    ["peer: [", /^.*peer\.yaml: expected YAML, got .* at line 1, column 8$/],
    ["peer: *nowhere", /^.*peer\.yaml: expected YAML, got .*nowhere.*$/],
    ["a: 1\n---\nb: 2", /^.*peer\.yaml: expected YAML, got several documents in one file$/],
    ["a: 1\na: 2", /^.*peer\.yaml: expected YAML, got .* at line 2, column 1$/],
    ["just words", /^.*peer\.yaml: expected the file to be a mapping of keys such as peer, got "just words"$/],
  ])("refuses %j in one line", async (text, message) => {
    const error = await refusal(text);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain("\n");
    expect(error.code).toBe("invalid-config");
  });

  it("says that the file itself is missing", async () => {
    const missing = join(dir, "missing.yaml");
    await expect(readPeerConfig(missing)).rejects.toThrow(
      new GossipError("not-found", `expected a readable peer configuration at ${missing}, got no such file`),
    );
  });
});
