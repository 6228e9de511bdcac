import { createHash } from "node:crypto";
import { accepted, type Rejection, reject, type Verdict } from "@gossip/crypto";
import { type MspPrincipal, readSerializedIdentity } from "@gossip/proto/fabric";
import { unreachable } from "@gossip/runtime";
import type { Msp, MspIdentity, SignatureForm } from "../api.js";
import { type SignatureHashName, verifySignature } from "../signature/verify.js";
import { type Certificate, describeCertificate } from "../x509/certificate.js";
import type { Chain } from "../x509/chain.js";
import type { Authorities } from "./authorities.js";
import { certifiersIdentifier, type NodeRole, type UnitRule, type UnitRules } from "./organizational-units.js";

/** What an MSP knows that its identities are judged by. */
export interface MspRules {
  readonly msp: Msp;
  readonly authorities: Authorities;
  readonly units: UnitRules;
  /** DER fingerprints of the certificates that are administrators whatever else they are. */
  readonly admins: ReadonlySet<string>;
  /** As node:crypto calls it. */
  readonly identityHash: string;
  /** `undefined` for a family that nobody knows, with which no ECDSA signature is good. */
  readonly signatureHash: SignatureHashName | undefined;
}

/** The chain of an identity, or why the MSP has none for it. */
type IdentityChain =
  | { readonly ok: true; readonly chain: Chain; readonly certifiersIdentifier: Uint8Array }
  | Rejection;

/**
 * An identity with a certificate (page 13 §3). The certificate is the sanitised one; chain and validity are worked out
 * when first asked for, and once.
 */
export class CertificateIdentity implements MspIdentity {
  readonly mspId: string;
  readonly id: string;
  readonly notAfterMs: number;
  readonly wellFormed: Verdict;
  readonly certificate: Certificate;
  readonly #rules: MspRules;
  #chain: IdentityChain | undefined;
  #validity: Verdict | undefined;

  /** @param chain that of this very certificate, if it is known */
  constructor(rules: MspRules, certificate: Certificate, wellFormed: Verdict, chain: Chain | undefined) {
    this.mspId = rules.msp.id;
    this.id = createHash(rules.identityHash).update(certificate.raw).digest("hex");
    this.notAfterMs = certificate.notAfterMs;
    this.wellFormed = wellFormed;
    this.certificate = certificate;
    this.#rules = rules;
    if (chain !== undefined) this.#chain = this.#linked(chain);
  }

  validate(): Verdict {
    this.#validity ??= this.#judge();
    return this.#validity;
  }

  verify(signature: Uint8Array, message: Uint8Array, form?: SignatureForm): Verdict {
    return verifySignature(this.certificate.publicKey, this.#rules.signatureHash, signature, message, form);
  }

  satisfies(principal: MspPrincipal): Verdict {
    switch (principal.type) {
      case "role":
        return this.#belongsTo(principal.mspId) ?? this.#hasRole(principal.role);
      case "organization-unit":
        return this.#belongsTo(principal.mspId) ?? this.#isInUnit(principal.unit, principal.certifiersIdentifier);
      case "identity":
        return this.#is(principal.identity);
      case "anonymity":
        return principal.anonymity === "nominal" ? accepted : unsatisfied("an anonymous identity", "a certificate");
      case "combined":
        return this.#satisfiesAll(principal.principals);
      default:
        return unreachable(principal);
    }
  }

  /** Whether it is in the unit that stands for the role; says nothing about who put it there. */
  hasRoleUnit(role: NodeRole): Verdict {
    const rule = this.#rules.units.roles?.get(role);
    if (rule === undefined) return unsatisfied(`an MSP that tells the role ${role} by unit`, "one that does not");
    const chain = this.#identityChain();
    if (!chain.ok) return chain;
    return this.certificate.organizationalUnits.includes(rule.unit)
      ? accepted
      : unsatisfied(`organizational unit ${JSON.stringify(rule.unit)}`, this.#unitsText());
  }

  /** Page 13 §3.6. */
  #judge(): Verdict {
    const objection = this.#keyObjection();
    if (objection !== undefined) return reject("untrusted-identity", objection);
    const chain = this.#identityChain();
    if (!chain.ok) return chain;
    const revocation = this.#rules.authorities.revocation(chain.chain);
    if (revocation !== undefined) return reject(revocation.reason, revocation.detail);
    return this.#checkUnits(chain.certifiersIdentifier);
  }

  #keyObjection(): string | undefined {
    const { type } = this.certificate.publicKey;
    if (type === "ecdsa") return undefined;
    if (type !== "ed25519") return `expected an ECDSA or Ed25519 key, got ${type === "rsa" ? "RSA" : "another"}`;
    if (this.#rules.msp.version === "v3") return undefined;
    return "expected an ECDSA key, got Ed25519, which takes capability V3_0 of the channel";
  }

  #checkUnits(certifiers: Uint8Array): Verdict {
    const { required, roles } = this.#rules.units;
    const units = this.certificate.organizationalUnits;
    const isRequired = (rule: UnitRule) => units.includes(rule.unit) && isBy(rule, certifiers);
    if (required.length > 0 && !required.some(isRequired)) {
      return reject("untrusted-identity", `expected one of the MSP's organizational units, got ${this.#unitsText()}`);
    }
    if (roles === undefined) return accepted;
    // With one unit for two roles the last one's rule counts, as in Fabric.
    const rules = new Map([...roles.values()].map((rule) => [rule.unit, rule]));
    const roleUnits = units.filter((unit) => rules.has(unit)).slice(0, 2);
    for (const unit of roleUnits) {
      const rule = rules.get(unit);
      if (rule !== undefined && !isBy(rule, certifiers)) {
        const what = `organizational unit ${JSON.stringify(unit)}`;
        return reject("untrusted-identity", `expected ${what} to be given by the authority configured, got another`);
      }
    }
    if (roleUnits.length === 1) return accepted;
    return reject("untrusted-identity", `expected exactly one unit that stands for a role, got ${this.#unitsText()}`);
  }

