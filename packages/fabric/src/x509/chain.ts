import { type Certificate, describeCertificate, isIssuedBy } from "./certificate.js";

/**
 * Chains of certificates as Go's crypto/x509 builds them for an MSP (page 13 §3.3).
 *
 * The rules are not those of RFC 5280 in three points that decide who is let in: every certificate of a chain that has
 * an extended key usage must list serverAuth or any; nothing is checked against the clock, but everything at one instant
 * that the caller names; and key identifiers need not match.
 *
 * Deviation: Go evaluates name constraints and policies. Here a certificate that is for other names besides its subject
 * is refused below an authority with name constraints, and so is a chain that requires an explicit policy.
 */

/** Certificates among which a chain is looked for. */
export interface CertificatePool {
  readonly roots: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
}

/** From the certificate itself to a root. */
export type Chain = readonly [Certificate, ...Certificate[]];

/** The one chain, or why there is none. */
export type ChainResult =
  | { readonly ok: true; readonly chain: Chain }
  | { readonly ok: false; readonly detail: string };

/** Most signatures that are tried for one certificate, as in Go; ill-wired authorities could ask for any number. */
export const maxChainSignatureChecks = 100;

/** A pool without the certificates that are in it twice, which would give two equal chains. */
export function createPool(roots: readonly Certificate[], intermediates: readonly Certificate[]): CertificatePool {
  return { roots: distinct(roots), intermediates: distinct(intermediates) };
}

/** The instant at which Fabric judges the chain of a certificate: one second into its validity (page 13 §1.7). */
function chainInstantMs(certificate: Certificate): number {
  return certificate.notBeforeMs + 1_000;
}

/** The one chain from a certificate to a root of the pool, valid at its own instant. Two chains are as bad as none. */
export function uniqueChain(certificate: Certificate, pool: CertificatePool): ChainResult {
  const search = new ChainSearch(pool, chainInstantMs(certificate));
  const chains = search.chainsOf(certificate);
  const usable: Chain[] = [];
  for (const chain of chains) {
    const objection = chainObjection(chain);
    if (objection === undefined) usable.push(chain);
    else search.object(objection);
  }
  const [chain, ...others] = usable;
  if (chain === undefined) {
    const name = describeCertificate(certificate);
    return refused(`expected ${name} to be issued by an authority of the MSP, got ${search.objection}`);
  }
  if (others.length > 0) return refused(`expected one chain to a root, got ${usable.length}`);
  const objection = legacyNameObjection(chain);
  return objection === undefined ? { ok: true, chain } : refused(`expected ${objection}`);
}

class ChainSearch {
  readonly #pool: CertificatePool;
  readonly #atMs: number;
  #checks = 0;
  #objection: string | undefined;

  constructor(pool: CertificatePool, atMs: number) {
    this.#pool = pool;
    this.#atMs = atMs;
  }

  /** The first thing that was wrong with a candidate. */
  get objection(): string {
    return this.#objection ?? "none with its issuer's name";
  }

  object(objection: string): void {
    this.#objection ??= objection;
  }

