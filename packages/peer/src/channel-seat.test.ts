import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryNetwork, type MemoryNetwork } from "@gossip/comm/testing";
import { anyOf, changePolicy, changeValue, makeRevocationList, role, type TestMember } from "@gossip/fabric/testing";
import { orgId } from "@gossip/proto";
import { encodeCapabilities, encodeOrdererAddresses } from "@gossip/proto/fabric";
import { type LogFields, type Logger, silentLogger } from "@gossip/runtime";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FabricChain, FabricTrial } from "../test/support/fabric-channel.js";
import type { PeerConfig } from "./config.js";
import { createPeer, type Peer, type PeerPorts } from "./peer.js";
import { FakeOrderer } from "./testing/fake-orderer.js";

let dir: string;
let network: MemoryNetwork;
let trial: FabricTrial;
let member: TestMember;
let logged: { readonly level: string; readonly text: string; readonly fields: LogFields }[];
const peers: Peer[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "gossip-seat-"));
  network = createMemoryNetwork();
  trial = new FabricTrial();
  member = trial.org1.issue("peer0.org1", "peer");
  await trial.writeMsp(join(dir, "msp"), trial.org1, member);
  logged = [];
});

afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.close()));
  await rm(dir, { recursive: true, force: true });
});

function configOf(chains: readonly FabricChain[], overrides: Partial<PeerConfig> = {}): PeerConfig {
  return {
    id: "peer0",
    localMspId: orgId("Org1MSP"),
    fileSystemPath: join(dir, "peer0"),
    listenAddress: "peer0:7051",
    trust: { type: "fabric", mspConfigPath: join(dir, "msp") },
    channels: chains.map(({ genesisBlock }) => ({ genesisBlock })),
    orgLeader: true,
    ...overrides,
  };
}

/** Keeps what is logged, and tells whoever waits for a line. */
const listeners = new Set<() => void>();
function recorder(): Logger {
  const line =
    (level: string) =>
    (text: string, fields: LogFields = {}) => {
      logged.push({ level, text, fields });
      for (const listener of listeners) listener();
    };
  const log: Logger = {
    ...silentLogger,
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
    child: () => log,
  };
  return log;
}

function hear(text: string): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!logged.some((one) => one.text.includes(text))) return;
      listeners.delete(look);
      resolve();
    };
    listeners.add(look);
    look();
  });
}

async function start(config: PeerConfig, ports: PeerPorts = {}): Promise<Peer> {
  const transport = network.transport(config.listenAddress);
  const peer = await createPeer(config, { log: recorder(), transport, ...ports });
  peers.push(peer);
  return peer;
}

async function restart(peer: Peer, config: PeerConfig, ports: PeerPorts = {}): Promise<Peer> {
  await peer.close();
  peers.splice(peers.indexOf(peer), 1);
  return await start(config, ports);
}

/** Resolves when the channel, which may still be waited for, has reached the height. */
async function reach(peer: Peer, height: bigint, id = "payments"): Promise<void> {
  const channel = peer.channels.get(id);
  if (channel === undefined)
    throw new Error(`expected channel ${id}, got ${[...peer.channels.keys()].join() || "none"}`);
  const signal = AbortSignal.timeout(8_000);
  for await (const { number } of channel.blocks({ from: 0n, signal })) if (number + 1n >= height) return;
  throw new Error(`expected height ${height}, got ${channel.height}: ${JSON.stringify(channel.health)}`);
}

