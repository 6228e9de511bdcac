/** An extension of ours, known by the handshake between peers that both have it (protocol page 14 §1). */
export type Feature = "shared-map" | "application";

/** Their places in the bit set of the handshake. A place is never given to another feature: there may be peers that mean the first. */
const features: readonly Feature[] = ["shared-map", "application"];

/** Bytes of the set that are looked at. */
const maxFeatureBytes = 8;

/** The bit set that a ConnEstablish carries; empty for none, so that nothing shows on the wire then. */
export function encodeFeatures(named: readonly Feature[]): Uint8Array {
  const set = new Uint8Array(named.length === 0 ? 0 : Math.ceil(features.length / 8));
  for (const feature of named) {
    const place = features.indexOf(feature);
    set[place >> 3] = (set[place >> 3] ?? 0) | (1 << (place & 7));
  }
  return set;
}

/** The features in a set that we know; others are of a later version, and none of our business. */
export function decodeFeatures(set: Uint8Array): readonly Feature[] {
  const known = set.subarray(0, maxFeatureBytes);
  return features.filter((_, place) => (((known[place >> 3] ?? 0) >> (place & 7)) & 1) === 1);
}
