import { unsigned } from "@gossip/crypto";
import type { Envelope, MessageHeader, SharedEntry } from "@gossip/proto";

const noBytes = new Uint8Array(0);

/** The four messages of a pull of a channel's shared map (protocol page 14 §2). */
export function sharedHello(channel: string, pullNonce: bigint, summary: Uint8Array): Envelope {
  return unsigned({ ...header(channel), type: "hello", pullType: "shared", pullNonce, metadata: summary });
}

export function sharedDigest(channel: string, pullNonce: bigint, digests: readonly Uint8Array[]): Envelope {
  return unsigned({ ...header(channel), type: "digest", pullType: "shared", pullNonce, digests });
}

export function sharedRequest(channel: string, pullNonce: bigint, digests: readonly Uint8Array[]): Envelope {
  return unsigned({ ...header(channel), type: "request", pullType: "shared", pullNonce, digests });
}

export function sharedUpdate(channel: string, pullNonce: bigint, data: readonly Envelope[]): Envelope {
  return unsigned({ ...header(channel), type: "update", pullType: "shared", pullNonce, data });
}

/** What an entry says beside who wrote it. */
export interface EntryContent {
  readonly key: string;
  /** `undefined` for a tombstone. */
  readonly value: Uint8Array | undefined;
  readonly counter: bigint;
}

/** The message of an entry; its signature makes it one (protocol page 14 §2). */
export function sharedEntry(
  channel: string,
  author: Pick<SharedEntry, "pkiId" | "identity">,
  { key, value, counter }: EntryContent,
): SharedEntry {
  const content = { key, value: value ?? noBytes, isDeleted: value === undefined, counter };
  return { ...header(channel), type: "shared-entry", ...author, ...content };
}

function header(channel: string): MessageHeader {
  return { nonce: 0n, channel, tag: "chan-only" };
}
