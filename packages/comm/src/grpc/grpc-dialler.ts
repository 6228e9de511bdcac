import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import type { Timer } from "@gossip/runtime";
import {
  ChannelCredentials,
  Client,
  type ClientOptions,
  type ClientUnaryCall,
  type ServiceError,
  type StatusObject,
} from "@grpc/grpc-js";
import type { DialResult, PingResult } from "../ports.js";
import { describeStatus, type GrpcStream, OutboundGrpcStream } from "./grpc-stream.js";
import { type GrpcLimits, parseAddress } from "./options.js";
import { fromWire, pingPath, streamPath, toWire } from "./service.js";
import { hashOfDer } from "./tls.js";

export interface GrpcDiallerOptions {
  readonly limits: GrpcLimits;
  /** Absent without TLS. */
  readonly tls?: {
    readonly material: SecureContextOptions;
    readonly certHash: Uint8Array;
    readonly serverNameOverride: string | undefined;
  };
  onOver(stream: GrpcStream): void;
}

/** The client's side: each stream and each ping has a channel, hence a connection, of its own (protocol page 01 §1.1). */
export class GrpcDialler {
  readonly #options: GrpcDiallerOptions;
  /** One for all dials: reading the authorities anew for each would cost more than the handshake. */
  #context: SecureContext | undefined;
  readonly #channel: ClientOptions;

  constructor(options: GrpcDiallerOptions) {
    const { limits, tls } = options;
    this.#options = options;
    this.#context = tls && createSecureContext(tls.material);
    this.#channel = {
      "grpc.max_receive_message_length": limits.maxMessageBytes,
      "grpc.max_send_message_length": limits.maxMessageBytes,
      "grpc.keepalive_time_ms": limits.clientKeepaliveMs,
      "grpc.keepalive_timeout_ms": limits.keepaliveTimeoutMs,
      "grpc.keepalive_permit_without_calls": 1,
      "grpc-node.flow_control_window": limits.flowControlWindowBytes,
      // A channel must not share its connection, nor repeat a call, which would repeat messages.
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_retries": 0,
      "grpc.enable_http_proxy": 0,
      "grpc.service_config_disable_resolution": 1,
      "grpc.enable_channelz": 0,
    };
  }

  /** What is dialled from now on is judged by this. */
  setContext(context: SecureContext): void {
    this.#context = context;
  }

  /** Fails as soon as a connection has failed: trying again is the business of whoever dials. */
  dial(endpoint: string, timeoutMs: number, onResult: (result: DialResult) => void): Timer {
    const client = this.#client(endpoint);
    if (client === undefined) return later(() => onResult({ ok: false, detail: badEndpoint(endpoint) }));
    const call = client.makeBidiStreamRequest(streamPath, toWire, fromWire);
    let isSettled = false;
    const settle = (result: DialResult | undefined) => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      if (result?.ok !== true) {
        call.cancel();
        client.close();
      }
      if (result !== undefined) onResult(result);
    };
    const timer = setTimeout(() => settle({ ok: false, detail: `no stream within ${timeoutMs} ms` }), timeoutMs);
    // Errors show as a status as well; without a listener they would end the process.
    call.on("error", () => {});
    call.once("status", (status: StatusObject) => settle({ ok: false, detail: describeStatus(status) }));
    call.once("metadata", () => {
      if (isSettled) return;
      const certificate: Uint8Array | undefined = call.getAuthContext()?.sslPeerCertificate?.raw;
      const stream = new OutboundGrpcStream(call, {
        remoteAddress: endpoint,
        remoteTlsCertHash: certificate === undefined ? undefined : hashOfDer(certificate),
        localTlsCertHash: this.#options.tls?.certHash,
        writeBufferBytes: this.#options.limits.writeBufferBytes,
        onOver: (ended) => {
          client.close();
          this.#options.onOver(ended);
        },
      });
      settle({ ok: true, stream });
    });
    return { cancel: () => settle(undefined) };
  }

  ping(endpoint: string, timeoutMs: number, onResult: (result: PingResult) => void): Timer {
    const client = this.#client(endpoint);
    if (client === undefined) return later(() => onResult({ ok: false, detail: badEndpoint(endpoint) }));
    let isCancelled = false;
    const onAnswer = (error: ServiceError | null) => {
      client.close();
      if (!isCancelled) onResult(error === null ? { ok: true } : { ok: false, detail: describeStatus(error) });
    };
    const deadline = Date.now() + timeoutMs;
    const call: ClientUnaryCall = client.makeUnaryRequest(
      pingPath,
      toWire,
      fromWire,
      new Uint8Array(0),
      { deadline },
      onAnswer,
    );
    return {
      cancel() {
        isCancelled = true;
        call.cancel();
      },
    };
  }

  /** Endpoints come from other members, so nothing but `host:port` is handed to the resolver of names. */
  #client(endpoint: string): Client | undefined {
    const address = parseAddress(endpoint);
    if (address === undefined || address.host === "") return undefined;
    const target = `dns:${endpoint}`;
    if (this.#context === undefined) return new Client(target, ChannelCredentials.createInsecure(), this.#channel);

    const name = this.#options.tls?.serverNameOverride ?? address.host;
    const credentials = ChannelCredentials.createFromSecureContext(this.#context, {
      checkServerIdentity: (_shown, certificate) => checkServerIdentity(name, certificate),
    });
    // An address must not be shown as a server name (RFC 6066 §3), and grpc-js shows what is dialled unless told another.
    const shown = isIP(name) === 0 ? name : "localhost";
    return new Client(target, credentials, {
      ...this.#channel,
      "grpc.ssl_target_name_override": shown,
      "grpc.default_authority": endpoint,
    });
  }
}

function badEndpoint(endpoint: string): string {
  return `expected an endpoint as host:port, got ${JSON.stringify(endpoint.slice(0, 200))}`;
}

function later(act: () => void): Timer {
  const handle = setImmediate(act);
  return { cancel: () => clearImmediate(handle) };
}
