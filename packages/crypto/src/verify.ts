import type { Envelope, GossipMessage, MessageOf } from "@gossip/proto";
import { assert, type MaybePromise, whenDone } from "@gossip/runtime";
import { type MessageCryptoService, type Rejection, reject, type Verdict } from "./ports.js";
import { markVerified, type Verified } from "./verified.js";

/** The messages that carry their author's signature (protocol page 01 §3.6). */
export type SignedMessage = MessageOf<
  "conn" | "alive" | "state-info" | "leadership" | "peer-identity" | "shared-entry" | "application"
>;

/** The messages that are believed because the stream they came on is authenticated, or because their content is signed. */
export type UnsignedMessage = Exclude<GossipMessage, SignedMessage>;

/** What verifying a message gave. */
export type Verification<M extends GossipMessage> = { readonly ok: true; readonly verified: Verified<M> } | Rejection;

/** What verifying needs of a `MessageCryptoService`. */
export type Verifier = Pick<MessageCryptoService, "verify">;

export interface VerifyOptions {
  /** The very same secret was found to be by this identity before, and is not looked at again. @default false */
  readonly isSecretKnown?: boolean;
}

/** Whether messages of this kind are signed by their author. */
export function isSignedKind(message: GossipMessage): message is SignedMessage {
  switch (message.type) {
    case "conn":
    case "alive":
    case "state-info":
    case "leadership":
    case "peer-identity":
    case "shared-entry":
      return true;
    case "application":
      // What goes straight from one peer to another has no author but who it comes from.
      return message.pkiId !== "";
    default:
      return false;
  }
}

/**
 * Checks that `identity` signed the envelope that `message` was decoded from, and its secret if there is one.
 * Synchronous when the crypto is.
 *
 * @example
 * const result = await verifyMessage(alive, envelope, identity, crypto);
 * if (result.ok) discovery.step({ type: "alive", alive: result.verified }, now);
 */
export function verifyMessage<M extends GossipMessage>(
  message: M,
  envelope: Envelope,
  identity: Uint8Array,
  crypto: Verifier,
  options: VerifyOptions = {},
): MaybePromise<Verification<M>> {
  return whenDone(verifyEnvelope(envelope, identity, crypto, options), (verdict): Verification<M> => {
    return verdict.ok ? { ok: true, verified: markVerified(message, envelope) } : verdict;
  });
}

/** As `verifyMessage`, of the bytes alone. The order of the checks is that of page 01 §3.5. */
export function verifyEnvelope(
  envelope: Envelope,
  identity: Uint8Array,
  crypto: Verifier,
  { isSecretKnown = false }: VerifyOptions = {},
): MaybePromise<Verdict> {
  const { payload, signature, secret } = envelope;
  const missing = missingPart(payload, signature, "envelope");
  if (missing !== undefined) return missing;
  return whenDone(crypto.verify(identity, signature, payload), (verdict): MaybePromise<Verdict> => {
    if (!verdict.ok || secret === undefined || isSecretKnown) return verdict;
    const missing = missingPart(secret.payload, secret.signature, "secret envelope");
    return missing ?? crypto.verify(identity, secret.signature, secret.payload);
  });
}

/** Accepts a message of an unsigned kind, on the word of the authenticated stream it came on (page 01 §3.6). */
export function trustStream<M extends UnsignedMessage>(message: M, envelope: Envelope): Verified<M> {
  assert(!isSignedKind(message), `expected a message of an unsigned kind, got ${message.type}`);
  return markVerified(message, envelope);
}

function missingPart(payload: Uint8Array, signature: Uint8Array, what: string): Rejection | undefined {
  if (payload.length === 0) return reject("unsigned", `expected the ${what} to have a payload, got none`);
  if (signature.length === 0) return reject("unsigned", `expected the ${what} to be signed, got no signature`);
  return undefined;
}
