import type { RejectReason } from "@gossip/crypto";
import type { FabricMspConfig } from "@gossip/proto/fabric";
import type { MspVersion } from "../src/api.js";
import {
  issueCertificate,
  makeAuthority,
  type TestAuthority,
  type TestCertificate,
  type TestCertificateOptions,
} from "../src/testing/certificates.js";
import { makeMspConfig } from "../src/testing/organizations.js";
import { makeRevocationList } from "../src/testing/revocation-lists.js";
import { encodeElement, tags } from "../src/x509/der.js";
import { writePem } from "../src/x509/pem.js";

/** An MSP, and who is valid in it (page 13 §11, rows 1 and 2). */
export interface MspCase {
  /** A sentence after `an MSP with …`. */
  readonly name: string;
  readonly config: FabricMspConfig;
  readonly version?: MspVersion;
  /** Part of the error that setting it up ends with; absent when it can be set up. */
  readonly refused?: string;
  readonly identities?: readonly IdentityCase[];
}

/** An identity and what its MSP says of it. */
export interface IdentityCase {
  readonly name: string;
  readonly idBytes: Uint8Array;
  /** Why it is not valid, and a part of the detail; absent when it is valid. */
  readonly reason?: RejectReason;
  readonly detail?: string;
  /** Fabric itself says otherwise, for the reason given. */
  readonly deviation?: string;
}

export const mspId = "Org1MSP";
export const day = 86_400_000;
/** The start of the authorities' validity. */
export const start = Date.UTC(2_020, 0, 1);

const serverAuth = "1.3.6.1.5.5.7.3.1";
const clientAuth = "1.3.6.1.5.5.7.3.2";
const anyUsage = "2.5.29.37.0";
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));

const unknownCritical = { oid: "1.2.3.4.5", isCritical: true, value: bytes("0500") };
const permitsOrg1 = encodeElement(
  tags.sequence,
  encodeElement(0xa0, encodeElement(tags.sequence, encodeElement(0x82, Buffer.from("org1.example.com")))),
);
const nameConstraints = { oid: "2.5.29.30", isCritical: true, value: permitsOrg1 };
const explicitPolicy = { oid: "2.5.29.36", isCritical: true, value: bytes("3003800100") };

type Options = Partial<TestCertificateOptions>;

export const authority = (options: Options = {}, issuer?: TestAuthority) =>
  makeAuthority({ subject: { commonName: "ca.org1", organization: "org1" }, ...options }, issuer);
export const peer = (issuer: TestAuthority, options: Options = {}) =>
  issueCertificate(issuer, { subject: { commonName: "peer0", organizationalUnits: ["peer"] }, ...options });
const units = (...organizationalUnits: readonly string[]): Options => ({
  subject: { commonName: "peer0", organizationalUnits },
});
const config = (roots: readonly TestCertificate[], changes: Partial<FabricMspConfig> = {}) =>
  makeMspConfig(mspId, roots, changes);
const valid = (name: string, { pem }: { readonly pem: Uint8Array }): IdentityCase => ({ name, idBytes: pem });
const invalid = (
  name: string,
  { pem }: { readonly pem: Uint8Array },
  detail: string,
  reason: RejectReason = "untrusted-identity",
): IdentityCase => ({ name, idBytes: pem, reason, detail });
const noRoles = { nodeOus: undefined };

/** Every row with new keys. */
export function mspCases(): readonly MspCase[] {
  return [
    ...rootCases(),
    ...leafCases(),
    ...chainCases(),
    ...revocationCases(),
    ...unitCases(),
    ...adminCases(),
    ...otherSetupCases(),
  ];
}

