/**
 * The path of every message into a node: bytes → decode → tag → news? → signature → machine.
 *
 * Real Ed25519 through OpenSSL and through @noble/ed25519, against messages that are refused before any signature is
 * checked. What counts is the ratio between the rows: a stale message should cost next to nothing beside a fresh one.
 */

import { cpus } from "node:os";
import { Ed25519Verifier, pkiIdOfParts, seal, sealSecret, unsigned } from "@gossip/crypto";
import { createTestCrypto, createTestOrganization } from "@gossip/crypto/testing";
import { type Envelope, encodeEnvelope, pkiId } from "@gossip/proto";
import { readSerializedIdentity } from "@gossip/proto/fabric";
import { aliveMessage, helloMessage } from "@gossip/proto/testing";
import { Bench } from "tinybench";
import { GateBed } from "./gate-bed.js";

/** Messages per row; each row of fresh messages needs that many signed ahead. */
const iterations = 4_000;

const org = createTestOrganization("org1");
const authors = Array.from({ length: 50 }, (_, index) => {
  const member = org.issue(`peer${index}`);
  const parts = readSerializedIdentity(member.identity);
  if (!parts.ok) throw new Error(parts.detail);
  return { ...member, pkiId: pkiIdOfParts(parts.value.mspId, parts.value.idBytes), endpoint: `peer${index}:7051` };
});

/** Alive messages as peers push them, each newer than the one before of its author; a few more, as tinybench tries first. */
const supply = Array.from({ length: iterations + 10 }, (_, index) => {
  const author = authors[index % authors.length] as (typeof authors)[number];
  const message = aliveMessage({
    member: { endpoint: author.endpoint, metadata: new Uint8Array(0), pkiId: author.pkiId },
    time: { incarnation: 1n, sequence: BigInt(index + 1) },
    identity: author.identity,
  });
  const secret = sealSecret("10.0.0.1:7051", author) as NonNullable<Envelope["secret"]>;
  return encodeEnvelope(seal(message, author, secret) as Envelope);
});

function newBed(backend: "node" | "noble"): GateBed {
  const self = org.issue("bench");
  // A verifier of its own, since one remembers the signatures it found good.
  const crypto = createTestCrypto(self, { organizations: [org], verifier: new Ed25519Verifier({ backend }) });
  return new GateBed(crypto, self.identity);
}

const bench = new Bench({ iterations, time: 0, warmup: false });
for (const backend of ["node", "noble"] as const) {
  const bed = newBed(backend);
  let next = 0;
  bench.add(`fresh alive message, two signatures by ${backend}`, () => bed.take(supply[next++] as Uint8Array), {
    afterAll() {
      if (bed.members !== authors.length) throw new Error(`expected ${authors.length} members, got ${bed.members}`);
    },
  });
}
const bed = newBed("node");
const stale = supply.at(-1) as Uint8Array;
bed.take(stale);
const hello = encodeEnvelope(unsigned(helloMessage({ tag: "empty", channel: "", pullType: "identity" })));
const member = { endpoint: "", metadata: new Uint8Array(0), pkiId: pkiId("ff") };
const unknown = encodeEnvelope(unsigned(aliveMessage({ member })));
const garbage = new Uint8Array(300).fill(0xff);
bench
  .add("stale alive message", () => bed.take(stale))
  .add("hello of an identity pull", () => bed.take(hello))
  .add("alive message of an unknown author", () => bed.take(unknown))
  .add("300 bytes of garbage", () => bed.take(garbage));

await bench.run();
process.stdout.write(
  `Node ${process.version} on ${cpus().length} × ${cpus()[0]?.model}; ${iterations} messages a row\n`,
);
const medians = bench.tasks.map(({ name, result }) => {
  if (!("latency" in result)) throw new Error(`${name}: ${result.state}`);
  return { name, micros: result.latency.p50 * 1000 };
});
const first = medians[0]?.micros ?? Number.NaN;
console.table(
  medians.map(({ name, micros }) => ({
    message: name,
    "median µs": Number(micros.toFixed(2)),
    "of the first row": `${((100 * micros) / first).toFixed(1)} %`,
  })),
);
process.exit(0);
