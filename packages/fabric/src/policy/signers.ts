import type { Rejection } from "@gossip/crypto";
import type { MspIdentity, MspManager, SignedDatum } from "../api.js";

/** Whose signatures are good, in order; and why the others do not count. */
export interface Signers {
  readonly identities: readonly MspIdentity[];
  readonly refused: readonly Rejection[];
}

/**
 * Turns signed data into the identities that a policy judges (protocol page 13 §4.4). An identity that has counted is
 * passed over before its signature is checked, so that nobody can make us check the same signer's signatures without end;
 * a bad signature does not block a later good one of the same identity.
 */
export function signersOf(signed: readonly SignedDatum[], msps: MspManager): Signers {
  const identities: MspIdentity[] = [];
  const refused: Rejection[] = [];
  const counted = new Set<string>();
  for (const { identity, signature, data } of signed) {
    const signer = msps.deserialize(identity);
    if ("reason" in signer) {
      refused.push(signer);
      continue;
    }
    const key = `${signer.id} ${signer.mspId}`;
    if (counted.has(key)) continue;
    const verdict = signer.verify(signature, data, "any");
    if (verdict.ok) {
      counted.add(key);
      identities.push(signer);
    } else {
      refused.push(verdict);
    }
  }
  return { identities, refused };
}
