/**
 * What was recorded from a throw-away network of Fabric v3.1.5, as production code reads it: two conversations of the
 * recorder, who held the identity of peer2.org1, with the Go peers peer0.org1 and peer1.org1. The READMEs beside the
 * fixtures tell how they were made.
 */

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isSignedKind, type SignedMessage, sha256 } from "@gossip/crypto";
import {
  type ChannelBundle,
  createChannelBundle,
  FabricCrypto,
  type MspFolder,
  readConfigBlock,
  readMspFolder,
} from "@gossip/fabric";
import {
  type BlockPayload,
  decodeEnvelope,
  decodeMessage,
  type Envelope,
  type GossipMessage,
  type PkiId,
} from "@gossip/proto";
import { type Block, readBlock } from "@gossip/proto/fabric";
import type { WallClock } from "@gossip/runtime";

export const recordedChannel = "mychannel";

export const conversationNames = ["peer0-org1", "peer1-org1-leader"] as const;

export type ConversationName = (typeof conversationNames)[number];

/** Nanoseconds since 1970: when the recorder started; all certificates are valid then. */
export const recordedAtNanos = 1_795_216_634_902_000_000n;

export const recordedWall: WallClock = { nowNanos: () => recordedAtNanos };

/** A day after all the recorded certificates have expired. */
export const expiredWall: WallClock = { nowNanos: () => BigInt(Date.UTC(2036, 10, 18, 22, 18)) * 1_000_000n };

/** One message on the stream. */
export interface RecordedMessage {
  /** For messages of tests: conversation and line. */
  readonly where: string;
  /** Since the start of the conversation. */
  readonly atMs: number;
  /** `in` is from the Go peer, `out` from the recorder. */
  readonly direction: "in" | "out";
  /** As it was on the wire. */
  readonly bytes: Uint8Array;
  readonly envelope: Envelope;
  readonly message: GossipMessage;
}

export function readConversation(name: ConversationName): readonly RecordedMessage[] {
  const url = new URL(`../../proto/test/fixtures/conversations/${name}.jsonl`, import.meta.url);
  const lines = readFileSync(url, "utf8").trimEnd().split("\n");
  return lines.map((line, index) => {
    const { ms, dir, envelope } = JSON.parse(line) as { ms: number; dir: "in" | "out"; envelope: string };
    const bytes = new Uint8Array(Buffer.from(envelope, "hex"));
    const decoded = decodeEnvelope(bytes);
    return {
      where: `${name} line ${index + 1}`,
      atMs: ms,
      direction: dir,
      bytes,
      envelope: decoded,
      message: decodeMessage(decoded.payload),
    };
  });
}

/** What somebody signed, by itself or inside another message. */
export interface Statement {
  readonly where: string;
  readonly message: SignedMessage;
  readonly envelope: Envelope;
}

/** Everything in a conversation that carries its author's signature, also what others passed on. */
export function statementsIn(conversation: readonly RecordedMessage[]): readonly Statement[] {
  return conversation.flatMap(({ where, envelope, message }) =>
    [{ envelope, message }, ...nestedIn(message)].flatMap((one) =>
      isSignedKind(one.message) ? [{ where, envelope: one.envelope, message: one.message }] : [],
    ),
  );
}

function nestedIn(message: GossipMessage): readonly { readonly envelope: Envelope; readonly message: GossipMessage }[] {
  const decoded = (envelopes: readonly Envelope[]) =>
    envelopes.map((envelope) => ({ envelope, message: decodeMessage(envelope.payload) }));
  switch (message.type) {
    case "membership-request":
      return decoded([message.self]);
    case "membership-response":
      return decoded([...message.alive, ...message.dead]);
    case "update":
      return decoded(message.data);
    case "state-info-snapshot":
      return decoded(message.elements);
    default:
      return [];
  }
}

/** Who made the statement, as it says itself. */
export function authorOf(message: SignedMessage): PkiId {
  return message.type === "alive" ? message.member.pkiId : message.pkiId;
}

