import { createSecureContext } from "node:tls";
import { GossipError, type Timer } from "@gossip/runtime";
import type { DialResult, PingResult, Stream, Transport } from "../ports.js";
import { GrpcDialler, type GrpcDiallerOptions } from "./grpc-dialler.js";
import { type GrpcListener, openGrpcListener } from "./grpc-listener.js";
import type { GrpcStream } from "./grpc-stream.js";
import {
  type GrpcLimits,
  type GrpcTls,
  type GrpcTransportOptions,
  resolveGrpcLimits,
  type TlsRoots,
} from "./options.js";
import { clientSide, serverSide } from "./tls.js";

/** A transport over gRPC, as a Fabric peer speaks it. */
export interface GrpcTransport extends Transport, AsyncDisposable {
  /** The `host:port` it is bound to. */
  readonly endpoint: string;
  /**
   * Replaces the authorities of servers and clients, as a channel's configuration does when an organization comes or goes
   * (protocol page 13 §7.1). Connections that are open stay; those that begin from now on are judged anew. With
   * `clientAuthRequired`, clients are shown the names of all `clientRoots`, and a Fabric peer sends its certificate only
   * when its own authority is among them (§7.2).
   *
   * @throws GossipError `invalid-config` when one of them is no certificate: then nothing is replaced; `invalid-argument`
   * without TLS.
   */
  setTlsRoots(roots: TlsRoots): void;
}

/**
 * Opens the service `gossip.Gossip` on a port and dials others (protocol page 01 §1).
 * Until `listen` is called, streams are turned away as unavailable.
 *
 * @throws GossipError `conflict` when the port is taken; `invalid-config` when an option or the TLS material is wrong.
 * @example
 * const transport = await createGrpcTransport({ listen: "0.0.0.0:7051", tls: { cert, key, roots } });
 */
export async function createGrpcTransport(options: GrpcTransportOptions): Promise<GrpcTransport> {
  const limits = resolveGrpcLimits(options.limits);
  // Before anything is bound, for it may find that something does not fit.
  const dialled = options.tls && { ...clientSide(options.tls), serverNameOverride: options.tls.serverNameOverride };
  const listener = await openGrpcListener(options, limits);
  return new ListeningTransport({ listener, limits, tls: options.tls, dialled });
}

interface Parts {
  readonly listener: GrpcListener;
  readonly limits: GrpcLimits;
  readonly tls: GrpcTls | undefined;
  readonly dialled: GrpcDiallerOptions["tls"] | undefined;
}

class ListeningTransport implements GrpcTransport {
  readonly secure: boolean;
  readonly endpoint: string;
  readonly #listener: GrpcListener;
  readonly #dialler: GrpcDialler;
  readonly #limits: GrpcLimits;
  #tls: GrpcTls | undefined;
  readonly #streams = new Set<GrpcStream>();
  /** What to call to end a dial or ping in progress; its callback is told. */
  readonly #pending = new Set<() => void>();
  #onStreamOver: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor({ listener, limits, tls, dialled }: Parts) {
    this.#tls = tls;
    this.secure = tls !== undefined;
    this.endpoint = listener.endpoint;
    this.#listener = listener;
    listener.onOver = (stream) => this.#forget(stream);
    this.#limits = limits;
    const onOver = (stream: GrpcStream) => this.#forget(stream);
    this.#dialler = new GrpcDialler({ limits, ...(dialled && { tls: dialled }), onOver });
  }

  setTlsRoots({ roots, clientRoots }: TlsRoots): void {
    if (this.#tls === undefined) {
      throw new GossipError("invalid-argument", "expected a transport with TLS, got one without");
    }
    const { clientRoots: _, ...rest } = this.#tls;
    const tls: GrpcTls = { ...rest, roots, ...(clientRoots && { clientRoots }) };
    // Both before either is replaced, for each may find that something is no certificate.
    const [server, context] = [serverSide(tls), createSecureContext(clientSide(tls).material)];
    this.#listener.setMaterial(server.material);
    this.#dialler.setContext(context);
    this.#tls = tls;
  }

  listen(onStream: (stream: Stream) => void): void {
    this.#listener.onStream = (stream) => {
      this.#streams.add(stream);
      onStream(stream);
    };
  }

  dial(endpoint: string, timeoutMs: number, onResult: (result: DialResult) => void): Timer {
    return this.#start<DialResult>(onResult, (settle) =>
      this.#dialler.dial(endpoint, timeoutMs, (result) => {
        if (result.ok) this.#streams.add(result.stream as GrpcStream);
        settle(result);
      }),
    );
  }

  ping(endpoint: string, timeoutMs: number, onResult: (result: PingResult) => void): Timer {
    return this.#start<PingResult>(onResult, (settle) => this.#dialler.ping(endpoint, timeoutMs, settle));
  }

  /** Begins something that `close` can end early. */
  #start<R>(onResult: (result: R | Failure) => void, begin: (settle: (result: R) => void) => Timer): Timer {
    if (this.#closed !== undefined) {
      const handle = setImmediate(() => onResult(closedFailure));
      return { cancel: () => clearImmediate(handle) };
    }
    const timer = begin((result) => {
      this.#pending.delete(fail);
      onResult(result);
    });
    const fail = () => {
      timer.cancel();
      this.#pending.delete(fail);
      onResult(closedFailure);
    };
    this.#pending.add(fail);
    return {
      cancel: () => {
        this.#pending.delete(fail);
        timer.cancel();
      },
    };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#listener.onStream = undefined;
    this.#listener.stop();
    for (const fail of [...this.#pending]) fail();
    for (const stream of [...this.#streams]) stream.close();
    await this.#streamsEnded();
    for (const stream of [...this.#streams]) stream.close("the transport was closed");
    await this.#listener.close();
  }

  #streamsEnded(): Promise<void> {
    if (this.#streams.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#limits.closeTimeoutMs);
      this.#onStreamOver = () => {
        if (this.#streams.size > 0) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #forget(stream: GrpcStream): void {
    this.#streams.delete(stream);
    this.#onStreamOver?.();
  }
}

interface Failure {
  readonly ok: false;
  readonly detail: string;
}

const closedFailure: Failure = Object.freeze({ ok: false, detail: "the transport was closed" });
