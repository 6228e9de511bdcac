import { constants, createHash, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { errorText, GossipError } from "@gossip/runtime";
import type { GrpcTls, Pem } from "./options.js";

/** What one side of TLS needs: the material to connect or accept with, and the hash that the handshake carries. */
export interface TlsSide {
  readonly material: SecureContextOptions;
  readonly certHash: Uint8Array;
}

/**
 * SHA-256 over the DER of the first certificate in a PEM: `tls_cert_hash` of a ConnEstablish (protocol page 03 §3.2).
 *
 * @throws GossipError `invalid-config` when there is no certificate in it.
 */
export function tlsCertHash(pem: Pem): Uint8Array {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (error) {
    throw new GossipError("invalid-config", `expected a certificate in PEM, got ${errorText(error)}`, { cause: error });
  }
  return hashOfDer(certificate.raw);
}

/** SHA-256 over a certificate's DER. */
export function hashOfDer(der: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(der).digest());
}

/** The server's side. Without `clientAuthRequired` no authorities are named, so that every client sends what it has. */
export function serverSide(tls: GrpcTls): TlsSide {
  const authorities = tls.clientAuthRequired === false ? undefined : (tls.clientRoots ?? tls.roots);
  const named = tls.clientRoots === undefined ? "tls.roots" : "tls.clientRoots";
  requireCertificates(named, authorities ?? []);
  return side("tls.cert and tls.key", tls.cert, tls.key, authorities);
}

/** The client's side, which falls back to the server's pair. */
export function clientSide(tls: GrpcTls): TlsSide {
  if ((tls.clientCert === undefined) !== (tls.clientKey === undefined)) {
    throw new GossipError(
      "invalid-config",
      "expected tls.clientCert and tls.clientKey both or neither, got one of them",
    );
  }
  requireCertificates("tls.roots", tls.roots);
  return side("tls.clientCert and tls.clientKey", tls.clientCert ?? tls.cert, tls.clientKey ?? tls.key, tls.roots);
}

/** Node takes a file without any certificate for no authority, and then trusts nobody without a word. */
function requireCertificates(what: string, authorities: readonly Pem[]): void {
  for (const pem of authorities) {
    try {
      new X509Certificate(pem);
    } catch (error) {
      throw new GossipError("invalid-config", `expected ${what} to be certificates in PEM, got ${errorText(error)}`, {
        cause: error,
      });
    }
  }
}

function side(what: string, cert: Pem, key: Pem, authorities: readonly Pem[] | undefined): TlsSide {
  const certHash = tlsCertHash(cert);
  const material: SecureContextOptions = {
    cert: buffer(cert),
    key: buffer(key),
    ca: authorities?.map(buffer),
    minVersion: "TLSv1.2",
    // Each connection is a full handshake, so its certificate is at hand (page 01 §1.4).
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
  try {
    createSecureContext(material);
    return { material, certHash };
  } catch (error) {
    throw new GossipError("invalid-config", `expected ${what} to be a matching pair in PEM, got ${errorText(error)}`, {
      cause: error,
    });
  }
}

function buffer(pem: Pem): Buffer {
  return Buffer.from(pem as Uint8Array);
}
