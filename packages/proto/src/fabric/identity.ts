import type { Decoded } from "../decoded.js";
import { msp } from "../generated/fabric.js";
import { checkedText, decoded, parseAs, plain, serialize } from "../wire.js";

/** `msp.SerializedIdentity`: what every "identity" field carries. */
export interface SerializedIdentity {
  /** The organization. */
  readonly mspId: string;
  /** What it holds is up to the trust in use: the PEM text of a certificate in Fabric, a `Certificate` with Ed25519. */
  readonly idBytes: Uint8Array;
}

/** Reads an identity. Never throws. */
export function readSerializedIdentity(bytes: Uint8Array): Decoded<SerializedIdentity> {
  return parseAs(msp.SerializedIdentity, bytes, ({ mspid, idBytes }) =>
    decoded({ mspId: mspid, idBytes: plain(idBytes) }),
  );
}

/**
 * Serializes an identity.
 *
 * @throws GossipError `invalid-argument` when `mspId` has no UTF-8 form.
 */
export function encodeSerializedIdentity({ mspId, idBytes }: SerializedIdentity): Uint8Array {
  return serialize(msp.SerializedIdentity, { mspid: checkedText(mspId, "mspId"), idBytes }, idBytes.length + 512);
}
