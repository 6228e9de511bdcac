import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTlsAuthority, type TlsAuthority } from "@gossip/comm/grpc";
import { silentLogger } from "@gossip/runtime";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { PeerConfig, PeerTls } from "./config.js";
import { createPeer, type Peer, type PeerPorts } from "./peer.js";
import { FakeOrderer } from "./testing/fake-orderer.js";
import { TrialNetwork } from "./testing/trial-network.js";

let dir: string;
let authority: TlsAuthority;
const peers: Peer[] = [];

beforeAll(async () => {
  authority = await createTlsAuthority({ name: "tls-ca" });
});

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "gossip-peer-"));
});

afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.close()));
  await rm(dir, { recursive: true, force: true });
});

const bytes = (text: string) => new TextEncoder().encode(text);

async function tlsOf(by: TlsAuthority): Promise<PeerTls> {
  const { cert, key } = await by.issue({ name: "peer", hosts: ["127.0.0.1"] });
  return {
    cert: bytes(cert),
    key: bytes(key),
    rootCerts: [bytes(authority.cert)],
    clientRootCas: [],
    clientAuthRequired: true,
  };
}

async function start(trial: TrialNetwork, name: string, overrides: Partial<PeerConfig>, ports: PeerPorts = {}) {
  const config = trial.peerConfig({
    org: "Org1",
    name,
    dir: join(dir, name),
    listenAddress: "127.0.0.1:0",
    tls: await tlsOf(authority),
    gossip: { connectRetryMs: 50 },
    ...overrides,
  });
  const peer = await createPeer(config, { log: silentLogger, ...ports });
  peers.push(peer);
  return peer;
}

async function reach(peer: Peer, height: bigint): Promise<void> {
  const blocks = peer.channels.get("demo")?.blocks({ from: height - 1n, signal: AbortSignal.timeout(10_000) });
  for await (const _ of blocks ?? []) return;
  throw new Error(`expected height ${height}, got ${peer.channels.get("demo")?.height}`);
}

describe("peers over gRPC", () => {
  it("carry blocks from the leader to the others, with mutual TLS", async () => {
    const trial = new TrialNetwork();
    const orderer = new FakeOrderer(trial.blocks);
    const leader = await start(trial, "peer0", { orgLeader: true }, { connectOrderer: orderer.connect });
    const follower = await start(trial, "peer1", { bootstrap: [leader.endpoint] });
    expect(leader.endpoint).toMatch(/^127\.0\.0\.1:\d+$/);
    for (const text of ["a", "b", "c".repeat(500_000)]) orderer.append(trial.nextBlock([text]));
    await Promise.all([reach(leader, 4n), reach(follower, 4n)]);
    const received = (await follower.channels.get("demo")?.block(3n)) ?? new Uint8Array();
    expect(Buffer.compare(received, trial.blocks[3] ?? new Uint8Array())).toBe(0);
    expect(follower.node.members.map(({ pkiId, internalEndpoint }) => [pkiId, internalEndpoint])).toEqual([
      [leader.node.pkiId, leader.endpoint],
    ]);
  });

  it("go on with each other after one of them was restarted", async () => {
    const trial = new TrialNetwork();
    const orderer = new FakeOrderer(trial.blocks);
    const leader = await start(trial, "peer0", { orgLeader: true }, { connectOrderer: orderer.connect });
    const trust = trial.identity("Org1", "peer1");
    const first = await start(trial, "peer1", { trust, bootstrap: [leader.endpoint] });
    orderer.append(trial.nextBlock(["before"]));
    await reach(first, 2n);
    await first.close();
    orderer.append(trial.nextBlock(["meanwhile"]));
    await reach(leader, 3n);
    const second = await start(trial, "peer1", { trust, listenAddress: first.endpoint, bootstrap: [leader.endpoint] });
    expect(second.channels.get("demo")?.height).toBeGreaterThanOrEqual(2n);
    orderer.append(trial.nextBlock(["after"]));
    await reach(second, 4n);
    expect(second.node.incarnation).toBeGreaterThan(first.node.incarnation);
  });

  it("do not hear a peer whose certificate comes from elsewhere", async () => {
    const trial = new TrialNetwork();
    const peer = await start(trial, "peer0", {});
    const elsewhere = await createTlsAuthority({ name: "elsewhere" });
    const stranger = await start(trial, "peer1", { tls: await tlsOf(elsewhere), bootstrap: [peer.endpoint] });
    const third = await start(trial, "peer2", { bootstrap: [peer.endpoint, stranger.endpoint] });
    await expect.poll(() => third.node.members.length, { timeout: 15_000 }).toBeGreaterThan(0);
    expect(peer.node.members.map(({ internalEndpoint }) => internalEndpoint)).not.toContain(stranger.endpoint);
    expect(stranger.node.members).toEqual([]);
  });

  it("say which port is taken", async () => {
    const trial = new TrialNetwork();
    const { endpoint } = await start(trial, "peer0", {});
    await expect(start(trial, "peer1", { listenAddress: endpoint })).rejects.toMatchObject({
      code: "conflict",
      message: `peer.listenAddress: expected ${endpoint} to be free to listen on, got a port that is in use`,
    });
  });

  it("say that a key does not belong to its certificate", async () => {
    const [{ key }, tls] = await Promise.all([tlsOf(authority), tlsOf(authority)]);
    await expect(start(new TrialNetwork(), "peer0", { tls: { ...tls, key } })).rejects.toMatchObject({
      code: "invalid-config",
      message: expect.stringMatching(/^peer: expected tls\.\S+ and tls\.\S+ to be a matching pair in PEM, got /),
    });
  });

  it("close within seconds, also when both do at a time", async () => {
    const trial = new TrialNetwork();
    const one = await start(trial, "peer0", {});
    const two = await start(trial, "peer1", { bootstrap: [one.endpoint] });
    await new Promise<void>((resolve) => {
      if (two.node.members.length > 0) resolve();
      two.node.on("member-up", () => resolve());
    });
    const startedAt = performance.now();
    await Promise.all([one.close(), two.close()]);
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });
});