/** The identity that the statement carries, if it does. */
function identityIn(message: SignedMessage): Uint8Array | undefined {
  switch (message.type) {
    case "conn":
    case "peer-identity":
      return message.identity;
    case "alive":
      return message.identity.length === 0 ? undefined : message.identity;
    default:
      return undefined;
  }
}

/** A block in a message, and which way it came. */
export interface RecordedBlock {
  readonly where: string;
  readonly how: "pushed" | "pulled" | "transferred";
  readonly payload: BlockPayload;
  readonly block: Block;
}

export function blocksIn(conversation: readonly RecordedMessage[]): readonly RecordedBlock[] {
  return conversation.flatMap(({ where, message }) => {
    const found = (how: RecordedBlock["how"], payloads: readonly BlockPayload[]) =>
      payloads.map((payload) => ({ where, how, payload, block: decodeBlock(payload.data) }));
    if (message.type === "data") return found("pushed", [message.payload]);
    if (message.type === "state-response") return found("transferred", message.payloads);
    return found(
      "pulled",
      nestedIn(message).flatMap((nested) => (nested.message.type === "data" ? [nested.message.payload] : [])),
    );
  });
}

/** As the orderer served it, 0 to 7. */
export function recordedBlockBytes(number: number): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../../proto/test/fixtures/blocks/${number}.block`, import.meta.url)));
}

export function recordedBlock(number: number): Block {
  return decodeBlock(recordedBlockBytes(number));
}

/** The channel as its first block configured it. */
export function recordedBundle(): ChannelBundle {
  const config = readConfigBlock(recordedBlock(0));
  if (!config.ok) throw new Error(config.detail);
  return createChannelBundle(config.value.channelId, config.value.envelope.config);
}

const folders = {
  "peer2.org1": { url: "../../../examples/follow-a-channel/fixtures/msp", mspId: "Org1MSP" },
  "peer0.org1": { url: "./fixtures/msp/peer0.org1", mspId: "Org1MSP" },
  "admin.org1": { url: "./fixtures/msp/admin.org1", mspId: "Org1MSP" },
  orderer: { url: "./fixtures/msp/orderer", mspId: "OrdererMSP" },
} as const;

/** The MSP folder of one whose key was kept. */
export async function recordedFolder(name: keyof typeof folders): Promise<MspFolder> {
  const { url, mspId } = folders[name];
  return await readMspFolder(fileURLToPath(new URL(url, import.meta.url)), mspId, { wallClock: recordedWall });
}

const tlsCertificates = {
  "peer2.org1": "../../../examples/follow-a-channel/fixtures/tls/server.crt",
  "peer0.org1": "./fixtures/tls/peer0.org1.crt",
  "peer1.org1": "./fixtures/tls/peer1.org1.crt",
} as const;

/** SHA-256 of the TLS certificate that the process showed on its connections. */
export function recordedTlsHash(name: keyof typeof tlsCertificates): Uint8Array {
  const pem = readFileSync(new URL(tlsCertificates[name], import.meta.url));
  return sha256(new X509Certificate(pem).raw);
}

function decodeBlock(bytes: Uint8Array): Block {
  const block = readBlock(bytes);
  if (!block.ok) throw new Error(block.detail);
  return block.value;
}

/** Every identity that the statements carry, by its PKI-ID. Each is in the handshakes or the identity pulls. */
export function recordedIdentities(statements: readonly Statement[]): ReadonlyMap<PkiId, Uint8Array> {
  return new Map(
    statements.flatMap(({ message }) => {
      const identity = identityIn(message);
      return identity === undefined ? [] : [[authorOf(message), identity] as const];
    }),
  );
}

/** What somebody whose key was kept judges by. */
export async function recordedCrypto(
  wall: WallClock = recordedWall,
  name: keyof typeof folders = "peer2.org1",
): Promise<FabricCrypto> {
  const crypto = new FabricCrypto({ folder: await recordedFolder(name), mspId: folders[name].mspId, wall });
  crypto.setChannel(recordedBundle());
  return crypto;
}

export function fail(what: string): never {
  throw new Error(`expected ${what} in the fixtures`);
}