describe("a config block", () => {
  it("with an orderer, where there was none before, makes a leader pull", async () => {
    const { orderers } = trial;
    const chain = trial.channel({ ordererOrganizations: [{ ...orderers, endpoints: [] }] });
    const ordering = new FakeOrderer(chain.blocks);
    const peer = await start(configOf([chain]), { connectOrderer: ordering.connect });
    const update = chain.reconfigure({ ordererOrganizations: [{ ...orderers, endpoints: ["orderer0:7050"] }] });
    ordering.append(update);
    await peer.channels.get("payments")?.publish(1n, update);
    ordering.append(chain.next("a"));
    await reach(peer, 3n);
  });

  it("without any orderer is put in force, and the next that names one is followed", async () => {
    const chain = trial.channel();
    const ordering = new FakeOrderer(chain.blocks);
    const peer = await start(configOf([chain]), { connectOrderer: ordering.connect });
    const endpoints = (addresses: readonly string[]) =>
      chain.reconfigure((config) =>
        changeValue(config, ["Orderer", "OrdererMSP"], "Endpoints", encodeOrdererAddresses({ addresses })),
      );
    const [without, again] = [endpoints([]), endpoints(["orderer1:7050"])];
    ordering.append(without);
    await reach(peer, 2n);
    expect(peer.channels.get("payments")?.health).toEqual({ ok: true });
    ordering.append(again);
    await peer.channels.get("payments")?.publish(2n, again);
    ordering.append(chain.next("a"));
    await reach(peer, 4n);
  });

  it("13.64: that demands what this software does not have stops the channel and says what to do, after a restart too", async () => {
    const chain = trial.channel();
    const ordering = new FakeOrderer(chain.blocks);
    const config = configOf([chain]);
    const peer = await start(config, { connectOrderer: ordering.connect });
    ordering.append(
      chain.reconfigure((now) => changeValue(now, [], "Capabilities", encodeCapabilities({ names: ["V9_9"] }))),
    );
    await hear("commits fail");
    const health = peer.channels.get("payments")?.health;
    expect(health).toMatchObject({ ok: false, detail: expect.stringContaining('"V9_9"') });
    expect(health).toMatchObject({ detail: expect.stringMatching(/install a release/) });
    await expect(restart(peer, config)).rejects.toMatchObject({
      code: "invalid-config",
      message: expect.stringMatching(/channel payments.*block 1.*"V9_9".*install a release/),
    });
  });
});

describe("a block that is refused before its commit", () => {
  it("is pulled from the orderer again, though the orderer has brought it before", async () => {
    const chain = trial.channel();
    const ordering = new FakeOrderer(chain.blocks);
    const peer = await start(configOf([chain], { gossip: { state: { enabled: false } } }), {
      connectOrderer: ordering.connect,
    });
    // The first of a number wins a place, so the orderer's own block 2 finds it taken.
    await peer.channels.get("payments")?.publish(2n, chain.fork("elsewhere", 1));
    for (const text of ["a", "b", "c"]) ordering.append(chain.next(text));
    await reach(peer, 4n);
  });
});

describe("13.63: an organization that is not in the channel", () => {
  const without = () => ({ organizations: [trial.org2] });

  it("at first, joins when a config block of the orderers' names it", async () => {
    const chain = trial.channel(without());
    chain.next("a");
    const ordering = new FakeOrderer(chain.blocks);
    const peer = await start(configOf([chain]), { connectOrderer: ordering.connect });
    expect([...peer.channels.keys()]).toEqual([]);
    ordering.append(chain.reconfigure({ organizations: [trial.org1, trial.org2] }));
    await hear("joining the channel");
    ordering.append(chain.next("b"));
    await reach(peer, 4n);
    expect(logged.find(({ text }) => text.includes("waiting for it"))).toMatchObject({
      level: "warn",
      fields: { organization: "Org1MSP", organizations: ["Org2MSP"] },
    });
  });

  it("any more, leaves, goes on with its other channels after a restart, and comes back", async () => {
    const ordererOrganizations = [{ ...trial.orderers, endpoints: ["other:7050"] }];
    const [chain, other] = [trial.channel(), trial.channel({ id: "loans", ordererOrganizations })];
    const [ordering, ofOther] = [new FakeOrderer(chain.blocks), new FakeOrderer(other.blocks)];
    const connectOrderer: PeerPorts["connectOrderer"] = (endpoint, ...rest) =>
      (endpoint.address === "other:7050" ? ofOther : ordering).connect(endpoint, ...rest);
    const config = configOf([chain, other]);
    const peer = await start(config, { connectOrderer });
    ordering.append(chain.reconfigure(without()));
    await hear("leaving it");
    expect([...peer.channels.keys()]).toEqual(["loans"]);
    ordering.append(chain.next("unseen by gossip"));

    const again = await restart(peer, config, { connectOrderer });
    expect([...again.channels.keys()]).toEqual(["loans"]);
    ofOther.append(other.next("a"));
    await reach(again, 2n, "loans");
    ordering.append(chain.reconfigure({ organizations: [trial.org1, trial.org2] }));
    await hear("joining the channel");
    ordering.append(chain.next("seen"));
    await reach(again, 5n);
    for (const [number, block] of chain.blocks.entries()) {
      expect(await again.channels.get("payments")?.block(BigInt(number))).toEqual(block);
    }
  });

  it("any more, comes back while the peer runs", async () => {
    const chain = trial.channel();
    const ordering = new FakeOrderer(chain.blocks);
    const peer = await start(configOf([chain]), { connectOrderer: ordering.connect });
    ordering.append(chain.reconfigure(without()));
    ordering.append(chain.next("a"));
    ordering.append(chain.reconfigure({ organizations: [trial.org1, trial.org2] }));
    await hear("joining the channel");
    ordering.append(chain.next("b"));
    await reach(peer, 5n);
  });

  it("and does not follow orderers, is refused when it has never been in it", async () => {
    const chain = trial.channel(without());
    await expect(start(configOf([chain], { orgLeader: false }))).rejects.toMatchObject({
      code: "invalid-config",
      message: expect.stringMatching(/expected Org1MSP among the organizations of payments, got Org2MSP/),
    });
    // Nothing of it is left in the way of the channel that was meant.
    const peer = await start(configOf([trial.channel()], { orgLeader: false }));
    expect([...peer.channels.keys()]).toEqual(["payments"]);
  });

  it("any more, and does not follow orderers, is no reason not to start", async () => {
    const chain = trial.channel();
    const config = configOf([chain], { orgLeader: false });
    const peer = await start(config);
    await peer.channels.get("payments")?.publish(1n, chain.reconfigure(without()));
    await hear("leaving it");
    const again = await restart(peer, { ...config, operations: { listenAddress: "127.0.0.1:0" } });
    expect([...again.channels.keys()]).toEqual([]);
    const health = await fetch(`http://${again.operations?.endpoint}/healthz`);
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({
      checks: expect.arrayContaining([
        {
          component: "channel/payments",
          ok: true,
          detail:
            "Org1MSP is not among its organizations as of block 1: set peer.gossip.orgLeader to follow its orderers until it is",
        },
      ]),
    });
  });
});

