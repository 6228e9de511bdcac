import type { FabricMspConfig } from "@gossip/proto/fabric";
import { GossipError } from "@gossip/runtime";
import { type Certificate, describeCertificate, parseCertificate } from "../x509/certificate.js";
import { type CertificatePool, type Chain, type ChainResult, createPool, uniqueChain } from "../x509/chain.js";
import { readPem } from "../x509/pem.js";
import { isListSignedBy, parseRevocationList, type RevocationList } from "../x509/revocation-list.js";
import { sanitize } from "./sanitize.js";

/** Most authorities of one kind in an MSP; each costs chains and signatures at set-up, and at every identity. */
export const maxAuthorities = 1_000;

/** Why a certificate is not vouched for. */
export type Objection = { readonly reason: "untrusted-identity" | "revoked-identity"; readonly detail: string };

/**
 * The authorities of an MSP (page 13 §3.2): which chains there are, and what they revoked.
 *
 * An authority that has issued another one of the MSP is an inner node, and may no longer issue identities itself.
 */
export interface Authorities {
  readonly pool: CertificatePool;
  /** The one chain of an identity's certificate, at least two long, its issuer no inner node (page 13 §3.3). */
  identityChain(certificate: Certificate): ChainResult;
  /** The same for a chain that was built already. */
  checkIdentityChain(chain: Chain): ChainResult;
  /** Chain of an authority of this MSP, from itself to a root; a root's is itself alone. */
  authorityChain(certificate: Certificate): ChainResult;
  /** Whether an authority of the chain has revoked its first certificate (page 13 §3.6). */
  revocation(chain: Chain): Objection | undefined;
}

/**
 * Sets up the authorities of an MSP.
 *
 * @throws GossipError `invalid-config` when one is not usable.
 */
export function createAuthorities(config: FabricMspConfig): Authorities {
  const fail = failingFor(config.name);
  const pool = identityPool(config, fail);
  const lists = config.revocationList.map((bytes, index) => {
    const parsed = parseRevocationList(bytes);
    return parsed.ok ? parsed.list : fail(`expected a revocation list as number ${index + 1}`, parsed.detail);
  });
  for (const authority of [...pool.roots, ...pool.intermediates]) checkAuthority(authority, pool, lists, fail);
  const innerNodes = new Set(
    pool.intermediates.flatMap((intermediate) => {
      const result = uniqueChain(intermediate, pool);
      return result.ok ? result.chain.slice(1).map((issuer) => issuer.fingerprint) : [];
    }),
  );
  checkTlsAuthorities(config, lists, fail);
  return new MspAuthorities(pool, lists, innerNodes);
}

/** How set-up fails: naming the organization, what was expected and what came. */
export type Fail = (expected: string, got: string) => never;

/** For errors of the MSP with this name. */
export function failingFor(name: string): Fail {
  return (expected, got) => {
    throw new GossipError("invalid-config", `MSP ${JSON.stringify(name)}: ${expected}, got: ${got}`);
  };
}

/** Parses the first block of PEM as a certificate, whatever its type says, as set-up does (page 13 §1.4). */
export function certificateIn(pem: Uint8Array, what: string, fail: Fail): Certificate {
  const block = readPem(pem);
  if (block === undefined) return fail(`expected PEM of ${what}`, "no PEM");
  const parsed = parseCertificate(block.der);
  return parsed.ok ? parsed.certificate : fail(`expected ${what}`, parsed.detail);
}

/** Parses a certificate of the configuration and sanitises it with the pool. */
export function sanitizedIn(pem: Uint8Array, pool: CertificatePool, what: string, fail: Fail): Certificate {
  const certificate = certificateIn(pem, what, fail);
  requireUsableKey(certificate, what, fail);
  const sanitized = sanitize(certificate, pool);
  return sanitized.ok ? sanitized.certificate : fail(`expected ${what} with a chain to a root`, sanitized.detail);
}

class MspAuthorities implements Authorities {
  readonly pool: CertificatePool;
  readonly #lists: readonly RevocationList[];
  /** Fingerprints. */
  readonly #innerNodes: ReadonlySet<string>;

  constructor(pool: CertificatePool, lists: readonly RevocationList[], innerNodes: ReadonlySet<string>) {
    this.pool = pool;
    this.#lists = lists;
    this.#innerNodes = innerNodes;
  }

  identityChain(certificate: Certificate): ChainResult {
    const result = uniqueChain(certificate, this.pool);
    return result.ok ? this.checkIdentityChain(result.chain) : result;
  }

  checkIdentityChain(chain: Chain): ChainResult {
    const issuer = chain[1];
    if (issuer === undefined) return { ok: false, detail: "expected a chain of at least 2 certificates, got 1" };
    return this.#notInner(issuer) ?? { ok: true, chain };
  }

