/**
 * A client that speaks gossip as badly as it is told to: it has real keys of the network and writes its own bytes.
 * Handshakes and messages go over our gRPC transport; nothing above it is used, since that would refuse to misbehave.
 */

import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Stream, StreamEnd } from "@gossip/comm";
import { createGrpcTransport, type GrpcTransport } from "@gossip/comm/grpc";
import {
  type Envelope,
  encodeEnvelope,
  encodeMessage,
  type GossipMessage,
  pkiIdFromBytes,
  readEnvelope,
  readMessage,
} from "@gossip/proto";
import { readSerializedIdentity } from "@gossip/proto/fabric";
import { connMessage } from "@gossip/proto/testing";
import type { FabricNetwork } from "./network.js";
import type { FabricPeer } from "./peer.js";
import { until } from "./until.js";

const dialTimeoutMs = 5_000;
const answerPatienceMs = 10_000;
/** What is kept of what the other side says; the rest is not looked at. */
const maxReceived = 1_000;

/** Who signs, with what it says it is. */
export interface Signer {
  /** Serialized. */
  readonly identity: Uint8Array;
  sign(payload: Uint8Array): Uint8Array;
}

/** What a handshake claims beside the truth. */
export interface FalseClaims {
  readonly pkiId?: Uint8Array;
  readonly tlsCertHash?: Uint8Array;
}

export interface Received {
  readonly envelope: Envelope;
  readonly message: GossipMessage;
}

/** One stream to the victim, behind its handshake. */
export interface Conversation {
  readonly received: readonly Received[];
  /** How it ended, once it has. */
  readonly end: StreamEnd | undefined;
  /** Sends bytes as they are, in place of an envelope. */
  send(bytes: Uint8Array): void;
  close(): void;
}

export class Rogue {
  readonly #transport: GrpcTransport;
  readonly #tlsCertHash: Uint8Array;

  /** TLS material is that of a real peer; at the level of TLS nobody is refused. */
  static async open(network: FabricNetwork, as: FabricPeer): Promise<Rogue> {
    const cert = readFileSync(join(as.folder, "tls", "server.crt"));
    const key = readFileSync(join(as.folder, "tls", "server.key"));
    const roots = network.shape.organizations.map(({ name }) => readFileSync(network.peer(name, 0).tlsCa));
    const transport = await createGrpcTransport({ listen: "127.0.0.1:0", tls: { cert, key, roots } });
    return new Rogue(transport, sha256(new X509Certificate(cert).raw));
  }

  private constructor(transport: GrpcTransport, tlsCertHash: Uint8Array) {
    this.#transport = transport;
    this.#tlsCertHash = tlsCertHash;
  }

  /** Shakes hands and waits until the victim has sent its own part, or has ended the stream. */
  async connect(victim: FabricPeer, signer: Signer, claims: FalseClaims = {}): Promise<Conversation> {
    const stream = await this.#dial(victim);
    const received: Received[] = [];
    let end: StreamEnd | undefined;
    stream.start({
      onMessage(bytes) {
        const read = readReceived(bytes);
        if (read !== undefined && received.length < maxReceived) received.push(read);
      },
      onDrain() {},
      onEnd: (how) => {
        end = how;
      },
    });
    const conn = connMessage({
      pkiId: pkiIdFromBytes(claims.pkiId ?? pkiIdOf(signer.identity)),
      identity: signer.identity,
      tlsCertHash: claims.tlsCertHash ?? this.#tlsCertHash,
    });
    stream.send(signed(encodeMessage(conn), signer));
    await until("an answer to the handshake", async () => received.length > 0 || end !== undefined, answerPatienceMs);
    return {
      received,
      get end() {
        return end;
      },
      send: (bytes) => void stream.send(bytes),
      close: () => stream.close(),
    };
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  #dial(victim: FabricPeer): Promise<Stream> {
    return new Promise((resolve, reject) => {
      this.#transport.dial(victim.endpoint, dialTimeoutMs, (result) => {
        if (result.ok) resolve(result.stream);
        else reject(new Error(`expected a stream to ${victim.name}: ${result.detail}`));
      });
    });
  }
}

/** SHA-256 of MSP id and certificate (protocol page 13 §1.3). */
export function pkiIdOf(identity: Uint8Array): Uint8Array {
  const read = readSerializedIdentity(identity);
  if (!read.ok) throw new Error(`expected a serialized identity: ${read.detail}`);
  return sha256(text(read.value.mspId), read.value.idBytes);
}

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** An envelope around a payload, signed or, as Fabric does for most kinds, not. */
export function signed(payload: Uint8Array, signer?: Signer): Uint8Array {
  return encodeEnvelope({ payload, signature: signer?.sign(payload) ?? new Uint8Array() });
}

// Protobuf by hand, for messages that no encoder of ours would make.

/** A field of bytes, a string, or a message. */
export function field(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  return Buffer.concat([varint(BigInt((number << 3) | 2)), varint(BigInt(content.length)), content]);
}

/** A field that is a number. */
export function integer(number: number, value: bigint | number): Uint8Array {
  return Buffer.concat([varint(BigInt(number << 3)), varint(BigInt(value))]);
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    if (rest < 0x80n) return Uint8Array.from([...bytes, low]);
    bytes.push(low | 0x80);
  }
}

function readReceived(bytes: Uint8Array): Received | undefined {
  const envelope = readEnvelope(bytes);
  if (!envelope.ok) return undefined;
  const message = readMessage(envelope.value.payload);
  return message.ok ? { envelope: envelope.value, message: message.value } : undefined;
}