  chainsOf(certificate: Certificate): readonly Chain[] {
    const objection = validityObjection(certificate, this.#atMs);
    if (objection !== undefined) {
      this.object(objection);
      return [];
    }
    if (this.#pool.roots.some((root) => root.fingerprint === certificate.fingerprint)) return [[certificate]];
    return this.#extend([certificate], certificate);
  }

  #extend(chain: Chain, last: Certificate): readonly Chain[] {
    const chains: Chain[] = [];
    for (const root of candidates(last, this.#pool.roots)) {
      if (this.#isParent(chain, last, root, true)) chains.push([...chain, root]);
    }
    for (const parent of candidates(last, this.#pool.intermediates)) {
      if (this.#isParent(chain, last, parent, false)) chains.push(...this.#extend([...chain, parent], parent));
    }
    return chains;
  }

  #isParent(chain: Chain, child: Certificate, parent: Certificate, isRoot: boolean): boolean {
    if (++this.#checks > maxChainSignatureChecks) {
      this.object(`more than ${maxChainSignatureChecks} candidates`);
      return false;
    }
    if (isInChain(parent, chain)) return false;
    if (!isIssuedBy(child, parent)) {
      this.object(`no signature by ${describeCertificate(parent)} that counts`);
      return false;
    }
    const objection = validityObjection(parent, this.#atMs) ?? authorityObjection(chain, parent, isRoot);
    if (objection !== undefined) this.object(objection);
    return objection === undefined;
  }
}

/** Those with the issuer's name, by how well their key identifier fits: it decides who is tried first, and nothing else. */
function candidates(child: Certificate, certificates: readonly Certificate[]): readonly Certificate[] {
  const rankOf = ({ subjectKeyId }: Certificate) => {
    if (equalBytes(subjectKeyId ?? noBytes, child.authorityKeyId ?? noBytes)) return 0;
    return subjectKeyId === undefined || child.authorityKeyId === undefined ? 1 : 2;
  };
  return certificates
    .filter((certificate) => equalBytes(certificate.subject, child.issuer))
    .sort((a, b) => rankOf(a) - rankOf(b));
}

function validityObjection(certificate: Certificate, atMs: number): string | undefined {
  const name = describeCertificate(certificate);
  if (certificate.unhandledCritical !== undefined) {
    return `${name} with the unknown critical extension ${certificate.unhandledCritical}`;
  }
  if (atMs >= certificate.notBeforeMs && atMs <= certificate.notAfterMs) return undefined;
  const time = (ms: number) => new Date(ms).toISOString();
  return `${name} valid from ${time(certificate.notBeforeMs)} to ${time(certificate.notAfterMs)}, not at ${time(atMs)}`;
}

function authorityObjection(chain: Chain, parent: Certificate, isRoot: boolean): string | undefined {
  const name = describeCertificate(parent);
  if (!isRoot && parent.isCa !== true) return `${name}, which is no CA`;
  const below = chain.length - 1;
  if (parent.maxPathLength === undefined || below <= parent.maxPathLength) return undefined;
  return `${name} with ${below} authorities below it, where ${parent.maxPathLength} are allowed`;
}

/** What is judged of a chain as a whole. */
function chainObjection(chain: Chain): string | undefined {
  for (const [index, certificate] of chain.entries()) {
    const name = describeCertificate(certificate);
    if (!certificate.isForServers) return `${name} with an extended key usage that lacks serverAuth`;
    // The last one is the trust anchor, whose own policies bind nobody.
    if (certificate.requiresExplicitPolicy && index < chain.length - 1) return `${name}, which requires a policy`;
    const hasConstrainedIssuer = chain.slice(index + 1).some((issuer) => issuer.hasNameConstraints);
    if (hasConstrainedIssuer && certificate.alternativeNames !== undefined) {
      return `${name} with alternative names below an authority with name constraints, which are not evaluated here`;
    }
  }
  return undefined;
}

/** What Go refused until version 1.14 and Fabric still does: a host name as common name below name constraints. */
function legacyNameObjection(chain: Chain): string | undefined {
  const [leaf, ...issuers] = chain;
  if (leaf.alternativeNames !== undefined || !isHostName(leaf.commonName)) return undefined;
  if (!issuers.some((issuer) => issuer.hasNameConstraints)) return undefined;
  return `${describeCertificate(leaf)} to have alternative names, below name constraints, got a host name only`;
}

/** Letters, digits, `-` (not first), `_` and `:` in labels; `*` may be the first; a dot may end it. */
function isHostName(name: string): boolean {
  const labels = name.replace(/\.$/, "").split(".");
  return labels.every((label, index) => (index === 0 && label === "*") || /^[A-Za-z0-9_:][A-Za-z0-9_:-]*$/.test(label));
}

/** Cross-signed authorities would otherwise go round in circles: same name, key and alternative names are the same. */
function isInChain(candidate: Certificate, chain: Chain): boolean {
  return chain.some(
    (one) =>
      equalBytes(candidate.subject, one.subject) &&
      equalBytes(candidate.spki, one.spki) &&
      equalBytes(candidate.alternativeNames ?? noBytes, one.alternativeNames ?? noBytes),
  );
}

const noBytes = new Uint8Array(0);

function distinct(certificates: readonly Certificate[]): readonly Certificate[] {
  return [...new Map(certificates.map((certificate) => [certificate.fingerprint, certificate])).values()];
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function refused(detail: string): ChainResult {
  return { ok: false, detail };
}
