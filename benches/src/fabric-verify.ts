/**
 * What verification by the rules of Fabric costs beside the cryptography in it: signatures of known identities, an
 * identity that is new, and a block, each next to node:crypto doing the bare minimum on the same bytes, in turn.
 *
 * The bytes are those that were recorded from peers and an orderer of Fabric v3.1.5.
 */

import { createPublicKey, type KeyObject, verify, X509Certificate } from "node:crypto";
import { cpus } from "node:os";
import { blockDataHash } from "@gossip/crypto";
import { createMsp, FabricCrypto } from "@gossip/fabric";
import { makeOrganization } from "@gossip/fabric/testing";
import { blockHeaderBytes, readMetadata, readSerializedIdentity, readSignatureHeader } from "@gossip/proto/fabric";
import {
  authorOf,
  conversationNames,
  readConversation,
  recordedBlock,
  recordedChannel,
  recordedCrypto,
  recordedIdentities,
  recordedWall,
  statementsIn,
} from "../../packages/fabric/test/recorded-conversations.js";

const rounds = 41;
/** Calls per round and side; short rounds in turn, so that what else the machine does hits both sides alike. */
const callsPerRound = 400;
const newIdentities = 100;

interface Contest {
  readonly name: string;
  readonly calls: number;
  /** Called before each round; what it takes is not counted. */
  prepare?(): void;
  ours(index: number): boolean;
  raw(index: number): boolean;
}

const crypto = await recordedCrypto();
const statements = conversationNames.flatMap((name) => statementsIn(readConversation(name)));
const identities = recordedIdentities(statements);

/** What was signed, by members of one organization, with the key at hand. */
function signedBy(org: string) {
  const found = statements.flatMap(({ message, envelope: { payload, signature } }) => {
    const identity = identities.get(authorOf(message));
    if (identity === undefined || crypto.orgOf(identity) !== org) return [];
    return [{ identity, payload, signature, key: keyOf(identity) }];
  });
  return (index: number) => found[index % found.length] as (typeof found)[number];
}

function keyOf(identity: Uint8Array): KeyObject {
  const parts = readSerializedIdentity(identity);
  if (!parts.ok) throw new Error(parts.detail);
  return createPublicKey(Buffer.from(parts.value.idBytes));
}

function signatures(
  name: string,
  org: string,
  ours: (one: ReturnType<ReturnType<typeof signedBy>>) => boolean,
): Contest {
  const at = signedBy(org);
  return {
    name,
    calls: callsPerRound,
    ours: (index) => ours(at(index)),
    raw(index) {
      const { payload, key, signature } = at(index);
      return verify("sha256", payload, key, signature);
    },
  };
}

/** Against reading the certificate and checking its one signature. */
function firstValidation(): Contest {
  const org = makeOrganization("Org1MSP");
  const self = org.issue("self");
  const members = Array.from({ length: newIdentities }, (_, index) => org.issue(`peer${index}`));
  const authority = new X509Certificate(Buffer.from(org.root.pem)).publicKey;
  let fresh: FabricCrypto;
  const member = (index: number) => members[index % members.length] as (typeof members)[number];
  return {
    name: "an identity that is new",
    calls: newIdentities,
    prepare() {
      const folder = { ...self, config: org.config, msp: createMsp(org.config), warnings: [] };
      fresh = new FabricCrypto({ folder, mspId: "Org1MSP", wall: recordedWall });
    },
    ours: (index) => fresh.validateIdentity(member(index).identity).ok,
    raw: (index) => new X509Certificate(Buffer.from(member(index).pem)).verify(authority),
  };
}

/** Against the hash of its transactions and the check of its one signature. */
function block(): Contest {
  const recorded = [1, 2, 3, 4, 5, 6, 7].map((number) => {
    const block = recordedBlock(number);
    const metadata = readMetadata(block.metadata[0] ?? new Uint8Array(0));
    const [first] = metadata.ok ? metadata.value.signatures : [];
    const header = readSignatureHeader(first?.signatureHeader ?? new Uint8Array(0));
    if (!metadata.ok || first === undefined || !header.ok) throw new Error("expected a signed block");
    const signed = Buffer.concat([metadata.value.value, first.signatureHeader, blockHeaderBytes(block.header)]);
    return { block, signed, signature: first.signature, key: keyOf(header.value.creator) };
  });
  const at = (index: number) => recorded[index % recorded.length] as (typeof recorded)[number];
  return {
    name: "a block of one transaction",
    calls: callsPerRound,
    ours(index) {
      const { block } = at(index);
      return crypto.verifyBlock(recordedChannel, block.header.number, block).ok;
    },
    raw(index) {
      const { block, signed, signature, key } = at(index);
      const isHash = Buffer.compare(blockDataHash(block.data), block.header.dataHash) === 0;
      return isHash && verify("sha256", signed, key, signature);
    },
  };
}

/** Microseconds per call. */
function time(calls: number, call: (index: number) => boolean): number {
  const started = performance.now();
  for (let index = 0; index < calls; index++) if (!call(index)) throw new Error("expected everything to verify");
  return ((performance.now() - started) * 1000) / calls;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

const contests: readonly Contest[] = [
  signatures("a signature of our organization", "Org1MSP", ({ identity, signature, payload }) => {
    return crypto.verify(identity, signature, payload).ok;
  }),
  signatures("a signature of another organization", "Org2MSP", ({ identity, signature, payload }) => {
    return crypto.verify(identity, signature, payload).ok;
  }),
  signatures("a signature of a reader of the channel", "Org1MSP", ({ identity, signature, payload }) => {
    return crypto.verifyByChannel(recordedChannel, identity, signature, payload).ok;
  }),
  firstValidation(),
  block(),
];

const rows = contests.map(({ name, calls, prepare, ours, raw }) => {
  const times = { ours: [] as number[], raw: [] as number[], ratio: [] as number[] };
  // The first rounds warm up.
  for (let round = -5; round < rounds; round++) {
    prepare?.();
    const [mine, bare] = [time(calls, ours), time(calls, raw)];
    if (round < 0) continue;
    times.ours.push(mine);
    times.raw.push(bare);
    times.ratio.push(mine / bare);
  }
  return {
    "what is verified": name,
    "FabricCrypto, median µs": Number(median(times.ours).toFixed(1)),
    "node:crypto, median µs": Number(median(times.raw).toFixed(1)),
    "ratio, median": Number(median(times.ratio).toFixed(2)),
  };
});
process.stdout.write(`Node ${process.version} on ${cpus().length} × ${cpus()[0]?.model}; ${rounds} rounds\n`);
console.table(rows);
