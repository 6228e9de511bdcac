import type { Envelope, PkiId } from "@gossip/proto";

/** What orders the writes of one key: the author's clock, then its PKI-ID, then what it signed (protocol page 14 §2). */
export interface Version {
  /** The author's hybrid logical clock at the write, in milliseconds since 1970. */
  readonly counter: bigint;
  readonly author: PkiId;
  /** Of the signed octets, in hex. Tells two writes apart that a dishonest author gave one counter. */
  readonly hash: string;
}

/** One write, as its author signed it: what the map holds for a key, and what goes from peer to peer. */
export interface MapEntry extends Version {
  readonly key: string;
  /** `undefined` in a tombstone, which says that the key was deleted. */
  readonly value: Uint8Array | undefined;
  /** Exactly as received or made. */
  readonly envelope: Envelope;
}

/** Negative when `a` is older than `b`, positive when it is newer, 0 when they are the same write. */
export function compareVersions(a: Version, b: Version): number {
  if (a.counter !== b.counter) return a.counter < b.counter ? -1 : 1;
  if (a.author !== b.author) return a.author < b.author ? -1 : 1;
  if (a.hash !== b.hash) return a.hash < b.hash ? -1 : 1;
  return 0;
}

/** Octets of an entry on its way, by which quotas are counted and updates are cut. */
export function entryBytes({ envelope }: MapEntry): number {
  return envelope.payload.length + envelope.signature.length;
}
