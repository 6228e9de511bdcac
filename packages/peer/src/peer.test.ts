import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryNetwork, type MemoryNetwork } from "@gossip/comm/testing";
import { silentLogger, systemRandom } from "@gossip/runtime";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PeerConfig } from "./config.js";
import { createPeer, type Peer, type PeerPorts } from "./peer.js";
import { FakeOrderer } from "./testing/fake-orderer.js";
import { TrialNetwork } from "./testing/trial-network.js";

let dir: string;
let network: MemoryNetwork;
const peers: Peer[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "gossip-peer-"));
  network = createMemoryNetwork();
});

afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.close()));
  await rm(dir, { recursive: true, force: true });
});

function configOf(trial: TrialNetwork, name: string, overrides: Partial<PeerConfig> = {}): PeerConfig {
  return trial.peerConfig({ org: "Org1", name, dir: join(dir, name), listenAddress: `${name}:7051`, ...overrides });
}

async function start(config: PeerConfig, ports: PeerPorts = {}): Promise<Peer> {
  const transport = network.transport(config.listenAddress);
  const peer = await createPeer(config, { log: silentLogger, transport, ...ports });
  peers.push(peer);
  return peer;
}

/** Resolves when the channel has reached the height. */
async function reach(peer: Peer, height: bigint): Promise<void> {
  const channel = peer.channels.get("demo");
  if (channel === undefined) throw new Error("expected channel demo");
  const signal = AbortSignal.timeout(10_000);
  for await (const { number } of channel.blocks({ from: 0n, signal })) if (number + 1n >= height) return;
  throw new Error(`expected height ${height}, got ${channel.height}`);
}

