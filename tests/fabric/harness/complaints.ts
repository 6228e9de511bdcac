/** What Go programs warn about, in a form that can be compared between two runs. */

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Client } from "./client.js";
import type { FabricNetwork } from "./network.js";
import type { FabricPeer } from "./peer.js";
import { pkiIdOf } from "./rogue.js";

/** A warning or error, without what differs from run to run. */
export type Complaint = string;

/** Of all Go peers of a network but those that are judged, with an example of each. */
export function complaints(network: FabricNetwork, seated: readonly FabricPeer[]): ReadonlyMap<Complaint, string> {
  const who = [
    ...network.peers.map((peer) => ({ name: seated.includes(peer) ? "SEAT" : "OTHER", node: peer })),
    ...network.orderers.map((orderer) => ({ name: "ORDERER", node: orderer })),
  ];
  const fixed = who.flatMap(({ name, node }): (readonly [string, string])[] => [
    [node.endpoint, name],
    ...("internalEndpoint" in node
      ? ([
          [node.internalEndpoint, name],
          [node.address, name],
        ] as const)
      : []),
    [basename(node.folder), name],
    [Buffer.from(pkiIdOf(Client.ofNode(node).identity)).toString("hex"), name],
  ]);
  const found = new Map<Complaint, string>();
  const logs = join(network.dir, "logs");
  for (const file of readdirSync(logs).filter((name) => name.startsWith("peer"))) {
    const name = basename(file, ".log");
    if (seated.some((peer) => peer.name === name)) continue;
    const lines = readFileSync(join(logs, file), "utf8").split("\n");
    const names = new Map([...fixed, ...clientsOf(lines, new Map(fixed))]);
    for (const line of lines) {
      const complaint = complaintOf(line, names);
      if (complaint !== undefined && !found.has(complaint)) found.set(complaint, `${name}: ${line}`);
    }
  }
  return found;
}

/** Whether it names whom it is about, and that is neither who is judged nor somebody unknown. */
export function isAboutOthers(complaint: Complaint): boolean {
  return /\b(OTHER|ORDERER)\b/.test(complaint) && !/\b(SEAT|ADDRESS)\b/.test(complaint);
}

/** Who came from which address, as a Go server notes when a call is over; by the common name of the TLS certificate. */
function clientsOf(lines: readonly string[], names: ReadonlyMap<string, string>): (readonly [string, string])[] {
  return lines.flatMap((line) => {
    const [, address] = /"grpc\.peer_address":"([^"]+)"/.exec(line) ?? [];
    const [, subject = ""] = /"grpc\.peer_subject":"CN=([^,"]+)/.exec(line) ?? [];
    const name = names.get(subject);
    return address === undefined || name === undefined ? [] : [[address, name] as const];
  });
}

const alarming = new Set(["warn", "error", "dpanic", "panic", "fatal"]);

/** `undefined` for a line that alarms nobody. */
function complaintOf(line: string, names: ReadonlyMap<string, string>): Complaint | undefined {
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
  return alarming.has(level) ? `${level} ${name}: ${normalised(`${msg} ${error}`.trim(), names)}` : undefined;
}

/** Names whom it is about, and takes out whatever differs from run to run. */
function normalised(message: string, names: ReadonlyMap<string, string>): string {
  const nameOf = (text: string, otherwise: string) => names.get(text) ?? otherwise;
  const named = (text: string, otherwise: string) => ["SEAT", "OTHER"].find((name) => text.includes(name)) ?? otherwise;
  return (
    message
      .replace(/-----BEGIN[\s\S]*?-----END [A-Z ]+-----(\\n|\n)?/g, "PEM")
      .replace(/\bpeer\d\.org\d\.example\.com\b/g, (name) => nameOf(name, "PEER"))
      .replace(/\b127\.0\.0\.1:\d+\b/g, (address) => nameOf(address, "ADDRESS"))
      .replace(/\b[0-9a-f]{64}\b/g, (hex) => nameOf(hex, "HEX"))
      .replace(
        /GossipMessage: .*?, Envelope: \d+ bytes, Signature: \d+ bytes/gs,
        (dump) => `MESSAGE of ${named(dump, "?")}`,
      )
      // Whoever died at the same time.
      .replace(/\b(SEAT|OTHER)( (SEAT|OTHER))+\b/g, (list) => named(list, "?"))
      .replace(/\{"CN":"[^}]*\}/g, (identity) => `IDENTITY of ${named(identity, "?")}`)
      .replace(/\[Org\dMSP[0-9a-f]{20,}\]/g, "IDENTITY")
      .replace(/\b[0-9a-f]{16,}\b/gi, "HEX")
      .replace(/\[[0-9 ]{20,}\]/g, "BYTES")
      .replace(/\bOrg\dMSP\b/g, "ORG")
      .replace(/\b\d+(\.\d+)?(ns|µs|us|ms|s|m|h)\b/g, "TIME")
      .replace(/\d+/g, "N")
  );
}
