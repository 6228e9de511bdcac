import type { Envelope, GossipMessage } from "./messages.js";

/** What decoding gave: the value, or why the bytes are not one. */
export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: DecodeFailure; readonly detail: string };

/** Why bytes were not decoded; closed, since it labels a metric. */
export type DecodeFailure =
  | "too-large"
  | "undecodable"
  | "no-content"
  | "ambiguous-content"
  | "missing-field"
  | "invalid-field";

export interface DecodeOptions {
  /** Largest number of bytes accepted; 100 MiB by default, as a Fabric peer's gRPC limit. */
  readonly maxBytes?: number;
}

/** 100 MiB, the largest gRPC message a Fabric peer sends or takes by default (page 01 §1.2). */
export const defaultMaxMessageBytes = 104_857_600;

// CONTRACT (implemented by the proto author; signatures are final):
export declare function readEnvelope(bytes: Uint8Array, options?: DecodeOptions): Decoded<Envelope>;
export declare function decodeEnvelope(bytes: Uint8Array, options?: DecodeOptions): Envelope;
export declare function encodeEnvelope(envelope: Envelope): Uint8Array;
export declare function readMessage(payload: Uint8Array): Decoded<GossipMessage>;
export declare function decodeMessage(payload: Uint8Array): GossipMessage;
export declare function encodeMessage(message: GossipMessage): Uint8Array;
/** The internal endpoint in a serialized `Secret`; empty when it holds none or does not decode (page 01 §3.5). */
export declare function readInternalEndpoint(secretPayload: Uint8Array): string;
export declare function encodeSecret(internalEndpoint: string): Uint8Array;