function rootCases(): readonly MspCase[] {
  const kinds: readonly (readonly [string, Options])[] = [
    ["a P-224 root", { keyType: "P-224" }],
    ["a P-384 root that signs with SHA-384", { keyType: "P-384", hash: "sha384" }],
    ["a P-521 root that signs with SHA-512", { keyType: "P-521", hash: "sha512" }],
    ["an Ed25519 root", { keyType: "Ed25519" }],
    ["an RSA root", { keyType: "RSA" }],
    ["an RSA root that signs with PSS", { keyType: "RSA", padding: "pss" }],
    ["a root with a high S", { s: "high" }],
    ["a root with serverAuth among its usages", { extendedKeyUsage: [clientAuth, serverAuth] }],
    ["a root for any usage", { extendedKeyUsage: [anyUsage] }],
    ["a root that has expired", { notBeforeMs: start - 400 * day, notAfterMs: start - 10 * day }],
    ["a root without a key usage", { keyUsage: [] }],
  ];
  const refused: readonly (readonly [string, Options, string])[] = [
    ["a root for clientAuth only", { extendedKeyUsage: [clientAuth] }, "lacks serverAuth"],
    ["a root without a subject key identifier", { hasSubjectKeyId: false }, "subject key identifier"],
    ["a root that is no CA", { isCa: false }, "Org1MSP"],
    ["a root without basic constraints", { isCa: undefined }, "Org1MSP"],
    ["a root with an unknown critical extension", { extensions: [unknownCritical] }, "1.2.3.4.5"],
    ["a root on a curve that Fabric does not have", { keyType: "secp256k1" }, "the curve P-224"],
    ["a root signed with SHA-1", { hash: "sha1" }, "signed by itself"],
    ["a root that may not sign certificates", { keyUsage: ["digitalSignature"] }, "signed by itself"],
    ["a root valid for no second", { notBeforeMs: start, notAfterMs: start }, "valid from"],
  ];
  const outer = authority({ subject: "outer" });
  const key = outer.privateKey;
  const sameKey = authority({ key, serial: 7n });
  return [
    ...kinds.map(([name, options]) => {
      const root = authority(options);
      const notBeforeMs = (options.notBeforeMs ?? start) + day;
      const signing = options.hash === undefined ? {} : { hash: options.hash };
      const leaf = { ...signing, ...(options.padding && { padding: options.padding }), notBeforeMs };
      return { name, config: config([root]), identities: [valid("its peer", peer(root, leaf))] };
    }),
    ...refused.map(([name, options, text]) => ({ name, config: config([authority(options)]), refused: text })),
    {
      name: "an RSA root that signed itself with SHA-1, which nobody checks",
      config: config([authority({ keyType: "RSA", hash: "sha1" })]),
    },
    { name: "no root", config: config([]), refused: "at least one root" },
    { name: "a root that is no PEM", config: config([], { rootCerts: [bytes("30")] }), refused: "no PEM" },
    {
      name: "an intermediate authority for a root",
      config: config([authority({ subject: "inner" }, outer)]),
      refused: "signed by itself",
    },
    {
      name: "an intermediate authority for a root, signed with RSA",
      config: config([authority({ subject: "inner" }, authority({ keyType: "RSA", subject: "outer" }))]),
    },
    {
      name: "two roots of one name and key",
      config: config([authority({ key, serial: 6n }), sameKey]),
      identities: [invalid("a peer", peer(sameKey), "one chain")],
    },
    {
      name: "a root twice",
      config: config([outer, outer]),
      identities: [valid("a peer", peer(outer))],
    },
    {
      name: "two roots of one name",
      config: config([outer, authority({ subject: "outer" })]),
      identities: [valid("a peer", peer(outer))],
    },
  ];
}

