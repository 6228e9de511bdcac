import { tags } from "../../src/x509/der.js";
import { writePem } from "../../src/x509/pem.js";
import {
  anyUsage,
  authority,
  bytes,
  clientAuth,
  config,
  day,
  invalid,
  type MspCase,
  peer,
  serverAuth,
  start,
  unknownCritical,
  valid,
} from "./building.js";

/** What members, and who is none, show to an MSP. */
export function leafCases(): readonly MspCase[] {
  const root = authority();
  const other = authority();
  const text = (pem: Uint8Array) => Buffer.from(pem).toString();
  const idBytes = (content: string) => ({ pem: new TextEncoder().encode(content) });
  const pem = text(peer(root).pem);
  const { der } = peer(root);
  const padded = Buffer.concat([der, Uint8Array.of(0)]);
  const selfSigned = authority({ subject: "mallory" });
  return [
    {
      name: "one root",
      config: config([root]),
      identities: [
        valid("a peer", peer(root)),
        valid("a peer on P-224", peer(root, { keyType: "P-224" })),
        valid("a peer on P-384", peer(root, { keyType: "P-384" })),
        valid("a peer on P-521", peer(root, { keyType: "P-521" })),
        valid("a peer with Ed25519", peer(root, { keyType: "Ed25519" })),
        valid("a peer whose certificate has a high S", peer(root, { s: "high" })),
        valid("a peer signed with SHA-512", peer(root, { hash: "sha512" })),
        valid("a peer that has expired", peer(root, { notAfterMs: start + 30 * day })),
        valid("a peer that is not valid yet", peer(root, { notBeforeMs: Date.UTC(2_044, 0, 1) })),
        valid("a peer for serverAuth", peer(root, { extendedKeyUsage: [serverAuth] })),
        valid("a peer for any usage", peer(root, { extendedKeyUsage: [anyUsage] })),
        valid("a peer that says it is no CA", peer(root, { isCa: false })),
        valid("a peer with alternative names", peer(root, { dnsNames: ["peer0.org1.example.com"] })),
        valid("a peer with a key usage", peer(root, { keyUsage: ["digitalSignature"] })),
        invalid("a peer for clientAuth only", peer(root, { extendedKeyUsage: [clientAuth] }), "lacks serverAuth"),
        invalid("a peer that is a CA", peer(root, { isCa: true }), "no CA"),
        invalid(
          "a peer with an unknown critical extension",
          peer(root, { extensions: [unknownCritical] }),
          "1.2.3.4.5",
        ),
        invalid("a peer signed with SHA-1", peer(root, { hash: "sha1" }), "no signature"),
        invalid("a peer with an RSA key", peer(root, { keyType: "RSA" }), "RSA"),
        invalid("a peer on secp256k1", peer(root, { keyType: "secp256k1" }), "curve", "malformed-identity"),
        invalid("a peer older than its root", peer(root, { notBeforeMs: start - day }), "valid from"),
        valid("a peer a second older than its root", peer(root, { notBeforeMs: start - 1_000 })),
        invalid("a peer two seconds older than its root", peer(root, { notBeforeMs: start - 2_000 }), "valid from"),
        invalid("a peer of another root of the same name", peer(other), "no signature"),
        invalid("a peer of another root", peer(selfSigned), "none with its issuer's name"),
        invalid("the root itself", root, "no CA"),
        invalid("another root", selfSigned, "signed itself"),
        invalid(
          "a peer valid for no second",
          peer(root, { notBeforeMs: start + day, notAfterMs: start + day }),
          "valid",
        ),
        invalid(
          "a peer with a critical key identifier",
          peer(root, { extensions: [{ oid: "2.5.29.14", isCritical: true, value: bytes("040101") }] }),
          "critical",
          "malformed-identity",
        ),
        invalid(
          "a peer with a malformed extension",
          peer(root, { extensions: [{ oid: "2.5.29.19", value: bytes("3001") }] }),
          "basic constraints",
          "malformed-identity",
        ),
        valid("a peer without a newline at the end", idBytes(pem.trimEnd())),
        valid("a peer with CRLF", idBytes(pem.replaceAll("\n", "\r\n"))),
        valid("a peer with text before it", idBytes(`a peer\nof ours\n${pem}`)),
        valid("a peer with blanks in its base64", idBytes(pem.replace("\nMII", "\n \tMII "))),
        valid("a peer with a header", idBytes(pem.replace("\nMII", "\nName: value\n\nMII"))),
        invalid("a peer with a line after it", idBytes(`${pem}x`), "no bytes after", "malformed-identity"),
        invalid("a peer twice", idBytes(pem + pem), "no bytes after", "malformed-identity"),
        invalid(
          "a peer of PEM type X509",
          idBytes(pem.replaceAll("CERTIFICATE", "X509")),
          "type",
          "malformed-identity",
        ),
        valid("a peer without a PEM type", idBytes(pem.replaceAll("CERTIFICATE", ""))),
        invalid("a peer in DER", { pem: der }, "no PEM", "malformed-identity"),
        invalid("no bytes", idBytes(""), "no PEM", "malformed-identity"),
        invalid("no certificate", idBytes(text(writePem("CERTIFICATE", bytes("3000")))), "", "malformed-identity"),
        invalid("bytes after the DER", { pem: writePem("CERTIFICATE", padded) }, "more bytes", "malformed-identity"),
        invalid("BER", { pem: writePem("CERTIFICATE", indefinite(der)) }, "indefinite", "malformed-identity"),
        invalid("a padded length", { pem: writePem("CERTIFICATE", paddedLength(der)) }, "fewest", "malformed-identity"),
      ],
    },
    {
      name: "one root, in a channel below V3_0",
      config: config([root]),
      version: "v1.4.3",
      identities: [
        valid("a peer with ECDSA", peer(root)),
        invalid("a peer with Ed25519", peer(root, { keyType: "Ed25519" }), "V3_0"),
      ],
    },
    ...(["Ed25519", "RSA"] as const).map((keyType): MspCase => {
      const issuer = authority({ keyType });
      const foreign = authority({ keyType });
      return {
        name: `an ${keyType} root, which shows in Validate only`,
        config: config([issuer]),
        identities: [
          valid("a peer", peer(issuer)),
          valid("a peer with Ed25519", peer(issuer, { keyType: "Ed25519" })),
          invalid("a peer of another root", peer(foreign), "no signature"),
          invalid("a peer with an RSA key", peer(issuer, { keyType: "RSA" }), "RSA"),
          invalid("a CA", authority({}, issuer), "no CA"),
          ...(keyType === "RSA"
            ? [invalid("a peer signed with SHA-1", peer(issuer, { hash: "sha1" }), "no signature")]
            : []),
        ],
      };
    }),
  ];
}

/** The outer SEQUENCE with an indefinite length. */
function indefinite(der: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(tags.sequence, 0x80), der.subarray(4), Uint8Array.of(0, 0)]);
}

/** The outer length with a zero in front. */
function paddedLength(der: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(tags.sequence, 0x83, 0), der.subarray(2)]);
}
