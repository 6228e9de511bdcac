import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  BasicConstraints,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from "@peculiar/asn1-x509";
import { encodeElement, tags } from "../x509/der.js";
import { writePem } from "../x509/pem.js";
import { keyIdentifier, type SigningOptions, signAsAuthority, signatureAlgorithmOf } from "./signing.js";

/** Kinds of keys that authorities and identities are made with in tests. */
export type TestKeyType = "P-224" | "P-256" | "P-384" | "P-521" | "secp256k1" | "Ed25519" | "RSA";

/** What the subject of a certificate is called. */
export interface TestSubject {
  readonly commonName: string;
  /** @default none */
  readonly organization?: string;
  /** @default none */
  readonly organizationalUnits?: readonly string[];
}

/** One extension more than those that options make, or instead of one. */
export interface TestExtension {
  /** Dotted. */
  readonly oid: string;
  /** @default false */
  readonly isCritical?: boolean;
  readonly value: Uint8Array;
}

/** What a certificate says. Without any of it, it is like those of `cryptogen`: no key usages, no alternative names. */
export interface TestCertificateOptions extends SigningOptions {
  /** The name alone, or more of the subject. */
  readonly subject: string | TestSubject;
  /** @default "P-256" */
  readonly keyType?: TestKeyType;
  /** Instead of a new key. */
  readonly key?: KeyObject;
  /** Milliseconds since 1970. @default the year 2020 */
  readonly notBeforeMs?: number;
  /** Milliseconds since 1970. @default the year 2045 */
  readonly notAfterMs?: number;
  /** `undefined` leaves the basic constraints out. @default true for authorities, else no constraints */
  readonly isCa?: boolean | undefined;
  /** Most authorities below. @default no limit */
  readonly maxPathLength?: number;
  /** Bits of the key usage. @default signing certificates for authorities, else none */
  readonly keyUsage?: readonly (keyof typeof KeyUsageFlags)[];
  /** Object identifiers, dotted. @default none */
  readonly extendedKeyUsage?: readonly string[];
  /** Leaves the subject key identifier out. @default true for authorities */
  readonly hasSubjectKeyId?: boolean;
  /** DNS names. @default none */
  readonly dnsNames?: readonly string[];
  /** @default 16 random bytes */
  readonly serial?: bigint;
  /** Further ones; one that options make as well takes its place. */
  readonly extensions?: readonly TestExtension[];
}

/** A certificate and the key that it is about. */
export interface TestCertificate {
  readonly der: Uint8Array;
  readonly pem: Uint8Array;
  readonly serial: bigint;
  readonly privateKey: KeyObject;
}

/** One that issues certificates. */
export interface TestAuthority extends TestCertificate {
  /** DER of its name. */
  readonly subject: Uint8Array;
}

const year2020 = 1_577_836_800_000;
const year2045 = 2_366_841_600_000;

/**
 * Makes a root authority, or an intermediate one when an issuer is given.
 *
 * @example
 * const root = makeAuthority({ subject: "ca.org1" });
 * const peer = issueCertificate(root, { subject: { commonName: "peer0.org1", organizationalUnits: ["peer"] } });
 */
export function makeAuthority(options: TestCertificateOptions, issuer?: TestAuthority): TestAuthority {
  const all: TestCertificateOptions = {
    isCa: true,
    keyUsage: ["keyCertSign", "cRLSign"],
    hasSubjectKeyId: true,
    ...options,
  };
  const privateKey = all.key ?? generateTestKey(all.keyType);
  const subject = encodeName(all.subject);
  return { ...make(all, privateKey, issuer ?? { subject, privateKey }), subject };
}

/** Makes a certificate that the authority signs, whatever its options say. */
export function issueCertificate(issuer: TestAuthority, options: TestCertificateOptions): TestCertificate {
  return make(options, options.key ?? generateTestKey(options.keyType), issuer);
}

/** A new private key. */
export function generateTestKey(type: TestKeyType = "P-256"): KeyObject {
  switch (type) {
    case "Ed25519":
      return generateKeyPairSync("ed25519").privateKey;
    case "RSA":
      return generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
    default:
      return generateKeyPairSync("ec", { namedCurve: type }).privateKey;
  }
}

/** A private key in PEM, as key stores hold it. */
export function privateKeyPem(key: KeyObject, form: "pkcs8" | "sec1" = "pkcs8"): Uint8Array {
  const options = { format: "pem", type: form } as const;
  // The types of Node allow `sec1` for EC keys only, which is whom this is called for.
  return new TextEncoder().encode(String(key.export(options as { format: "pem"; type: "pkcs8" })));
}

