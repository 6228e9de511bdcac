/**
 * The cables between peers: what peers advertise leads here, and here on to where they listen. Everything that one says to
 * another is written down, and a path can be cut.
 *
 * Gossip binds its handshake to the TLS certificates of both ends, so whoever is in between has to show those very
 * certificates to either side. The test made them all, and can.
 */

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect, createServer, type Server, type TLSSocket } from "node:tls";
import { type Envelope, type GossipMessage, readEnvelope, readMessage } from "@gossip/proto";
import { GrpcReader } from "./grpc-reader.js";
import type { FabricPeer } from "./peer.js";
import { host } from "./shape.js";

/** More than any story says; a test that needs more is told so. */
const maxSaid = 200_000;

/** One message on its way from peer to peer. */
export interface Said {
  readonly from: FabricPeer;
  readonly to: FabricPeer;
  /** Milliseconds of `performance.now`. */
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly envelope: Envelope;
  readonly message: GossipMessage;
}

/** A path from who dials to who is dialled. */
type Path = `${string}>${string}`;

export class Wire {
  readonly #servers: Server[] = [];
  readonly #sockets = new Map<TLSSocket, Path>();
  readonly #cuts = new Set<Path>();
  readonly #said: Said[] = [];
  readonly #unread: string[] = [];

  /** Lays a cable to each of them, from all of them. Anybody else is turned away. */
  async lay(peers: readonly FabricPeer[]): Promise<void> {
    const ca = [...new Set(peers.map(({ tlsCa }) => readFileSync(tlsCa, "utf8")))];
    const byCertificate = new Map(peers.map((peer) => [fingerprintOf(peer), peer]));
    for (const to of peers) {
      for (const advertised of new Set([to.endpoint, to.internalEndpoint])) {
        const options = { ...materialOf(to), ca, requestCert: true, rejectUnauthorized: false, ALPNProtocols: ["h2"] };
        const server = createServer(options, (socket) => {
          const from = byCertificate.get(socket.getPeerX509Certificate()?.fingerprint256 ?? "");
          if (from === undefined || this.#cuts.has(pathOf(from, to))) socket.destroy();
          else this.#join(socket, from, to);
        });
        // A TLS handshake that fails is the business of who dialled.
        server.on("tlsClientError", () => {});
        await new Promise<void>((listening, failed) => {
          server.once("error", failed);
          server.listen(Number(advertised.split(":")[1]), host, listening);
        });
        this.#servers.push(server);
      }
    }
  }

  /** All that was said so far, oldest first. */
  get said(): readonly Said[] {
    if (this.#unread.length > 0) throw new Error(`expected to read what is said: ${this.#unread.join(", ")}`);
    if (this.#said.length >= maxSaid) throw new Error(`expected less than ${maxSaid} messages in one story`);
    return this.#said;
  }

  /** From now on `from` cannot dial `to`, and what it has dialled is broken off. */
  cut(from: FabricPeer, to: FabricPeer): void {
    const path = pathOf(from, to);
    this.#cuts.add(path);
    for (const [socket, one] of this.#sockets) if (one === path) socket.destroy();
  }

  mend(from: FabricPeer, to: FabricPeer): void {
    this.#cuts.delete(pathOf(from, to));
  }

  async close(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise<void>((done) => server.close(() => done())));
    for (const socket of this.#sockets.keys()) socket.destroy();
    await Promise.all(closed);
  }

  /** Dials on with the certificate of who came, and copies both ways. */
  #join(inbound: TLSSocket, from: FabricPeer, to: FabricPeer): void {
    const outbound = connect({
      ...materialOf(from),
      host,
      port: Number(to.address.split(":")[1]),
      ca: readFileSync(to.tlsCa),
      ALPNProtocols: ["h2"],
    });
    let isSecure = false;
    outbound.once("secureConnect", () => {
      isSecure = true;
    });
    for (const [near, far] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      this.#sockets.set(near, pathOf(from, to));
      // What ends on one side ends on the other; how is of no interest.
      near.on("error", () => {});
      near.on("close", () => {
        this.#sockets.delete(near);
        // Who is dialled would complain of a TLS handshake that breaks off, though it was only given up.
        if (far === outbound && !isSecure) outbound.once("secureConnect", () => outbound.destroy());
        else far.destroy();
      });
      near.setNoDelay(true);
      near.pipe(far);
    }
    this.#listen(inbound, "client", from, to);
    this.#listen(outbound, "server", to, from);
  }

  #listen(socket: TLSSocket, side: "client" | "server", from: FabricPeer, to: FabricPeer): void {
    const reader = new GrpcReader(side);
    socket.on("data", (bytes: Buffer) => {
      for (const message of reader.read(bytes)) this.#note(from, to, message);
    });
  }

  #note(from: FabricPeer, to: FabricPeer, bytes: Uint8Array): void {
    // A ping, and its answer.
    if (bytes.length === 0 || this.#said.length >= maxSaid) return;
    const envelope = readEnvelope(bytes);
    if (!envelope.ok) {
      this.#unread.push(`${from.name} to ${to.name}: ${envelope.detail}`);
      return;
    }
    const message = readMessage(envelope.value.payload);
    if (!message.ok) {
      this.#unread.push(`${from.name} to ${to.name}: ${message.detail}`);
      return;
    }
    this.#said.push({ from, to, at: performance.now(), bytes, envelope: envelope.value, message: message.value });
  }
}

function pathOf(from: FabricPeer, to: FabricPeer): Path {
  return `${from.name}>${to.name}`;
}

function materialOf({ folder }: FabricPeer) {
  const tls = join(folder, "tls");
  return { cert: readFileSync(join(tls, "server.crt")), key: readFileSync(join(tls, "server.key")) };
}

function fingerprintOf(peer: FabricPeer): string {
  return new X509Certificate(materialOf(peer).cert).fingerprint256;
}
