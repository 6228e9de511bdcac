import { createHash } from "node:crypto";
import { accepted, type Rejection, reject, type Verdict } from "@gossip/crypto";
import { type OrgId, orgId } from "@gossip/proto";
import { type FabricMspConfig, readSerializedIdentity } from "@gossip/proto/fabric";
import { BoundedMap, GossipError } from "@gossip/runtime";
import type { Msp, MspIdentity, MspManager, MspVersion } from "../api.js";
import { normalizeSignature } from "../signature/ecdsa.js";
import { signatureHashOf } from "../signature/verify.js";
import { type Certificate, parseCertificate } from "../x509/certificate.js";
import { type PemBlock, readPem } from "../x509/pem.js";
import { certificateIn, createAuthorities, type Fail, failingFor } from "./authorities.js";
import { CertificateIdentity, type MspRules } from "./identity.js";
import { identityHashOf, readUnitRules } from "./organizational-units.js";
import { sanitize } from "./sanitize.js";

/** Most bytes of an identity's PEM that are looked at. */
export const maxIdentityPemBytes = 65_536;

/** Identities that an MSP remembers with their keys and chains; beyond it the one that was unused longest makes room. */
export const maxRememberedIdentities = 1_000;

/** By whose rules an MSP judges. */
export interface MspOptions {
  /** @default "v3", which the local MSP always has */
  readonly version?: MspVersion;
}

/**
 * Sets up the MSP of an organization (page 13 §3.2).
 *
 * @throws GossipError `invalid-config` naming the organization and the rule when the configuration breaks one; a channel
 * whose configuration has such an MSP is as unusable as the MSP.
 *
 * @example
 * const msp = createMsp(config, { version: "v3" });
 * const identity = msp.deserialize(idBytes);
 * if (!("reason" in identity)) identity.validate();
 */
export function createMsp(config: FabricMspConfig, options: MspOptions = {}): Msp {
  return new X509Msp(config, options.version ?? "v3");
}

/**
 * The MSPs of a channel by their ids (page 13 §3.8).
 *
 * @throws GossipError `invalid-argument` when two have the same id.
 */
export function createMspManager(msps: readonly Msp[]): MspManager {
  const byId = new Map<OrgId, Msp>();
  for (const msp of msps) {
    if (byId.has(msp.id)) {
      throw new GossipError(
        "invalid-argument",
        `expected each MSP once, got two with the id ${JSON.stringify(msp.id)}`,
      );
    }
    byId.set(msp.id, msp);
  }
  return {
    msps: byId,
    deserialize(identity) {
      const serialized = readSerializedIdentity(identity);
      if (!serialized.ok) {
        return reject(
          "malformed-identity",
          `expected a serialized identity, got bytes that are not: ${serialized.detail}`,
        );
      }
      const { mspId, idBytes } = serialized.value;
      const msp = byId.get(orgId(mspId));
      if (msp !== undefined) return msp.deserialize(idBytes);
      const got = JSON.stringify(mspId.slice(0, 64));
      return reject("unknown-organization", `expected an identity of an MSP of the channel, got one of ${got}`);
    },
  };
}