function make(
  options: TestCertificateOptions,
  privateKey: KeyObject,
  issuer: Pick<TestAuthority, "subject" | "privateKey">,
): TestCertificate {
  const serial = options.serial ?? BigInt(`0x${randomBytes(16).toString("hex")}`);
  const algorithm = signatureAlgorithmOf(issuer.privateKey, options);
  const tbs = new Uint8Array(
    AsnConvert.serialize(
      new TBSCertificate({
        version: Version.v3,
        serialNumber: integerOctets(serial),
        signature: AsnConvert.parse(algorithm, AlgorithmIdentifier),
        issuer: AsnConvert.parse(issuer.subject, Name),
        validity: new Validity({
          notBefore: new Date(options.notBeforeMs ?? year2020),
          notAfter: new Date(options.notAfterMs ?? year2045),
        }),
        subject: AsnConvert.parse(encodeName(options.subject), Name),
        subjectPublicKeyInfo: AsnConvert.parse(spkiOf(privateKey), SubjectPublicKeyInfo),
        extensions: new Extensions(extensionsOf(options, privateKey, issuer.privateKey)),
      }),
    ),
  );
  const signature = signAsAuthority(issuer.privateKey, tbs, options);
  const bits = encodeElement(tags.bitString, Uint8Array.of(0), signature);
  const der = encodeElement(tags.sequence, tbs, algorithm, bits);
  return { der, pem: writePem("CERTIFICATE", der), serial, privateKey };
}

function extensionsOf(options: TestCertificateOptions, key: KeyObject, issuerKey: KeyObject): Extension[] {
  const made = new Map<string, Extension>();
  const add = (oid: string, isCritical: boolean, value: ArrayBuffer | Uint8Array) =>
    made.set(
      oid,
      new Extension({ extnID: oid, critical: isCritical, extnValue: new OctetString(new Uint8Array(value)) }),
    );
  if (options.keyUsage !== undefined && options.keyUsage.length > 0) {
    const bits = options.keyUsage.reduce((sum, name) => sum | KeyUsageFlags[name], 0);
    add(id_ce_keyUsage, true, AsnConvert.serialize(new KeyUsage(bits)));
  }
  if (options.isCa !== undefined) {
    const { isCa, maxPathLength } = options;
    const limit = maxPathLength === undefined ? {} : { pathLenConstraint: maxPathLength };
    add(id_ce_basicConstraints, true, AsnConvert.serialize(new BasicConstraints({ cA: isCa, ...limit })));
  }
  if (options.extendedKeyUsage !== undefined) {
    add(id_ce_extKeyUsage, false, AsnConvert.serialize(new ExtendedKeyUsage([...options.extendedKeyUsage])));
  }
  if (options.hasSubjectKeyId === true) {
    add(id_ce_subjectKeyIdentifier, false, encodeElement(tags.octetString, keyIdentifier(key)));
  }
  add(id_ce_authorityKeyIdentifier, false, encodeElement(tags.sequence, encodeElement(0x80, keyIdentifier(issuerKey))));
  if (options.dnsNames !== undefined) {
    const names = options.dnsNames.map((name) => encodeElement(0x82, new TextEncoder().encode(name)));
    add(id_ce_subjectAltName, false, encodeElement(tags.sequence, ...names));
  }
  for (const { oid, isCritical, value } of options.extensions ?? []) add(oid, isCritical === true, value);
  return [...made.values()];
}

function encodeName(subject: string | TestSubject): Uint8Array {
  const {
    commonName,
    organization,
    organizationalUnits = [],
  } = typeof subject === "string" ? { commonName: subject } : { ...subject };
  const attributes: (readonly [string, string])[] = [
    ...(organization === undefined ? [] : [["2.5.4.10", organization] as const]),
    ...organizationalUnits.map((unit) => ["2.5.4.11", unit] as const),
    ["2.5.4.3", commonName],
  ];
  const parts = attributes.map(
    ([type, text]) =>
      new RelativeDistinguishedName([
        new AttributeTypeAndValue({ type, value: new AttributeValue({ utf8String: text }) }),
      ]),
  );
  return new Uint8Array(AsnConvert.serialize(new Name(parts)));
}

function spkiOf(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }));
}

/** Contents of an INTEGER of 0 or more. */
function integerOctets(value: bigint): ArrayBuffer {
  const digits = value.toString(16);
  const octets = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex");
  return new Uint8Array((octets[0] ?? 0) >= 0x80 ? [0, ...octets] : octets).buffer;
}
