import type { gossip } from "./generated/gossip.js";
import type { Envelope } from "./messages.js";
import { type Init, plain } from "./wire.js";

/** The envelope as we show it. A secret envelope that is present but empty stays present: `verify` must refuse it. */
export function envelopeFrom(wire: gossip.Envelope): Envelope {
  const parts = { payload: plain(wire.payload), signature: plain(wire.signature) };
  const secret = wire.secretEnvelope;
  if (secret === null) return parts;
  return { ...parts, secret: { payload: plain(secret.payload), signature: plain(secret.signature) } };
}

/** The envelope as the generated code takes it. */
export function envelopeToWire(envelope: Envelope): Init<gossip.Envelope> {
  return { payload: envelope.payload, signature: envelope.signature, secretEnvelope: envelope.secret };
}

/** An upper bound of its size on the wire, its own tag and length inside another message included. */
export function envelopeSize({ payload, signature, secret }: Envelope): number {
  const secretSize = secret === undefined ? 0 : secret.payload.length + secret.signature.length;
  return payload.length + signature.length + secretSize + 48;
}