describe("createPeer", () => {
  it("begins a ledger with the genesis block, and goes on from what it holds", async () => {
    const trial = new TrialNetwork();
    const config = configOf(trial, "peer0");
    const first = await start(config);
    expect(first.channels.get("demo")?.height).toBe(1n);
    await first.channels.get("demo")?.publish(1n, trial.nextBlock(["a"]));
    await reach(first, 2n);
    await first.close();
    const second = await start(config);
    expect(second.channels.get("demo")?.height).toBe(2n);
  });

  it("9.1, 9.2: pulls as leader and pushes to the other peers of its organization", async () => {
    const trial = new TrialNetwork();
    const orderer = new FakeOrderer(trial.blocks);
    const leader = await start(configOf(trial, "peer0", { orgLeader: true }), { connectOrderer: orderer.connect });
    const follower = await start(configOf(trial, "peer1", { bootstrap: ["peer0:7051"] }));
    for (const text of ["a", "b", "c"]) orderer.append(trial.nextBlock([text]));
    await Promise.all([reach(leader, 4n), reach(follower, 4n)]);
    expect(follower.channels.get("demo")?.lastBlock).toEqual(leader.channels.get("demo")?.lastBlock);
    expect(leader.channels.get("demo")?.isLeader).toBe(true);
    expect(follower.channels.get("demo")?.isLeader).toBe(false);
  });

  const elected = (bootstrap: readonly string[] = []): Partial<PeerConfig> => ({
    bootstrap,
    leaderElection: true,
    ordererTimeoutMs: 1,
    gossip: {
      election: {
        startupGracePeriodMs: 500,
        membershipSampleIntervalMs: 50,
        leaderAliveThresholdMs: 400,
        leaderElectionDurationMs: 100,
      },
    },
  });

  /** Until a peer leads, and says why. */
  async function leads(peer: Peer): Promise<string | undefined> {
    const leadership = peer.channels.get("demo")?.leadership;
    if (leadership?.isLeader !== true) {
      await new Promise<void>((resolve) => leadership?.on("change", () => leadership.isLeader && resolve()));
    }
    return leadership?.history.at(-1)?.reason;
  }

  it("pulls while it is elected, and another one when it is gone", async () => {
    const trial = new TrialNetwork();
    const orderer = new FakeOrderer(trial.blocks);
    const ports = { connectOrderer: orderer.connect };
    const first = await start(configOf(trial, "peer0", elected()), ports);
    expect(await leads(first)).toBe("elected");
    const second = await start(configOf(trial, "peer1", elected(["peer0:7051"])), ports);
    orderer.append(trial.nextBlock(["a"]));
    await Promise.all([reach(first, 2n), reach(second, 2n)]);
    expect(second.channels.get("demo")?.isLeader).toBe(false);
    expect(second.channels.get("demo")?.leadership).toMatchObject({ mode: "elected", leader: first.node.pkiId });
    await first.close();
    await leads(second);
    orderer.append(trial.nextBlock(["b"]));
    await reach(second, 3n);
    const led = second.channels.get("demo")?.leadership.history.map(({ leader }) => leader);
    expect(led?.slice(-3)).toEqual([first.node.pkiId, undefined, second.node.pkiId]);
  });

  it("leaves leadership to one that reaches an orderer, if there is somebody else", async () => {
    const trial = new TrialNetwork();
    const orderer = new FakeOrderer(trial.blocks);
    const never: PeerPorts["connectOrderer"] = () => ({ send() {}, read() {}, close() {} });
    const first = await start(configOf(trial, "peer0", elected()), { connectOrderer: never });
    await leads(first);
    const second = await start(configOf(trial, "peer1", elected(["peer0:7051"])), { connectOrderer: orderer.connect });
    orderer.append(trial.nextBlock(["a"]));
    await leads(second);
    await Promise.all([reach(first, 2n), reach(second, 2n)]);
    const history = first.channels.get("demo")?.leadership.history.map(({ reason }) => reason);
    expect(history).toContain("no-orderer");
  });

  it("catches up when it comes late, without an orderer", async () => {
    const trial = new TrialNetwork();
    const texts = Array.from({ length: 50 }, (_, at) => `transaction ${at}`);
    for (const text of texts) trial.nextBlock([text]);
    const orderer = new FakeOrderer(trial.blocks);
    const leader = await start(configOf(trial, "peer0", { orgLeader: true }), { connectOrderer: orderer.connect });
    await reach(leader, 51n);
    const late = await start(configOf(trial, "peer1", { bootstrap: ["peer0:7051"] }));
    await reach(late, 51n);
    for (const [number, block] of trial.blocks.entries()) {
      expect(await late.channels.get("demo")?.block(BigInt(number))).toEqual(block);
    }
  });

  it("names whom it refused, and why", async () => {
    const trial = new TrialNetwork();
    const peer = await start(configOf(trial, "peer0", { operations: { listenAddress: "127.0.0.1:0" } }));
    const refused = new Promise((resolve) => peer.node.on("refused", resolve));
    // Its clock stands still in 1970, so that it takes its own identity for valid.
    const expired = trial.identity("Org1", "expired", { notAfterMs: 86_400_000 });
    const config = configOf(trial, "peer1", { trust: expired, bootstrap: ["peer0:7051"] });
    await start(config, { wall: { nowNanos: () => 1_000_000_000n } });
    await refused;
    const answer = await fetch(`http://${peer.operations?.endpoint}/gossip/members`);
    expect(await answer.json()).toMatchObject({
      members: [],
      refusals: [{ what: "handshake", org: "Org1", reason: "expired-identity", count: expect.any(Number) }],
    });
  });

  it("grows its incarnation over restarts, also when the wall clock stepped back", async () => {
    const config = configOf(new TrialNetwork(), "peer0");
    const at = (nanos: bigint) => ({ wall: { nowNanos: () => nanos } });
    const year2030 = 1_893_456_000_000_000_000n;
    const first = await start(config, at(year2030));
    await first.close();
    const second = await start(config, at(year2030 - 3_600_000_000_000n));
    expect(second.node.incarnation).toBeGreaterThan(first.node.incarnation);
    expect(await readFile(join(config.fileSystemPath, "incarnation"), "utf8")).toBe(`${second.node.incarnation}\n`);
  });

  it.each(["12x", "", `${2n ** 63n}`])("refuses an incarnation file that holds %j, by name", async (text) => {
    const config = configOf(new TrialNetwork(), "peer0");
    await (await start(config)).close();
    const path = join(config.fileSystemPath, "incarnation");
    await writeFile(path, text);
    await expect(start(config)).rejects.toMatchObject({
      code: "corrupt",
      message: expect.stringMatching(`^expected ${path} to hold the last incarnation, got "${text}"; remove it, `),
    });
  });

  it("13.9: refuses the ledger of another network", async () => {
    const config = configOf(new TrialNetwork(), "peer0");
    await (await start(config)).close();
    const other = { ...configOf(new TrialNetwork(), "peer0"), fileSystemPath: config.fileSystemPath };
    await expect(start(other)).rejects.toMatchObject({
      code: "conflict",
      message: `expected the ledger of channel demo in ${join(config.fileSystemPath, "ledgers")} to begin with the configured genesis block, got another block 0`,
    });
    expect((await start(config)).channels.get("demo")?.height).toBe(1n);
  });

  it("refuses a data folder that another peer has open", async () => {
    const config = configOf(new TrialNetwork(), "peer0");
    await start(config);
    const { fileSystemPath } = config;
    const second = start({ ...config, listenAddress: "peer9:7051", fileSystemPath });
    await expect(second).rejects.toMatchObject({ code: "conflict" });
  });

  const trial = new TrialNetwork();
  const stranger = new TrialNetwork();
  const refused: readonly (readonly [string, (config: PeerConfig) => PeerConfig, string, RegExp])[] = [
    [
      "an identity of another organization than it says",
      (config) => ({ ...config, trust: trial.identity("Org2", "peer0") }),
      "invalid-config",
      /^expected an identity of peer\.localMspId Org1, got one of Org2$/,
    ],
    [
      "bytes for an identity",
      (config) => ({ ...config, trust: { ...config.trust, identity: Uint8Array.of(0x0e) } }),
      "invalid-config",
      /^peer\.identity: own identity: expected .+$/,
    ],
    [
      "a key of another identity",
      (config) => ({ ...config, trust: { ...config.trust, privateKey: stranger.identity("Org1", "x").privateKey } }),
      "invalid-config",
      /^peer\.identity: expected the private key of identity peer0, got another$/,
    ],
    [
      "an identity of an organization that nobody knows",
      (config) => ({ ...config, trust: stranger.identity("Org1", "peer0") }),
      "untrusted",
      /^expected own identity to be valid, got untrusted-identity: .+$/,
    ],
    [
      "an expired identity",
      (config) => ({ ...config, trust: trial.identity("Org1", "peer0", { notAfterMs: 2 }) }),
      "untrusted",
      /^expected own identity to be valid, got expired-identity: .+$/,
    ],
    [
      "an identity that may not read the channel",
      (config) => ({ ...config, trust: trial.identity("Org1", "peer0", { role: "orderer" }) }),
      "untrusted",
      /^expected own identity to read channel demo, got policy-not-satisfied: .+; see that peer.localMspId .+ belong together$/,
    ],
    [
      "a genesis block that is none",
      (config) => ({ ...config, channels: [{ genesisBlock: Uint8Array.of(1, 2, 3) }] }),
      "invalid-config",
      /^channels\[0\]\.genesisBlock: .+$/,
    ],
    [
      "to listen everywhere without saying what to dial",
      (config) => ({ ...config, listenAddress: "0.0.0.0:7051" }),
      "invalid-config",
      /^expected an endpoint that other peers can dial while listening on 0\.0\.0\.0:7051, got none$/,
    ],
    [
      "every address for others to dial",
      (config) => ({ ...config, endpoint: "[::]:7051" }),
      "invalid-config",
      /^expected an endpoint that other peers can dial while listening on .*, got \[::\]:7051$/,
    ],
    [
      "the same channel twice",
      (config) => ({ ...config, channels: [...config.channels, ...config.channels] }),
      "invalid-config",
      /^channels\[1\]\.genesisBlock: expected each channel once, got a second genesis block of demo$/,
    ],
    [
      "a channel that it has no part in",
      (config) => ({ ...config, channels: [{ genesisBlock: trial.genesisBlockOf(["Org2"]) }] }),
      "invalid-config",
      /^channels\[0\]\.genesisBlock: expected Org1 among the organizations of demo, got Org2$/,
    ],
  ];

  it.each(refused)("refuses %s", async (_name, change, code, message) => {
    await expect(start(change(configOf(trial, "peer0")))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it("leaves nothing open when it cannot start", async () => {
    const config = { ...configOf(trial, "peer0"), operations: { listenAddress: "127.0.0.1:0" } };
    const first = await start(config);
    const taken = first.operations?.endpoint ?? "";
    await first.close();
    const blocked = { ...configOf(trial, "peer1"), operations: { listenAddress: taken } };
    const holder = await start({ ...config, operations: { listenAddress: taken } });
    await expect(start(blocked)).rejects.toMatchObject({ code: "conflict" });
    await holder.close();
    // Its ledger, its port and its endpoint are free.
    expect((await start(blocked)).operations?.endpoint).toBe(taken);
  });

  it("shows itself on its operations service", async () => {
    const config: PeerConfig = {
      ...configOf(trial, "peer0", { orgLeader: true }),
      operations: { listenAddress: "127.0.0.1:0" },
      metricsProvider: "prometheus",
    };
    const orderer = new FakeOrderer(trial.blocks);
    const peer = await start(config, { connectOrderer: orderer.connect });
    const get = async (path: string) => await (await fetch(`http://${peer.operations?.endpoint}${path}`)).text();
    expect(JSON.parse(await get("/gossip/members"))).toMatchObject({
      self: { id: "peer0", org: "Org1", endpoint: "peer0:7051", pkiId: peer.node.pkiId },
    });
    expect(JSON.parse(await get("/gossip/channels"))).toMatchObject({
      channels: [{ channel: "demo", height: "1", leader: true, deliver: { next: "1", lastFailure: null } }],
    });
    expect(JSON.parse(await get("/healthz"))).toMatchObject({ status: "OK" });
    const metrics = await get("/metrics");
    for (const line of [
      'ledger_blockchain_height{channel="demo"} 1',
      'gossip_leader_election_leader{channel="demo"} 1',
      /^fabric_version\{version="\d+\.\d+\.\d+[^"]*"\} 1$/m,
    ]) {
      expect(metrics).toMatch(line);
    }
  });

  it("refuses a block that no orderer of the channel signed, and tells who sent it", async () => {
    const orderer = new FakeOrderer(trial.blocks);
    const config = { ...configOf(trial, "peer0", { orgLeader: true }), operations: { listenAddress: "127.0.0.1:0" } };
    const peer = await start(config, { connectOrderer: orderer.connect });
    orderer.append(trial.forgedBlock());
    await orderer.given(2);
    const answer = await fetch(`http://${peer.operations?.endpoint}/gossip/members`);
    expect(((await answer.json()) as { refusals: unknown }).refusals).toMatchObject([
      { what: "block", from: "orderer:7050", org: "OrdererOrg", reason: "bad-block-signature" },
    ]);
    expect(peer.channels.get("demo")?.height).toBe(1n);
  });

  it("closes when a defect is met, and says which", async () => {
    const defect = new Error("the source of chance has dried up");
    let isBroken = false;
    const below = (bound: number) => {
      if (isBroken) throw defect;
      return systemRandom.below(bound);
    };
    const config = configOf(trial, "peer0", { bootstrap: ["nobody:7051"], gossip: { connectRetryMs: 10 } });
    const peer = await start(config, { random: { ...systemRandom, below } });
    isBroken = true;
    expect(await peer.closed).toEqual({ fault: defect });
    expect(() => peer.close()).not.toThrow();
    isBroken = false;
    await start(config);
  });

  it("closes once, however often it is asked, and says that no fault did it", async () => {
    const peer = await start(configOf(new TrialNetwork(), "peer0"));
    await Promise.all([peer.close(), peer.close(), peer[Symbol.asyncDispose]()]);
    expect(await peer.closed).toEqual({ fault: undefined });
  });
});