  #identityChain(): IdentityChain {
    if (this.#chain !== undefined) return this.#chain;
    if (this.certificate.isCa === true) {
      this.#chain = untrusted("expected a certificate that is no CA as an identity, got one");
    } else {
      const result = this.#rules.authorities.identityChain(this.certificate);
      this.#chain = result.ok ? this.#linked(result.chain) : untrusted(result.detail);
    }
    return this.#chain;
  }

  #linked(chain: Chain): IdentityChain {
    if (this.certificate.isCa === true)
      return untrusted("expected a certificate that is no CA as an identity, got one");
    const result = this.#rules.authorities.checkIdentityChain(chain);
    if (!result.ok) return untrusted(result.detail);
    const certifiers = certifiersIdentifier(chain.slice(1), this.#rules.identityHash);
    return { ok: true, chain, certifiersIdentifier: certifiers };
  }

  #belongsTo(mspId: string): Rejection | undefined {
    return mspId === this.mspId
      ? undefined
      : unsatisfied(`an identity of ${JSON.stringify(mspId)}`, `one of ${JSON.stringify(this.mspId)}`);
  }

  #hasRole(role: NodeRole | "member"): Verdict {
    // Administrators named by certificate were judged at set-up.
    if (role === "admin" && this.#rules.admins.has(this.certificate.fingerprint)) return accepted;
    if (role === "admin" && this.#rules.units.roles === undefined) {
      return unsatisfied("one of the MSP's administrators", describeCertificate(this.certificate));
    }
    const validity = this.validate();
    if (!validity.ok || role === "member") return validity;
    return this.hasRoleUnit(role);
  }

  #isInUnit(unit: string, certifiers: Uint8Array): Verdict {
    const validity = this.validate();
    if (!validity.ok) return validity;
    const chain = this.#identityChain();
    if (!chain.ok) return chain;
    const isIn = this.certificate.organizationalUnits.includes(unit);
    if (isIn && Buffer.compare(chain.certifiersIdentifier, certifiers) === 0) return accepted;
    return unsatisfied(`organizational unit ${JSON.stringify(unit)} by the authorities named`, this.#unitsText());
  }

  #is(serialized: Uint8Array): Verdict {
    const named = readSerializedIdentity(serialized);
    if (!named.ok) return unsatisfied("a principal that is an identity", named.detail);
    const objection = this.#belongsTo(named.value.mspId);
    if (objection !== undefined) return objection;
    const other = this.#rules.msp.deserialize(named.value.idBytes);
    if ("reason" in other) return other;
    if (other.id !== this.id) return unsatisfied("the identity named", describeCertificate(this.certificate));
    return other.validate();
  }

  #satisfiesAll(principals: readonly MspPrincipal[]): Verdict {
    if (principals.length === 0) return unsatisfied("principals to be combined", "none");
    for (const principal of principals) {
      const verdict = this.satisfies(principal);
      if (!verdict.ok) return verdict;
    }
    return accepted;
  }

  #unitsText(): string {
    const units = this.certificate.organizationalUnits.slice(0, 8).map((unit) => JSON.stringify(unit.slice(0, 64)));
    return units.length === 0 ? "no organizational unit" : units.join(", ");
  }
}

function isBy(rule: UnitRule, certifiers: Uint8Array): boolean {
  return rule.certifiersIdentifier === undefined || Buffer.compare(rule.certifiersIdentifier, certifiers) === 0;
}

function untrusted(detail: string): Rejection {
  return reject("untrusted-identity", detail);
}

function unsatisfied(expected: string, got: string): Rejection {
  return reject("policy-not-satisfied", `expected ${expected}, got ${got}`);
}
