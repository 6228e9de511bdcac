import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { MspFolder } from "@gossip/fabric";
import { type MspRole, readSerializedIdentity } from "@gossip/proto/fabric";
import type { PeerConfig, PeerTls } from "./config.js";
import { splitEndpoint } from "./endpoint.js";

// What an operator should know of the peer's own certificates. A Fabric peer starts with all of this, and so do we: only
// others will refuse it, and they tell it to their own operators.

/** How long before the end of a TLS certificate its operator is told; Fabric's peers tell it a week before, too. */
const expiresSoonMs = 7 * 86_400_000;

const otherRoles: readonly MspRole[] = ["client", "admin", "orderer"];

/**
 * Of the certificates for TLS: hosts that they do not name though others dial them, and an end that has come or is near.
 *
 * @param nowMs milliseconds since 1970
 */
export function tlsWarnings(
  config: Pick<PeerConfig, "endpoint" | "externalEndpoint">,
  tls: PeerTls,
  nowMs: number,
): readonly string[] {
  const { cert, clientCert } = tls;
  const server = new X509Certificate(cert);
  const warnings = [...unnamedHosts(config, server), ...expiry("peer.tls.cert.file", server, nowMs)];
  if (clientCert !== undefined && !Buffer.from(clientCert).equals(cert)) {
    warnings.push(...expiry("peer.tls.clientCert.file", new X509Certificate(clientCert), nowMs));
  }
  return warnings;
}

/** Of the own identity: a role that is not a peer's, where units tell roles apart. */
export function roleWarnings({ config, msp, identity }: MspFolder): readonly string[] {
  if (config.nodeOus?.enable !== true) return [];
  const serialized = readSerializedIdentity(identity);
  const own = serialized.ok ? msp.deserialize(serialized.value.idBytes) : undefined;
  if (own === undefined || !("satisfies" in own)) return [];
  const isOf = (role: MspRole) => own.satisfies({ type: "role", mspId: own.mspId, role }).ok;
  if (isOf("peer")) return [];
  const got = otherRoles.find(isOf) ?? "nobody with a role";
  return [
    `peer.mspConfigPath: expected the certificate of a peer, got that of ${got}: policies that ask for a peer refuse it; enroll this peer with the type peer`,
  ];
}

/** Other peers dial these hosts and look for them in our certificate. */
function unnamedHosts(
  { endpoint, externalEndpoint }: Pick<PeerConfig, "endpoint" | "externalEndpoint">,
  certificate: X509Certificate,
): string[] {
  const hosts = new Set([endpoint, externalEndpoint].map((one) => splitEndpoint(one ?? "")?.host ?? ""));
  hosts.delete("");
  return [...hosts]
    .filter((host) => !names(certificate, host))
    .map((host) => `peer.tls.cert.file does not name ${host}, so other peers will refuse to dial it`);
}

function names(certificate: X509Certificate, host: string): boolean {
  // Go looks for hosts among the alternative names only. Asking Node for an address that is none throws.
  const named = isIP(host) === 0 ? certificate.checkHost(host, { subject: "never" }) : certificate.checkIP(host);
  return named !== undefined;
}

function expiry(key: string, { validTo }: X509Certificate, nowMs: number): string[] {
  const endMs = Date.parse(validTo);
  if (endMs - nowMs > expiresSoonMs) return [];
  const [word, until] =
    endMs <= nowMs ? ["expired", "so other peers refuse it"] : ["expires", "from when on other peers refuse it"];
  return [`${key} ${word} at ${new Date(endMs).toISOString()}, ${until}: issue it again and restart this peer`];
}
