/** Over real gRPC with mutual TLS: who and what must be refused is refused by name, in log, metric and /gossip pages. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Comm, commDefaults, createComm, type Stream, type Transport } from "@gossip/comm";
import { createGrpcTransport, createTlsAuthority, type TlsAuthority } from "@gossip/comm/grpc";
import {
  accepted,
  blockHash,
  createSigner,
  Ed25519Crypto,
  generateKeyPair,
  IdentityStore,
  issueIdentity,
  type MessageCryptoService,
  makeBlock,
  type SecurityAdvisor,
  unsigned,
} from "@gossip/crypto";
import { createPeer, type MembersView, type Peer } from "@gossip/peer";
import { TrialNetwork } from "@gossip/peer/testing";
import { orgId } from "@gossip/proto";
import { readBlock } from "@gossip/proto/fabric";
import { dataMessage } from "@gossip/proto/testing";
import {
  type LogFields,
  type Logger,
  noMetrics,
  silentLogger,
  systemClock,
  systemRandom,
  systemWallClock,
} from "@gossip/runtime";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const yearMs = 31_536_000_000;
const bytes = (text: string) => new TextEncoder().encode(text);

let dir: string;
let authority: TlsAuthority;
let trial: TrialNetwork;
let victim: Peer;
let logged: { readonly message: string; readonly fields: LogFields }[];
const opened: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "gossip-rogue-"));
  authority = await createTlsAuthority({ name: "tls-ca" });
  trial = new TrialNetwork();
  logged = [];
  const { cert, key } = await authority.issue({ name: "victim", hosts: ["127.0.0.1"] });
  const tls = {
    cert: bytes(cert),
    key: bytes(key),
    rootCerts: [bytes(authority.cert)],
    clientRootCas: [],
    clientAuthRequired: true,
  };
  victim = await createPeer(
    trial.peerConfig({
      org: "Org1",
      name: "victim",
      dir: join(dir, "victim"),
      listenAddress: "127.0.0.1:0",
      operations: { listenAddress: "127.0.0.1:0" },
      metricsProvider: "prometheus",
      tls,
    }),
    { log: recorder() },
  );
  opened.push(victim);
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
  await rm(dir, { recursive: true, force: true });
});

function recorder(): Logger {
  const note = (message: string, fields: LogFields = {}) => logged.push({ message, fields });
  return { debug() {}, info() {}, warn: note, error: note, child: recorder };
}

interface Rogue {
  readonly identity: Uint8Array;
  readonly privateKey: Uint8Array;
}

/** Believes everybody, so that the only one who can refuse is the other side. */
function credulous({ identity, privateKey }: Rogue): MessageCryptoService & SecurityAdvisor {
  const real = new Ed25519Crypto({ identity, privateKey, organizations: [], wall: systemWallClock });
  return {
    pkiIdOf: (of) => real.pkiIdOf(of),
    validateIdentity: () => accepted,
    expirationOf: () => undefined,
    sign: createSigner(privateKey),
    verify: () => accepted,
    verifyByChannel: () => accepted,
    verifyBlock: () => accepted,
    orgOf: () => orgId("Org1"),
  };
}

/** Connects to the victim over mutual TLS and sends it something, so that the handshake takes place. */
async function intrude(
  rogue: Rogue,
  through = (transport: Transport) => transport,
  crypto: MessageCryptoService & SecurityAdvisor = credulous(rogue),
): Promise<Comm> {
  const { cert, key } = await authority.issue({ name: "rogue", hosts: ["127.0.0.1"] });
  const transport = await createGrpcTransport({ listen: "127.0.0.1:0", tls: { cert, key, roots: [authority.cert] } });
  const comm = createComm({
    transport: through(transport),
    crypto,
    advisor: crypto,
    identities: new IdentityStore({ crypto, advisor: crypto, self: rogue.identity }),
    identity: rogue.identity,
    clock: systemClock,
    wall: systemWallClock,
    random: systemRandom,
    config: commDefaults,
    log: silentLogger,
    metrics: noMetrics,
    onMessage: (received) => received.done(),
    onEvent() {},
  });
  opened.push(comm);
  comm.send({ pkiId: victim.node.pkiId, endpoint: victim.endpoint }, unsigned(dataMessage({ channel: "nowhere" })));
  return comm;
}

function issued(org: string, root: { readonly privateKey: Uint8Array }): Rogue {
  const { privateKey, publicKey } = generateKeyPair();
  const validity = { notBeforeMs: 1, notAfterMs: 200 * yearMs };
  const identity = issueIdentity({
    org,
    rootPrivateKey: root.privateKey,
    name: "rogue",
    role: "peer",
    publicKey,
    ...validity,
  });
  return { identity, privateKey };
}

