/**
 * Envelopes per second between two processes over mutual TLS: through the communication layer, and beside it over a
 * bare stream of the same transport, in turn. The ratio is what handshake state, lanes, queues and flow control cost.
 *
 * The child process receives and acknowledges every so many envelopes; the parent keeps a window of them unacknowledged.
 */

import { fork } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { type Comm, commDefaults, createComm, type Stream, type Transport } from "@gossip/comm";
import { createGrpcTransport, createTlsAuthority } from "@gossip/comm/grpc";
import { IdentityStore, pkiIdOfParts } from "@gossip/crypto";
import { createTestCrypto, createTestOrganization } from "@gossip/crypto/testing";
import { type Envelope, encodeEnvelope, type PkiId } from "@gossip/proto";
import { readSerializedIdentity } from "@gossip/proto/fabric";
import { noMetrics, silentLogger, systemClock, systemRandom, systemWallClock } from "@gossip/runtime";

interface Setup {
  readonly name: string;
  readonly cert: string;
  readonly key: string;
  readonly root: string;
}

const org = createTestOrganization("org1");
/** Small enough for the send queues, large enough that the receiver never waits. */
const windowOf = (bytes: number) => (bytes > 100_000 ? 50 : 150);
const rounds = 3;
const sizes = [
  { label: "300 B", bytes: 300, count: 20_000 },
  { label: "10 KiB", bytes: 10 * 1024, count: 5_000 },
  { label: "1 MiB", bytes: 1024 * 1024, count: 100 },
];

function pkiIdOf(name: string): PkiId {
  const parts = readSerializedIdentity(org.issue(name).identity);
  if (!parts.ok) throw new Error(parts.detail);
  return pkiIdOfParts(parts.value.mspId, parts.value.idBytes);
}

async function openTransport({ cert, key, root }: Setup): Promise<Transport & { readonly endpoint: string }> {
  return await createGrpcTransport({ listen: "127.0.0.1:0", tls: { cert, key, roots: [root] } });
}

function openComm(transport: Transport, name: string, onMessage: (bytes: number) => void): Comm {
  const member = org.issue(name);
  const crypto = createTestCrypto(member, { organizations: [org] });
  return createComm({
    transport,
    crypto,
    advisor: crypto,
    identities: new IdentityStore({ crypto, advisor: crypto, self: member.identity }),
    identity: member.identity,
    clock: systemClock,
    wall: systemWallClock,
    random: systemRandom,
    config: commDefaults,
    log: silentLogger,
    metrics: noMetrics,
    onMessage(received) {
      onMessage(received.bytes.length);
      received.done();
    },
    onEvent() {},
  });
}

async function receive(setup: Setup): Promise<void> {
  const [bare, under] = [await openTransport(setup), await openTransport(setup)];
  let count = 0;
  const onMessage = () => {
    count++;
    if (count % 25 === 0) process.send?.({ count });
  };
  bare.listen((stream) => stream.start({ onMessage, onDrain() {}, onEnd() {} }));
  openComm(under, "receiver", onMessage);
  process.on("message", () => {
    count = 0;
    process.send?.({ reset: true });
  });
  process.send?.({ bare: bare.endpoint, comm: under.endpoint });
}

async function send(): Promise<void> {
  const authority = await createTlsAuthority({ name: "bench-ca" });
  const issue = async (name: string): Promise<Setup> => {
    const { cert, key } = await authority.issue({ name, hosts: ["127.0.0.1"] });
    return { name, cert, key, root: authority.cert };
  };
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(await issue("receiver"))], {
    execArgv: process.execArgv,
  });
  const [endpoints] = (await once(child, "message")) as [{ bare: string; comm: string }];
  const mine = await issue("sender");
  const bareTransport = await openTransport(mine);
  const comm = openComm(await openTransport(mine), "sender", () => {});
  const stream = await new Promise<Stream>((resolve, reject) => {
    bareTransport.dial(endpoints.bare, 5_000, (result) =>
      result.ok ? resolve(result.stream) : reject(new Error(result.detail)),
    );
  });
  stream.start({ onMessage() {}, onDrain() {}, onEnd() {} });
  const to = { pkiId: pkiIdOf("receiver"), endpoint: endpoints.comm };

  let seen = 0;
  let notify = () => {};
  child.on("message", (message: { readonly count?: number }) => {
    seen = message.count ?? 0;
    notify();
  });
  const news = () => new Promise<void>((resolve) => (notify = resolve));

  /** Seconds for `count` envelopes, with never more than a window of them under way. */
  const measure = async (count: number, window: number, sendOne: () => void): Promise<number> => {
    const reset = news();
    child.send("reset");
    await reset;
    const started = performance.now();
    for (let sent = 0; seen < count; ) {
      const next = news();
      for (; sent < count && sent - seen < window; sent++) sendOne();
      await next;
    }
    return (performance.now() - started) / 1000;
  };

  const rows = [];
  for (const { label, bytes, count } of sizes) {
    const envelope: Envelope = { payload: systemRandom.bytes(bytes), signature: systemRandom.bytes(64) };
    const overComm = () => comm.send(to, envelope);
    const overStream = () => void stream.send(encodeEnvelope(envelope));
    // Connects, and warms both up.
    for (const sendOne of [overComm, overStream]) await measure(50, 50, sendOne);
    const seconds = { comm: [] as number[], bare: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      seconds.comm.push(await measure(count, windowOf(bytes), overComm));
      seconds.bare.push(await measure(count, windowOf(bytes), overStream));
    }
    const rate = (list: number[]) => count / (list.sort((a, b) => a - b)[Math.floor(rounds / 2)] as number);
    const [layer, bare] = [rate(seconds.comm), rate(seconds.bare)];
    rows.push({
      size: label,
      "comm, envelopes/s": Math.round(layer),
      "comm, MB/s": Number(((layer * bytes) / 1e6).toFixed(1)),
      "bare stream, envelopes/s": Math.round(bare),
      "comm / bare": Number((layer / bare).toFixed(2)),
    });
  }
  process.stdout.write(
    `Node ${process.version} on ${cpus().length} × ${cpus()[0]?.model}; median of ${rounds} rounds\n`,
  );
  console.table(rows);
  child.kill();
  process.exit(0);
}

const [given] = process.argv.slice(2);
await (given === undefined ? send() : receive(JSON.parse(given) as Setup));
