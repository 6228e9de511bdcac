import { type Envelope, encodeMessage, encodeSecret, type GossipMessage, type SecretEnvelope } from "@gossip/proto";
import { type MaybePromise, whenDone } from "@gossip/runtime";
import type { MessageCryptoService } from "./ports.js";

const noSignature = new Uint8Array(0);

/** What sealing needs of a `MessageCryptoService`. */
export type Signer = Pick<MessageCryptoService, "sign">;

/**
 * Encodes a message once and signs exactly those bytes (protocol page 01 §3.2). The same envelope goes to every
 * receiver, with or without its secret. Synchronous when the signer is.
 *
 * @example
 * const envelope = await seal(alive, crypto);
 */
export function seal(message: GossipMessage, crypto: Signer, secret?: SecretEnvelope): MaybePromise<Envelope> {
  const payload = encodeMessage(message);
  return whenDone(crypto.sign(payload), (signature): Envelope => {
    return secret === undefined ? { payload, signature } : { payload, signature, secret };
  });
}

/** Signs an internal endpoint, to be shown to the own organization only (page 01 §3.4). */
export function sealSecret(internalEndpoint: string, crypto: Signer): MaybePromise<SecretEnvelope> {
  const payload = encodeSecret(internalEndpoint);
  return whenDone(crypto.sign(payload), (signature): SecretEnvelope => ({ payload, signature }));
}

/** Wraps a message of a kind that is not signed (page 01 §3.3). */
export function unsigned(message: GossipMessage): Envelope {
  return { payload: encodeMessage(message), signature: noSignature };
}