class X509Msp implements Msp {
  readonly id: OrgId;
  readonly version: MspVersion;
  readonly rootCerts: readonly Uint8Array[];
  readonly tlsRoots: readonly Uint8Array[];
  readonly #rules: MspRules;
  readonly #remembered = new BoundedMap<string, CertificateIdentity>({
    maxEntries: maxRememberedIdentities,
    whenFull: "evict-oldest",
  });

  constructor(config: FabricMspConfig, version: MspVersion) {
    const fail = failingFor(config.name);
    if (config.name === "") fail("expected a name", "an empty one");
    this.id = orgId(config.name);
    this.version = version;
    this.rootCerts = config.rootCerts;
    this.tlsRoots = [...config.tlsRootCerts, ...config.tlsIntermediateCerts];
    const authorities = createAuthorities(config);
    const identityHash = identityHashOf(config, fail);
    const admins = new Set<string>();
    this.#rules = {
      msp: this,
      authorities,
      units: readUnitRules(config, authorities, identityHash, fail),
      admins,
      identityHash,
      signatureHash: signatureHashOf(config.cryptoConfig?.signatureHashFamily ?? ""),
    };
    for (const admin of this.#readAdmins(config, fail)) admins.add(admin.certificate.fingerprint);
  }

  deserialize(idBytes: Uint8Array): MspIdentity | Rejection {
    if (idBytes.length > maxIdentityPemBytes) {
      return malformed(`at most ${maxIdentityPemBytes} bytes`, `${idBytes.length}`);
    }
    const key = createHash("sha256").update(idBytes).digest("base64");
    const known = this.#remembered.get(key);
    const identity = known ?? this.#read(idBytes);
    // Setting it again makes it the youngest. Refusals are not kept: they cost their sender as much as us.
    if (!("reason" in identity)) this.#remembered.set(key, identity);
    return identity;
  }

  #read(idBytes: Uint8Array): CertificateIdentity | Rejection {
    const block = readPem(idBytes);
    if (block === undefined) return malformed("a certificate in PEM", "no PEM");
    const parsed = parseCertificate(block.der);
    if (!parsed.ok) return malformed("an X.509 certificate", parsed.detail);
    return this.#identityOf(parsed.certificate, wellFormedness(block, parsed.certificate));
  }

  #identityOf(certificate: Certificate, wellFormed: Verdict): CertificateIdentity | Rejection {
    const { publicKey } = certificate;
    if (publicKey.type === "other") {
      return reject(
        "untrusted-identity",
        `expected an ECDSA, Ed25519 or RSA key, got algorithm ${publicKey.algorithm}`,
      );
    }
    const { pool } = this.#rules.authorities;
    const sanitized = sanitize(certificate, pool);
    if (!sanitized.ok) return reject("untrusted-identity", sanitized.detail);
    const { isSelfSigned } = sanitized;
    // Fabric deserializes everybody's self-signed CA and only then finds it invalid; here nobody is asked to remember that.
    if (isSelfSigned && !pool.roots.some(({ fingerprint }) => fingerprint === sanitized.certificate.fingerprint)) {
      return reject("untrusted-identity", "expected a certificate issued by the MSP, got a CA that signed itself");
    }
    return new CertificateIdentity(this.#rules, sanitized.certificate, wellFormed, sanitized.chain);
  }

  /** Page 13 §3.2, last step. */
  #readAdmins(config: FabricMspConfig, fail: Fail): readonly CertificateIdentity[] {
    const { roles } = this.#rules.units;
    if (config.admins.length === 0 && !roles?.has("admin")) {
      fail("expected an administrator's certificate, or a unit that stands for administrators", "neither");
    }
    return config.admins.map((pem, index) => {
      const what = `administrator ${index + 1}`;
      const admin = this.#identityOf(certificateIn(pem, `the certificate of ${what}`, fail), accepted);
      if ("reason" in admin) return fail(`expected ${what} to have a chain to a root`, admin.detail);
      const verdict = roles === undefined ? admin.validate() : eitherRole(admin);
      return verdict.ok ? admin : fail(`expected ${what} to be valid`, verdict.detail);
    });
  }
}

function eitherRole(admin: CertificateIdentity): Verdict {
  return admin.hasRoleUnit("client").ok ? accepted : admin.hasRoleUnit("admin");
}

/** What a Go peer demands of the form, apart from what it is then told by it (page 13 §1.2). */
function wellFormedness(block: PemBlock, certificate: Certificate): Verdict {
  if (block.trailingBytes > 0) return malformed("no bytes after the certificate", `${block.trailingBytes}`);
  if (block.type !== "CERTIFICATE" && block.type !== "") {
    return malformed("PEM of type CERTIFICATE", JSON.stringify(block.type.slice(0, 64)));
  }
  if (certificate.signatureAlgorithm.type !== "ecdsa") return accepted;
  const canonical = normalizeSignature(certificate.signature);
  if (canonical !== undefined && Buffer.compare(canonical, certificate.signature) === 0) return accepted;
  return malformed("the authority's signature in its one DER encoding", "another encoding");
}

function malformed(expected: string, got: string): Rejection {
  return reject("malformed-identity", `expected ${expected}, got ${got}`);
}
