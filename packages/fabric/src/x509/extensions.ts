import {
  AuthorityInfoAccessSyntax,
  AuthorityKeyIdentifier,
  anyExtendedKeyUsage,
  BasicConstraints,
  CertificatePolicies,
  CRLDistributionPoints,
  ExtendedKeyUsage,
  InhibitAnyPolicy,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_cRLDistributionPoints,
  id_ce_extKeyUsage,
  id_ce_inhibitAnyPolicy,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_policyConstraints,
  id_ce_policyMappings,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_serverAuth,
  id_pe_authorityInfoAccess,
  NameConstraints,
  PolicyConstraints,
  PolicyMappings,
} from "@peculiar/asn1-x509";
import {
  booleanValue,
  DerError,
  type DerReader,
  objectIdentifier,
  onlyElement,
  parseDer,
  readerOf,
  requireDer,
  tags,
} from "./der.js";

/** One extension as it stands in a certificate. */
export interface Extension {
  readonly isCritical: boolean;
  readonly value: Uint8Array;
}

/** Dotted object identifier to extension. */
export type Extensions = ReadonlyMap<string, Extension>;

/** What the rules of an MSP ask of a certificate's extensions (page 13 §3.3). */
export interface ExtensionFacts {
  /** `undefined` without basic constraints. */
  readonly isCa: boolean | undefined;
  /** Most intermediates below; `undefined` for no limit. */
  readonly maxPathLength: number | undefined;
  /** Whether the key usage, if there is any, includes signing certificates. */
  readonly maySignCertificates: boolean;
  /** Whether the extended key usage, if there is any, includes serverAuth or any. */
  readonly isForServers: boolean;
  readonly subjectKeyId: Uint8Array | undefined;
  readonly authorityKeyId: Uint8Array | undefined;
  /** DER of the names that the certificate is also for; `undefined` when it has no such extension. */
  readonly alternativeNames: Uint8Array | undefined;
  readonly hasNameConstraints: boolean;
  readonly requiresExplicitPolicy: boolean;
  /** A critical extension that neither Go nor we understand; `undefined` when there is none. */
  readonly unhandledCritical: string | undefined;
}

/** Tags of the names that Go understands: e-mail, DNS, URI, IP address. */
const knownNameTags: ReadonlySet<number> = new Set([0x81, 0x82, 0x86, 0x87]);

/** Extensions that have to be well formed, although no rule asks what they say. */
const uninterpreted: ReadonlyMap<string, new () => unknown> = new Map<string, new () => unknown>([
  [id_ce_cRLDistributionPoints, CRLDistributionPoints],
  [id_ce_policyMappings, PolicyMappings],
  [id_ce_inhibitAnyPolicy, InhibitAnyPolicy],
]);

/** Extensions that a certificate must not call critical. */
const neverCritical: ReadonlySet<string> = new Set([
  id_ce_authorityKeyIdentifier,
  id_ce_subjectKeyIdentifier,
  id_pe_authorityInfoAccess,
]);

/**
 * Reads a SEQUENCE of extensions.
 *
 * @throws DerError when one is malformed, or is there twice.
 */
export function readExtensions(sequence: DerReader): Extensions {
  const extensions = new Map<string, Extension>();
  while (!sequence.isEmpty) {
    const fields = readerOf(sequence.read("an extension", tags.sequence));
    const oid = objectIdentifier(fields.read("an extension", tags.objectIdentifier), "an extension");
    const critical = fields.readOptional("an extension's criticality", tags.boolean);
    const value = fields.read("an extension's value", tags.octetString).contents;
    fields.end("an extension");
    if (extensions.has(oid)) throw new DerError(`expected extension ${oid} once, got it twice`);
    extensions.set(oid, { isCritical: critical !== undefined && booleanValue(critical, "an extension"), value });
  }
  return extensions;
}

/**
 * What the extensions say.
 *
 * @throws DerError when one that Go reads is malformed.
 */
export function extensionFacts(extensions: Extensions): ExtensionFacts {
  let unhandledCritical: string | undefined;
  for (const [oid, { isCritical, value }] of extensions) {
    const isHandled = checkExtension(oid, value);
    if (!isCritical) continue;
    if (neverCritical.has(oid)) throw new DerError(`expected extension ${oid} not to be critical, got it so`);
    if (!isHandled) unhandledCritical ??= oid;
  }
  const valueAt = (oid: string) => extensions.get(oid)?.value;
  const constraints = parsed(valueAt(id_ce_basicConstraints), BasicConstraints, "basic constraints");
  if ((constraints?.pathLenConstraint ?? 0) < 0)
    throw new DerError("expected a path length of 0 or more, got a negative one");
  return {
    isCa: constraints?.cA,
    maxPathLength: constraints?.pathLenConstraint,
    maySignCertificates: maySignCertificates(valueAt(id_ce_keyUsage)),
    isForServers: isForServers(parsed(valueAt(id_ce_extKeyUsage), ExtendedKeyUsage, "extended key usage")),
    subjectKeyId: keyIdentifier(valueAt(id_ce_subjectKeyIdentifier)),
    authorityKeyId: authorityKeyIdentifier(valueAt(id_ce_authorityKeyIdentifier)),
    alternativeNames: valueAt(id_ce_subjectAltName),
    hasNameConstraints: extensions.has(id_ce_nameConstraints),
    requiresExplicitPolicy:
      parsed(valueAt(id_ce_policyConstraints), PolicyConstraints, "policy constraints")?.requireExplicitPolicy !==
      undefined,
    unhandledCritical,
  };
}

