/**
 * A digest as a key of maps: one character per octet. Digests are binary, so UTF-8 would make different ones equal
 * (protocol page 05 §3).
 */
export function digestKey(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString("latin1");
}