async function page<T>(path: string): Promise<T> {
  const response = await fetch(`http://${victim.operations?.endpoint}${path}`);
  return (path === "/metrics" ? await response.text() : await response.json()) as T;
}

/** Waits until the victim has refused for this reason, then looks at every place that must name it. */
async function expectRefused(what: "handshake" | "block", reason: string, name: string): Promise<void> {
  await expect.poll(() => victim.node.refusals.map((one) => one.reason), { timeout: 10_000 }).toContain(reason);
  const { refusals, members } = await page<MembersView>("/gossip/members");
  const refused = refusals.find((one) => one.reason === reason);
  expect(refused?.what).toBe(what);
  // An organization that does not vouch for it is what it claims, and so is told in the detail only.
  expect(`${refused?.org} ${refused?.detail}`).toContain(name);
  expect(members).toEqual([]);
  expect(await page<string>("/metrics")).toMatch(
    new RegExp(`gossip_refused_total\\{what="${what}",reason="${reason}"\\} [1-9]`),
  );
  expect(logged).toContainEqual({
    message: `${what} refused`,
    fields: expect.objectContaining({ reason, from: refused?.from }),
  });
}

describe("a peer that must not become a member is refused by name", () => {
  test("one whose identity another key than its organization's has signed", async () => {
    await intrude(issued("Org1", generateKeyPair()));
    await expectRefused("handshake", "untrusted-identity", "Org1");
  });

  test("one of another network with the same names, which trusts us as little as we trust it", async () => {
    const root = generateKeyPair();
    const rogue = issued("Org1", root);
    const organizations = [{ id: orgId("Org1"), rootPublicKey: root.publicKey }];
    await intrude(rogue, undefined, new Ed25519Crypto({ ...rogue, organizations, wall: systemWallClock }));
    await expectRefused("handshake", "untrusted-identity", "Org1");
  });

  test("one whose identity has expired", async () => {
    await intrude(trial.identity("Org1", "rogue", { notAfterMs: Date.now() - 1_000 }));
    await expectRefused("handshake", "expired-identity", "Org1");
  });

  test("one of an organization that nobody knows", async () => {
    await intrude(issued("Org9", generateKeyPair()));
    await expectRefused("handshake", "unknown-organization", "Org9");
  });

  test("one whose TLS certificate is not the one its handshake speaks of", async () => {
    await intrude(trial.identity("Org1", "rogue"), withFalseHash);
    await expectRefused("handshake", "tls-hash-mismatch", "Org1");
  });
});

describe("a block that must not be stored is refused by name, though a member sends it", () => {
  const push = async (data: Uint8Array) => {
    const comm = await intrude(trial.identity("Org1", "member"));
    const payload = { blockNumber: 1n, data, privateData: [] };
    comm.send(
      { pkiId: victim.node.pkiId, endpoint: victim.endpoint },
      unsigned(dataMessage({ channel: trial.channelId, payload })),
    );
  };

  test("one that no orderer has signed", async () => {
    await push(trial.forgedBlock());
    await expectRefused("block", "bad-block-signature", "Org1");
    expect(victim.channels.get(trial.channelId)?.height).toBe(1n);
  });

  test("one that does not follow the chain, though an orderer signed it", async () => {
    const orderer = trial.identity("OrdererOrg", "another orderer", { role: "orderer" });
    const good = readBlock(trial.nextBlock(["a transaction"]));
    if (!good.ok) throw new Error(good.detail);
    const elsewhere = makeBlock({
      number: 1n,
      previousHash: blockHash(good.value.header),
      data: good.value.data,
      lastConfigIndex: 0n,
      identity: orderer.identity,
      sign: createSigner(orderer.privateKey),
      nonce: systemRandom.bytes(24),
    });
    await push(elsewhere);
    await expectRefused("block", "broken-chain", "Org1");
    expect(victim.channels.get(trial.channelId)?.height).toBe(1n);
  });
});

/** A transport that claims to use another certificate than it does. */
function withFalseHash(transport: Transport): Transport {
  const disguise = (stream: Stream): Stream =>
    new Proxy(stream, {
      get(target, name) {
        if (name === "localTlsCertHash") return new Uint8Array(32);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  return {
    secure: transport.secure,
    dial: (endpoint, timeoutMs, onResult) =>
      transport.dial(endpoint, timeoutMs, (result) =>
        onResult(result.ok ? { ok: true, stream: disguise(result.stream) } : result),
      ),
    ping: (endpoint, timeoutMs, onResult) => transport.ping(endpoint, timeoutMs, onResult),
    listen: (onStream) => transport.listen(onStream),
    close: () => transport.close(),
  };
}
