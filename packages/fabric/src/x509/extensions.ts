import {
  anyExtendedKeyUsage,
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
} from "@peculiar/asn1-x509";
import {
  booleanValue,
  type DerElement,
  DerError,
  type DerReader,
  integerValue,
  objectIdentifier,
  onlyElement,
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

/** Nobody's tree of authorities is that deep; it keeps the number exact. */
const maxPathLimit = 0x7fff_ffffn;

/** Tags of the names that Go understands: e-mail, DNS, URI, IP address. */
const knownNameTags: ReadonlySet<number> = new Set([0x81, 0x82, 0x86, 0x87]);

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
  const constraints = basicConstraints(valueAt(id_ce_basicConstraints));
  return {
    isCa: constraints?.isCa,
    maxPathLength: constraints?.maxPathLength,
    maySignCertificates: maySignCertificates(valueAt(id_ce_keyUsage)),
    isForServers: isForServers(valueAt(id_ce_extKeyUsage)),
    subjectKeyId: keyIdentifier(valueAt(id_ce_subjectKeyIdentifier)),
    authorityKeyId: authorityKeyIdentifier(valueAt(id_ce_authorityKeyIdentifier)),
    alternativeNames: valueAt(id_ce_subjectAltName),
    hasNameConstraints: extensions.has(id_ce_nameConstraints),
    requiresExplicitPolicy: requiresExplicitPolicy(valueAt(id_ce_policyConstraints)),
    unhandledCritical,
  };
}

/**
 * The key identifier in an authorityKeyIdentifier extension; `undefined` when there is none in it.
 *
 * @throws DerError when it is malformed.
 */
export function authorityKeyIdentifier(value: Uint8Array | undefined): Uint8Array | undefined {
  if (value === undefined) return undefined;
  const what = "an authority key identifier";
  const fields = readerOf(onlyElement(value, what, tags.sequence));
  const identifier = fields.readOptional(what, 0x80)?.contents;
  // The issuer's name and number may follow; nobody looks at what they say.
  while (!fields.isEmpty) fields.read(what);
  return identifier;
}

/** Whether the extension is understood. */
function checkExtension(oid: string, value: Uint8Array): boolean {
  switch (oid) {
    case id_ce_keyUsage:
    case id_ce_basicConstraints:
    case id_ce_extKeyUsage:
    case id_ce_authorityKeyIdentifier:
    case id_ce_subjectKeyIdentifier:
    case id_ce_policyConstraints:
      return true;
    case id_ce_subjectAltName:
      return hasKnownName(value);
    case id_ce_nameConstraints:
      return hasOnlyKnownConstraints(value);
    case id_ce_certificatePolicies:
      checkPolicies(value);
      return true;
    case id_ce_cRLDistributionPoints:
      for (const point of elementsOf(value, "distribution points")) checkDistributionPoint(point);
      return true;
    case id_pe_authorityInfoAccess:
      for (const access of elementsOf(value, "authority information access")) {
        const fields = readerOf(access);
        oidIn(fields, "an access method");
        fields.read("an access location");
      }
      return true;
    case id_ce_policyMappings:
      for (const mapping of elementsOf(value, "policy mappings")) {
        const fields = readerOf(mapping);
        oidIn(fields, "a policy");
        oidIn(fields, "a policy");
      }
      return true;
    case id_ce_inhibitAnyPolicy:
      integerValue(onlyElement(value, "inhibitAnyPolicy", tags.integer), "inhibitAnyPolicy");
      return true;
    default:
      return false;
  }
}

/** The SEQUENCEs in a SEQUENCE. */
function elementsOf(value: Uint8Array, what: string): readonly DerElement[] {
  const reader = readerOf(onlyElement(value, what, tags.sequence));
  const elements: DerElement[] = [];
  while (!reader.isEmpty) elements.push(reader.read(what, tags.sequence));
  return elements;
}

function oidIn(fields: DerReader, what: string): string {
  return objectIdentifier(fields.read(what, tags.objectIdentifier), what);
}

function checkDistributionPoint(point: DerElement): void {
  const name = readerOf(point).readOptional("a distribution point", 0xa0);
  const fullName = name && readerOf(name).read("a distribution point's name", 0xa0);
  const names = fullName && readerOf(fullName);
  while (names?.isEmpty === false) names.read("a distribution point's name");
}

function basicConstraints(
  value: Uint8Array | undefined,
): { readonly isCa: boolean; readonly maxPathLength: number | undefined } | undefined {
  if (value === undefined) return undefined;
  const what = "basic constraints";
  const fields = readerOf(onlyElement(value, what, tags.sequence));
  const isCa = fields.readOptional(what, tags.boolean);
  const limit = fields.readOptional(what, tags.integer);
  fields.end(what);
  const maxPathLength = limit && integerValue(limit, what);
  if (maxPathLength !== undefined && (maxPathLength < 0n || maxPathLength > maxPathLimit)) {
    throw new DerError(`expected a path length from 0 to ${maxPathLimit}, got ${maxPathLength}`);
  }
  return {
    isCa: isCa !== undefined && booleanValue(isCa, what),
    maxPathLength: maxPathLength === undefined ? undefined : Number(maxPathLength),
  };
}

function requiresExplicitPolicy(value: Uint8Array | undefined): boolean {
  if (value === undefined) return false;
  const what = "policy constraints";
  const fields = readerOf(onlyElement(value, what, tags.sequence));
  const required = fields.readOptional(what, 0x80);
  const inhibited = fields.readOptional(what, 0x81);
  for (const number of [required, inhibited]) if (number !== undefined) integerValue(number, what);
  return required !== undefined;
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
function isForServers(value: Uint8Array | undefined): boolean {
  if (value === undefined) return true;
  const reader = readerOf(onlyElement(value, "extended key usages", tags.sequence));
  const usages: string[] = [];
  while (!reader.isEmpty) usages.push(oidIn(reader, "an extended key usage"));
  return usages.length === 0 || usages.includes(id_kp_serverAuth) || usages.includes(anyExtendedKeyUsage);
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
  const what = "name constraints";
  const fields = readerOf(onlyElement(value, what, tags.sequence));
  const subtrees = [fields.readOptional(what, 0xa0), fields.readOptional(what, 0xa1)];
  fields.end(what);
  const names: DerElement[] = [];
  for (const subtree of subtrees) {
    const bases = subtree && readerOf(subtree);
    while (bases?.isEmpty === false) names.push(readerOf(bases.read(what, tags.sequence)).read(what));
  }
  if (names.length === 0) throw new DerError("expected name constraints, got none");
  return names.every(({ tag }) => knownNameTags.has(tag));
}

/** Which there are does not matter, but that each is there once. */
function checkPolicies(value: Uint8Array): void {
  const policies = elementsOf(value, "certificate policies").map((policy) => oidIn(readerOf(policy), "a policy"));
  if (new Set(policies).size !== policies.length) throw new DerError("expected distinct policies, got one twice");
}
