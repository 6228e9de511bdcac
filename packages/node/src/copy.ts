import type { Envelope, StateInfo } from "@gossip/proto";

/** The envelope in memory of its own. What is kept long must not hold on to the buffer it was received in. */
export function copyEnvelope({ payload, signature, secret }: Envelope): Envelope {
  const copied = { payload: copyBytes(payload), signature: copyBytes(signature) };
  if (secret === undefined) return copied;
  return { ...copied, secret: { payload: copyBytes(secret.payload), signature: copyBytes(secret.signature) } };
}

/** The message in memory of its own, since its byte fields are views too. */
export function copyStateInfo(info: StateInfo): StateInfo {
  const chaincodes = info.properties.chaincodes.map((one) => ({ ...one, metadata: copyBytes(one.metadata) }));
  return { ...info, channelMac: copyBytes(info.channelMac), properties: { ...info.properties, chaincodes } };
}

/** Not `slice`, which on a Node buffer gives another view of the same memory. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