  authorityChain(certificate: Certificate): ChainResult {
    if (this.pool.roots.some(({ fingerprint }) => fingerprint === certificate.fingerprint)) {
      return { ok: true, chain: [certificate] };
    }
    return this.#notInner(certificate) ?? uniqueChain(certificate, this.pool);
  }

  revocation(chain: Chain): Objection | undefined {
    return revocationIn(chain, this.#lists);
  }

  #notInner(issuer: Certificate): ChainResult | undefined {
    if (!this.#innerNodes.has(issuer.fingerprint)) return undefined;
    const name = describeCertificate(issuer);
    return { ok: false, detail: `expected an authority that issued no other authority of the MSP, got ${name}` };
  }
}

/** Roots and intermediates sanitised, which takes a pool of what they are before that. */
function identityPool(config: FabricMspConfig, fail: Fail): CertificatePool {
  if (config.rootCerts.length === 0) fail("expected at least one root certificate", "none");
  const given = poolOf(config.rootCerts, config.intermediateCerts, "", fail);
  const sanitized = (pems: readonly Uint8Array[], kind: string) =>
    pems.map((pem, index) => sanitizedIn(pem, given, `${kind} certificate ${index + 1}`, fail));
  return createPool(sanitized(config.rootCerts, "root"), sanitized(config.intermediateCerts, "intermediate"));
}

function poolOf(
  roots: readonly Uint8Array[],
  intermediates: readonly Uint8Array[],
  prefix: string,
  fail: Fail,
): CertificatePool {
  const parsed = (pems: readonly Uint8Array[], kind: string) => {
    if (pems.length > maxAuthorities) {
      fail(`expected at most ${maxAuthorities} ${prefix}${kind} certificates`, `${pems.length}`);
    }
    return pems.map((pem, index) => certificateIn(pem, `${prefix}${kind} certificate ${index + 1}`, fail));
  };
  return createPool(parsed(roots, "root"), parsed(intermediates, "intermediate"));
}

/** TLS authorities matter to connections, not to identities, but a bad one makes the whole MSP bad (page 13 §3.2). */
function checkTlsAuthorities(config: FabricMspConfig, lists: readonly RevocationList[], fail: Fail): void {
  const pool = poolOf(config.tlsRootCerts, config.tlsIntermediateCerts, "TLS ", fail);
  for (const authority of [...pool.roots, ...pool.intermediates]) checkAuthority(authority, pool, lists, fail);
}

function checkAuthority(
  authority: Certificate,
  pool: CertificatePool,
  lists: readonly RevocationList[],
  fail: Fail,
): void {
  const name = describeCertificate(authority);
  if (authority.isCa !== true) fail(`expected ${name} to be a CA by its basic constraints`, "none");
  if (authority.subjectKeyId === undefined) fail(`expected ${name} to have a subject key identifier`, "none");
  const result = uniqueChain(authority, pool);
  if (!result.ok) return fail(`expected one chain from ${name} to a root`, result.detail);
  const objection = result.chain.length > 1 ? revocationIn(result.chain, lists) : undefined;
  if (objection !== undefined) fail(`expected ${name} not to be revoked`, objection.detail);
}

/**
 * Whether the issuer of the chain's first certificate has revoked it. Every list must say whose it is, or nothing is
 * known of anybody; when it was issued and until when it holds does not matter.
 */
function revocationIn(chain: Chain, lists: readonly RevocationList[]): Objection | undefined {
  const [certificate, issuer] = chain;
  if (issuer?.subjectKeyId === undefined) {
    return { reason: "untrusted-identity", detail: "expected an issuer with a subject key identifier, got none" };
  }
  for (const list of lists) {
    if (list.authorityKeyId === undefined) {
      const detail = "expected every revocation list of the MSP to have an authority key identifier, got one without";
      return { reason: "untrusted-identity", detail };
    }
    const isListed =
      Buffer.compare(list.authorityKeyId, issuer.subjectKeyId) === 0 && list.serials.has(certificate.serial);
    // A list that the issuer did not sign is as none.
    if (!isListed || !isListSignedBy(list, issuer)) continue;
    const name = describeCertificate(certificate);
    return { reason: "revoked-identity", detail: `expected ${name} not to be revoked, got it on a list of its issuer` };
  }
  return undefined;
}

/** Only these can sign, or be the key of an authority that does. */
function requireUsableKey(certificate: Certificate, what: string, fail: Fail): void {
  if (certificate.publicKey.type !== "other") return;
  fail(`expected ${what} with an ECDSA, Ed25519 or RSA key`, `algorithm ${certificate.publicKey.algorithm}`);
}