/** The key identifier in an authorityKeyIdentifier extension; `undefined` when there is none in it. */
export function authorityKeyIdentifier(value: Uint8Array | undefined): Uint8Array | undefined {
  const identifier = parsed(value, AuthorityKeyIdentifier, "an authority key identifier")?.keyIdentifier;
  return identifier && new Uint8Array(identifier.buffer);
}

/** Whether the extension is well formed and understood. */
function checkExtension(oid: string, value: Uint8Array): boolean {
  const schema = uninterpreted.get(oid);
  if (schema !== undefined) {
    parseDer(value, schema, `extension ${oid}`);
    return true;
  }
  switch (oid) {
    case id_ce_keyUsage:
    case id_ce_basicConstraints:
    case id_ce_extKeyUsage:
    case id_ce_authorityKeyIdentifier:
    case id_ce_subjectKeyIdentifier:
    case id_ce_policyConstraints:
      return true;
    case id_pe_authorityInfoAccess:
      parseDer(value, AuthorityInfoAccessSyntax, "authority information access");
      return true;
    case id_ce_subjectAltName:
      return hasKnownName(value);
    case id_ce_nameConstraints:
      return hasOnlyKnownConstraints(value);
    case id_ce_certificatePolicies:
      requireDistinctPolicies(value);
      return true;
    default:
      return false;
  }
}

function parsed<T>(value: Uint8Array | undefined, schema: new () => T, what: string): T | undefined {
  return value && parseDer(value, schema, what);
}

function keyIdentifier(value: Uint8Array | undefined): Uint8Array | undefined {
  return value && onlyElement(value, "a subject key identifier", tags.octetString).contents;
}

/** Bits from the left: 5 is keyCertSign. No bit at all counts as no key usage, as in Go. */
function maySignCertificates(value: Uint8Array | undefined): boolean {
  if (value === undefined) return true;
  requireDer(value, "a key usage");
  const [, first = 0, second = 0] = onlyElement(value, "a key usage", tags.bitString).contents;
  const hasAnyBit = first !== 0 || (second & 0x80) !== 0;
  return !hasAnyBit || (first & 0x04) !== 0;
}

/** Go verifies for servers unless told otherwise, and Fabric does not tell it otherwise. */
function isForServers(usages: ExtendedKeyUsage | undefined): boolean {
  if (usages === undefined || usages.length === 0) return true;
  return usages.includes(id_kp_serverAuth) || usages.includes(anyExtendedKeyUsage);
}

function hasKnownName(value: Uint8Array): boolean {
  const names = readerOf(onlyElement(value, "alternative names", tags.sequence));
  let isKnown = false;
  while (!names.isEmpty) {
    const { tag, contents } = names.read("an alternative name");
    if (tag === 0x87 && contents.length !== 4 && contents.length !== 16) {
      throw new DerError(`expected an IP address of 4 or 16 bytes, got ${contents.length}`);
    }
    if (knownNameTags.has(tag) && tag !== 0x87 && contents.some((octet) => octet > 0x7f)) {
      throw new DerError("expected an alternative name in ASCII, got other characters");
    }
    isKnown ||= knownNameTags.has(tag);
  }
  return isKnown;
}

function hasOnlyKnownConstraints(value: Uint8Array): boolean {
  const { permittedSubtrees, excludedSubtrees } = parseDer(value, NameConstraints, "name constraints");
  const subtrees = [...(permittedSubtrees ?? []), ...(excludedSubtrees ?? [])];
  if (subtrees.length === 0) throw new DerError("expected name constraints, got none");
  return subtrees.every(
    ({ base }) =>
      base.dNSName !== undefined ||
      base.rfc822Name !== undefined ||
      base.uniformResourceIdentifier !== undefined ||
      base.iPAddress !== undefined,
  );
}

function requireDistinctPolicies(value: Uint8Array): void {
  const policies = parseDer(value, CertificatePolicies, "certificate policies").map((one) => one.policyIdentifier);
  if (new Set(policies).size !== policies.length) throw new DerError("expected distinct policies, got one twice");
}
