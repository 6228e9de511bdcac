/** What Go programs warn about, in a form that can be compared between two runs. */

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Client } from "./client.js";
import type { FabricNetwork } from "./network.js";
import type { FabricPeer } from "./peer.js";
import { pkiIdOf } from "./rogue.js";

/** A warning or error, without what differs from run to run. */
export type Complaint = string;

/** Who is judged: what is said about them is told apart from what is said about others. */
interface Judged {
  readonly endpoint: string;
  /** Hex. */
  readonly pkiId: string;
}

/** Of all Go peers of a network but those that are judged, with an example of each. */
export function complaints(network: FabricNetwork, seated: readonly FabricPeer[]): ReadonlyMap<Complaint, string> {
  const judged = seated.map((peer) => ({
    endpoint: peer.endpoint,
    pkiId: Buffer.from(pkiIdOf(Client.ofNode(peer).identity)).toString("hex"),
  }));
  const found = new Map<Complaint, string>();
  const logs = join(network.dir, "logs");
  for (const file of readdirSync(logs).filter((name) => name.startsWith("peer"))) {
    const name = basename(file, ".log");
    if (seated.some((peer) => peer.name === name)) continue;
    for (const line of readFileSync(join(logs, file), "utf8").split("\n")) {
      const complaint = complaintOf(line, judged);
      if (complaint !== undefined && !found.has(complaint)) found.set(complaint, `${name}: ${line}`);
    }
  }
  return found;
}

const alarming = new Set(["warn", "error", "dpanic", "panic", "fatal"]);

/** `undefined` for a line that alarms nobody. */
function complaintOf(line: string, judged: readonly Judged[]): Complaint | undefined {
  // A crash of the Go runtime is no JSON.
  if (/^(panic:|fatal error:|SIG[A-Z]+:)/.test(line)) return line;
  if (!line.startsWith("{")) return undefined;
  let entry: { level?: string; name?: string; msg?: string; error?: string };
  try {
    entry = JSON.parse(line) as typeof entry;
  } catch {
    return undefined;
  }
  const { level = "", name = "", msg = "", error = "" } = entry;
  return alarming.has(level) ? `${level} ${name}: ${normalised(`${msg} ${error}`.trim(), judged)}` : undefined;
}

/** Names who is judged, and takes out whatever differs from run to run. */
function normalised(message: string, judged: readonly Judged[]): string {
  const named = judged.reduce(
    (text, { endpoint, pkiId }) => text.replaceAll(endpoint, "SEAT").replaceAll(pkiId, "SEAT"),
    message,
  );
  return named
    .replace(/-----BEGIN[\s\S]*?-----END [A-Z ]+-----(\\n|\n)?/g, "PEM")
    .replace(/GossipMessage: .*?, Envelope: \d+ bytes, Signature: \d+ bytes/gs, (dump) =>
      dump.includes("SEAT") ? "MESSAGE of SEAT" : "MESSAGE",
    )
    .replace(/\{"CN":"[^}]*\}/g, "IDENTITY")
    .replace(/\[Org\dMSP[0-9a-f]{20,}\]/g, "IDENTITY")
    .replace(/\b[0-9a-f]{16,}\b/gi, "HEX")
    .replace(/\[[0-9 ]{20,}\]/g, "BYTES")
    .replace(/\b127\.0\.0\.1(:\d+)?\b/g, "ADDRESS")
    .replace(/\bpeer\d\.org\d(\.example\.com)?\b/g, "PEER")
    .replace(/\bOrg\dMSP\b/g, "ORG")
    .replace(/\b\d+(\.\d+)?(ns|µs|us|ms|s|m|h)\b/g, "TIME")
    .replace(/\d+/g, "N");
}