describe("a policy that the own identity does not satisfy any more", () => {
  it("is told to the operator", async () => {
    const chain = trial.channel();
    const ordering = new FakeOrderer(chain.blocks);
    const peer = await start(configOf([chain]), { connectOrderer: ordering.connect });
    const onlyAdmins = anyOf([role("Org1MSP", "admin")]);
    ordering.append(
      chain.reconfigure((config) => changePolicy(config, ["Application", "Org1MSP"], "Readers", onlyAdmins)),
    );
    await reach(peer, 2n);
    await hear("expected own identity to read channel payments");
    expect(logged.filter(({ level }) => level === "error")).toHaveLength(1);
  });
});

describe("a revocation of the own identity", () => {
  it("is told to the operator", async () => {
    const chain = trial.channel();
    const ordering = new FakeOrderer(chain.blocks);
    const peer = await start(configOf([chain]), { connectOrderer: ordering.connect });
    const { org1, org2 } = trial;
    const revocationList = [makeRevocationList(org1.root, { serials: [member.serial] })];
    ordering.append(
      chain.reconfigure({ organizations: [{ ...org1, config: { ...org1.config, revocationList } }, org2] }),
    );
    await reach(peer, 2n);
    await hear("own identity");
    expect(logged.find(({ text }) => text.startsWith("own identity"))).toMatchObject({ level: "error" });
    expect(peer.node.health).toMatchObject({ ok: false, detail: expect.stringMatching(/was revoked.*enroll/) });
    await expect(restart(peer, configOf([chain]))).rejects.toMatchObject({
      code: "untrusted",
      message: expect.stringContaining("revoked-identity"),
    });
  });
});

describe("a start that works and may not be meant", () => {
  const warned = () => logged.filter(({ level }) => level === "warn").map(({ text }) => text);

  it("without a channel", async () => {
    await start(configOf([]));
    expect(warned()).toContain("no channel is joined: name its block 0 with --channel-block FILE");
  });

  it("in the folder of a Fabric peer", async () => {
    await mkdir(join(dir, "peer0", "ledgersData"), { recursive: true });
    await start(configOf([trial.channel()], { orgLeader: false }));
    expect(warned()).toContainEqual(expect.stringContaining("is the folder of a Fabric peer"));
  });

  it("as an administrator", async () => {
    await trial.writeMsp(join(dir, "msp"), trial.org1, trial.org1.issue("admin", "admin"));
    await start(configOf([trial.channel()], { orgLeader: false }));
    expect(warned()).toContainEqual(expect.stringContaining("expected the certificate of a peer, got that of admin"));
  });
});

describe("an MSP folder without config.yaml", () => {
  it("is refused in words that name the file", async () => {
    await rm(join(dir, "msp", "config.yaml"));
    await expect(start(configOf([trial.channel()]))).rejects.toThrow(
      /^peer\.mspConfigPath: .+ \(the folder has no config\.yaml\)$/,
    );
  });
});
