import type { Envelope } from "@gossip/proto";

/** The envelope in memory of its own. What is kept long must not hold on to the buffer it was received in. */
export function copyEnvelope({ payload, signature, secret }: Envelope): Envelope {
  const copied = { payload: copyBytes(payload), signature: copyBytes(signature) };
  if (secret === undefined) return copied;
  return { ...copied, secret: { payload: copyBytes(secret.payload), signature: copyBytes(secret.signature) } };
}

/** Not `slice`, which on a Node buffer gives another view of the same memory. */
function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
