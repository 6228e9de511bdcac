import { sha256 } from "@gossip/crypto";
import type { Envelope, SharedEntry } from "@gossip/proto";
import type { MapEntry } from "./entry.js";

/** Octets of the hash that are kept: enough that nobody finds two writes with the same. */
const hashBytes = 16;

/**
 * The entry in a verified message. Keep no view of it: give a copy of what was received.
 *
 * @example
 * if (verified.ok) run.push({ type: "entry", entry: readEntry(message, envelope), from, wallMs });
 */
export function readEntry(message: SharedEntry, envelope: Envelope): MapEntry {
  const { key, value, isDeleted, counter, pkiId: author } = message;
  const hash = Buffer.from(sha256(envelope.payload).subarray(0, hashBytes)).toString("hex");
  return { key, value: isDeleted ? undefined : value, counter, author, hash, envelope };
}