function leafCases(): readonly MspCase[] {
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

function chainCases(): readonly MspCase[] {
  const root = authority({ subject: "root" });
  const inner = authority({ subject: "inner" }, root);
  const lower = authority({ subject: "lower" }, inner);
  const short = authority({ subject: "root", maxPathLength: 0 });
  const onShort = authority({ subject: "inner" }, short);
  const bounded = authority({ subject: "bounded", maxPathLength: 1 });
  const onBounded = authority({ subject: "inner", maxPathLength: 0 }, bounded);
  const crossKey = authority({ subject: "cross", serial: 5n });
  const cross = authority({ subject: "cross", key: crossKey.privateKey }, root);
  const constrained = authority({ subject: "constrained", extensions: [nameConstraints] });
  const withNames = peer(constrained, { dnsNames: ["peer0.org1.example.com"] });
  const strict = peer(root, { extensions: [explicitPolicy] });
  const pemsOf = (...intermediates: readonly TestAuthority[]) => ({
    intermediateCerts: intermediates.map(({ pem }) => pem),
  });
  return [
    {
      name: "an intermediate",
      config: config([root], pemsOf(inner)),
      identities: [
        valid("a peer of the intermediate", peer(inner)),
        valid("a peer of the intermediate, with a high S", peer(inner, { s: "high" })),
        invalid("a peer of the root, which is an inner node", peer(root), "issued no other authority"),
        invalid("a peer of an intermediate that the MSP does not have", peer(lower), "none with its issuer's name"),
        invalid("the intermediate itself", inner, "no CA"),
      ],
    },
    {
      name: "two levels of intermediates",
      config: config([root], pemsOf(lower, inner)),
      identities: [
        valid("a peer of the lower one", peer(lower)),
        invalid("a peer of the upper one, which is an inner node", peer(inner), "issued no other authority"),
      ],
    },
    {
      name: "two roots, one of them with an intermediate",
      config: config([root, crossKey], pemsOf(inner)),
      identities: [valid("a peer of the other root", peer(crossKey)), valid("a peer of the intermediate", peer(inner))],
    },
    {
      name: "a root that is cross-certified by another",
      config: config([root, crossKey], pemsOf(cross)),
      identities: [invalid("its peer, which has two chains", peer(crossKey), "one chain")],
    },
    { name: "an intermediate without its root", config: config([crossKey], pemsOf(inner)), refused: "chain" },
    { name: "a lower intermediate without the upper", config: config([root], pemsOf(lower)), refused: "chain" },
    {
      name: "an intermediate with a high S",
      config: config([root], pemsOf(authority({ subject: "inner", key: inner.privateKey, s: "high" }, root))),
      identities: [valid("its peer", peer(inner))],
    },
    {
      name: "an intermediate that is no CA",
      config: config([root], pemsOf(authority({ subject: "inner", isCa: false }, root))),
      refused: "to be a CA",
    },
    {
      name: "an intermediate for clientAuth only",
      config: config([root], pemsOf(authority({ subject: "inner", extendedKeyUsage: [clientAuth] }, root))),
      refused: "lacks serverAuth",
    },
    {
      name: "an intermediate older than its root",
      config: config([root], pemsOf(authority({ subject: "inner", notBeforeMs: start - day }, root))),
      refused: "valid from",
    },
    // The limit counts authorities between, and for the intermediate alone there is none.
    {
      name: "an intermediate below a root that allows none",
      config: config([short], pemsOf(onShort)),
      identities: [invalid("its peer", peer(onShort), "authorities below it")],
    },
    {
      name: "an intermediate below a root that allows one",
      config: config([bounded], pemsOf(onBounded)),
      identities: [valid("its peer", peer(onBounded))],
    },
    {
      name: "a root with name constraints",
      config: config([constrained]),
      identities: [
        valid("a peer whose name is no host name", peer(constrained, { subject: named("peer of org1") })),
        invalid("a peer whose name is a host name", peer(constrained, { subject: named("peer0.org1") }), "host name"),
        {
          ...invalid("a peer with alternative names", withNames, "not evaluated"),
          deviation: "name constraints are not evaluated",
        },
      ],
    },
    {
      name: "one root, and a member with an explicit policy",
      config: config([root]),
      identities: [invalid("that member", strict, "requires a policy")],
    },
  ];
}

function revocationCases(): readonly MspCase[] {
  const root = authority();
  const rsa = authority({ keyType: "RSA" });
  const inner = authority({ subject: "inner" }, root);
  const good = peer(root);
  const revoked = peer(root);
  const ofInner = peer(inner);
  const ofRsa = peer(rsa);
  const serials = [revoked.serial];
  const lists = (...revocationList: readonly Uint8Array[]) => ({ revocationList });
  const isRevoked = invalid("who is on it", revoked, "not to be revoked", "revoked-identity");
  const der = Buffer.from(
    Buffer.from(makeRevocationList(root, { serials }))
      .toString()
      .replace(/-----.*-----/g, ""),
    "base64",
  );
  return [
    {
      name: "a revocation list",
      config: config([root], lists(makeRevocationList(root, { serials }))),
      identities: [valid("who is not on it", good), isRevoked],
    },
    { name: "a revocation list in DER", config: config([root], lists(der)), identities: [isRevoked] },
    {
      name: "a revocation list with a high S",
      config: config([root], lists(makeRevocationList(root, { serials, s: "high" }))),
      identities: [isRevoked],
    },
    {
      name: "a revocation list signed with SHA-1",
      config: config([root], lists(makeRevocationList(root, { serials, hash: "sha1" }))),
      identities: [isRevoked],
    },
    {
      name: "a revocation list signed with RSA and SHA-1",
      config: config([rsa], lists(makeRevocationList(rsa, { serials: [ofRsa.serial], hash: "sha1" }))),
      identities: [invalid("who is on it", ofRsa, "not to be revoked", "revoked-identity")],
    },
    {
      name: "an empty revocation list",
      config: config([root], lists(makeRevocationList(root, { serials: [] }))),
      identities: [valid("a peer", good)],
    },
    {
      name: "a revocation list without an authority key identifier",
      config: config([root], lists(makeRevocationList(root, { serials: [], hasAuthorityKeyId: false }))),
      identities: [invalid("anybody", good, "authority key identifier")],
    },
    {
      name: "a revocation list that somebody else signed",
      config: config([root], lists(makeRevocationList(root, { serials, signer: authority() }))),
      identities: [valid("who is on it", revoked)],
    },
    {
      name: "a forged revocation list and a good one",
      config: config(
        [root],
        lists(makeRevocationList(root, { serials, signer: authority() }), makeRevocationList(root, { serials })),
      ),
      identities: [isRevoked],
    },
    {
      name: "a revocation list of another authority",
      config: config([root], lists(makeRevocationList(authority(), { serials }))),
      identities: [valid("whose number is on it", revoked)],
    },
    {
      name: "a revocation list that names an intermediate",
      config: config([root], {
        intermediateCerts: [inner.pem],
        ...lists(makeRevocationList(root, { serials: [inner.serial] })),
      }),
      refused: "not to be revoked",
    },
    {
      name: "a revocation list of an intermediate",
      config: config([root], {
        intermediateCerts: [inner.pem],
        ...lists(makeRevocationList(inner, { serials: [ofInner.serial] })),
      }),
      identities: [invalid("who is on it", ofInner, "not to be revoked", "revoked-identity")],
    },
    {
      name: "a revocation list that is none",
      config: config([root], lists(bytes("3000"))),
      refused: "revocation list",
    },
    {
      name: "a revocation list with text before it",
      config: config([root], lists(Buffer.concat([Buffer.from("\n"), makeRevocationList(root, { serials })]))),
      refused: "revocation list",
    },
  ];
}

function unitCases(): readonly MspCase[] {
  const root = authority({ s: "high" });
  const inner = authority({ subject: "inner" }, root);
  const second = authority({ subject: "second" }, root);
  const both = { intermediateCerts: [inner.pem, second.pem] };
  const roleOf = (certificate: Uint8Array) => ({
    enable: true,
    peer: { certificate, organizationalUnitIdentifier: "peer" },
  });
  const required = (certificate: Uint8Array) => ({
    organizationalUnitIdentifiers: [{ certificate, organizationalUnitIdentifier: "dept1" }],
  });
  const admins = [peer(root, units("client")).pem];
  const nothing = new Uint8Array(0);
  return [
    {
      name: "roles told apart by unit",
      config: config([root]),
      identities: [
        valid("a client", peer(root, units("client"))),
        valid("an orderer", peer(root, units("orderer"))),
        valid("an administrator", peer(root, units("admin"))),
        valid("a peer with other units", peer(root, units("org1", "peer", "department1"))),
        invalid("nobody in particular", peer(root, units()), "no organizational unit"),
        invalid("a member with another unit", peer(root, units("dept1")), '"dept1"'),
        invalid("a unit in other letters", peer(root, units("Peer")), '"Peer"'),
        invalid("a peer twice", peer(root, units("peer", "peer")), "exactly one"),
        invalid("a peer and client", peer(root, units("peer", "client")), "exactly one"),
      ],
    },
    {
      name: "a unit that a certain authority must have given",
      config: config([root], {
        ...both,
        admins: [peer(inner, units("client")).pem],
        nodeOus: { ...roleOf(inner.pem), client: { certificate: nothing, organizationalUnitIdentifier: "client" } },
      }),
      identities: [
        valid("a peer of that authority", peer(inner)),
        invalid("a peer of another authority", peer(second), "authority configured"),
        valid("a client of another authority", peer(second, units("client"))),
      ],
    },
    {
      name: "a unit that its root must have given, with a high S",
      config: config([root], {
        admins,
        nodeOus: { ...roleOf(root.pem), client: { certificate: nothing, organizationalUnitIdentifier: "client" } },
      }),
      identities: [valid("a peer", peer(root))],
    },
    {
      name: "a unit of an authority that it does not have",
      config: config([root], { admins, nodeOus: roleOf(authority().pem) }),
      refused: "authority of the MSP",
    },
    {
      name: "a unit of an authority that is an inner node",
      config: config([authority({ subject: "top" })], { nodeOus: roleOf(root.pem) }),
      refused: "authority of the MSP",
    },
    {
      name: "units that its members must be in",
      config: config([root], { ...noRoles, admins: [peer(root, units("dept1")).pem], ...required(root.pem) }),
      identities: [
        valid("a member of the unit", peer(root, units("dept1"))),
        invalid("a member of another", peer(root, units("dept2")), '"dept2"'),
        invalid("a member of none", peer(root, units()), "no organizational unit"),
      ],
    },
    {
      name: "units that its members must be in, by one of two authorities",
      config: config([root], {
        ...both,
        ...noRoles,
        admins: [peer(inner, units("dept1")).pem],
        ...required(inner.pem),
      }),
      identities: [
        valid("a member of that one's unit", peer(inner, units("dept1"))),
        invalid("a member of the other's unit", peer(second, units("dept1")), '"dept1"'),
      ],
    },
    {
      name: "required units without a certificate",
      config: config([root], { ...noRoles, admins, ...required(nothing) }),
      refused: "no PEM",
    },
    {
      name: "roles that are not enabled",
      config: config([root], {
        admins,
        nodeOus: { enable: false, peer: { certificate: nothing, organizationalUnitIdentifier: "peer" } },
      }),
      identities: [valid("a member without a unit", peer(root, units()))],
    },
    {
      name: "roles enabled, but none defined",
      config: config([root], { admins, nodeOus: { enable: true } }),
      identities: [valid("a member without a unit", peer(root, units()))],
    },
    {
      name: "SHA-384 to identify chains with",
      config: config([root], {
        admins,
        cryptoConfig: { signatureHashFamily: "", identityIdentifierHashFunction: "SHA384" },
        nodeOus: { ...roleOf(root.pem), client: { certificate: nothing, organizationalUnitIdentifier: "client" } },
      }),
      identities: [valid("a peer", peer(root))],
    },
  ];
}

function adminCases(): readonly MspCase[] {
  const root = authority();
  const list = makeRevocationList(root, { serials: [8n] });
  const revoked = peer(root, { serial: 8n, ...units("admin") });
  const onlyPeers = { enable: true, peer: { certificate: new Uint8Array(0), organizationalUnitIdentifier: "peer" } };
  const admins = (certificate: TestCertificate) => ({ admins: [certificate.pem] });
  return [
    {
      name: "no administrator and no unit for them",
      config: config([root], { nodeOus: onlyPeers }),
      refused: "administrator",
    },
    { name: "no administrator and no roles", config: config([root], noRoles), refused: "administrator" },
    { name: "an administrator without roles", config: config([root], { ...noRoles, ...admins(peer(root)) }) },
    { name: "a client for administrator", config: config([root], admins(peer(root, units("client")))) },
    { name: "a peer for administrator", config: config([root], admins(peer(root))), refused: "administrator 1" },
    { name: "a CA for administrator", config: config([root], { ...noRoles, ...admins(root) }), refused: "no CA" },
    {
      name: "an administrator of another authority",
      config: config([root], { ...noRoles, ...admins(peer(authority())) }),
      refused: "administrator 1",
    },
    {
      name: "a revoked administrator without roles",
      config: config([root], { ...noRoles, ...admins(revoked), revocationList: [list] }),
      refused: "not to be revoked",
    },
    {
      name: "a revoked administrator with roles, whom nobody checks",
      config: config([root], { ...admins(revoked), revocationList: [list] }),
    },
    {
      name: "an administrator with an RSA key and roles, whom nobody checks",
      config: config([root], admins(peer(root, { keyType: "RSA", ...units("admin") }))),
    },
  ];
}

function otherSetupCases(): readonly MspCase[] {
  const root = authority();
  const tls = authority({ subject: "tls" });
  const tlsInner = authority({ subject: "tls inner" }, tls);
  const cryptoConfig = { signatureHashFamily: "SHA2", identityIdentifierHashFunction: "MD5" };
  const tlsOf = (tlsRoot: TestAuthority, ...inner: readonly TestAuthority[]) => ({
    tlsRootCerts: [tlsRoot.pem],
    tlsIntermediateCerts: inner.map(({ pem }) => pem),
  });
  return [
    { name: "TLS authorities", config: config([root], tlsOf(tls, tlsInner)) },
    { name: "a TLS authority with a high S", config: config([root], tlsOf(authority({ s: "high" }))) },
    {
      name: "a TLS authority that is no CA",
      config: config([root], tlsOf(authority({ isCa: false }))),
      refused: "to be a CA",
    },
    {
      name: "a TLS authority without a subject key identifier",
      config: config([root], tlsOf(authority({ hasSubjectKeyId: false }))),
      refused: "subject key identifier",
    },
    {
      name: "a TLS intermediate without its root",
      config: config([root], tlsOf(authority({ subject: "other" }), tlsInner)),
      refused: "one chain",
    },
    {
      name: "a TLS intermediate for a root",
      config: config([root], tlsOf(tlsInner)),
    },
    {
      name: "an identifier hash that Fabric does not know",
      config: config([root], { cryptoConfig }),
      refused: "identity_identifier_hash_function",
    },
    {
      name: "a signature hash that Fabric does not know",
      config: config([root], { cryptoConfig: { signatureHashFamily: "MD", identityIdentifierHashFunction: "" } }),
      identities: [valid("a peer, whose signatures will all be bad", peer(root))],
    },
    {
      name: "no crypto config",
      config: config([root], { cryptoConfig: undefined }),
      identities: [valid("a peer", peer(root))],
    },
  ];
}

function named(commonName: string): NonNullable<Options["subject"]> {
  return { commonName, organizationalUnits: ["peer"] };
}

/** The outer SEQUENCE with an indefinite length. */
function indefinite(der: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(tags.sequence, 0x80), der.subarray(4), Uint8Array.of(0, 0)]);
}

/** The outer length with a zero in front. */
function paddedLength(der: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(tags.sequence, 0x83, 0), der.subarray(2)]);
}
