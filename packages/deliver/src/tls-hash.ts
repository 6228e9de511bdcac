import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { sha256 } from "@gossip/crypto";
import { errorText, GossipError } from "@gossip/runtime";
import type { ClientTls } from "./api.js";

/**
 * What binds a request to its connection: SHA-256 over the DER of our client certificate; empty without TLS, or where it is not to be bound.
 *
 * @throws GossipError `invalid-config` when certificate and key are unusable, which would else show at the first dial.
 */
export function clientCertHash(tls: ClientTls | undefined): Uint8Array {
  if (tls === undefined) return new Uint8Array(0);
  try {
    createSecureContext({ cert: Buffer.from(tls.cert), key: Buffer.from(tls.key) });
    if (tls.bindRequests === false) return new Uint8Array(0);
    return sha256(new Uint8Array(new X509Certificate(tls.cert).raw));
  } catch (error) {
    throw new GossipError(
      "invalid-config",
      `expected tls.cert and tls.key to be a PEM certificate and its key, got: ${errorText(error)}`,
      { cause: error },
    );
  }
}
