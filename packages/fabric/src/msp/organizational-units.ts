import { createHash } from "node:crypto";
import type { FabricMspConfig, FabricNodeOus, FabricOuIdentifier } from "@gossip/proto/fabric";
import type { Certificate } from "../x509/certificate.js";
import { type Authorities, type Fail, sanitizedIn } from "./authorities.js";

/** A unit, and which chain of authorities must have put a member into it, unless any may. */
export interface UnitRule {
  readonly unit: string;
  readonly certifiersIdentifier: Uint8Array | undefined;
}

/** What the units in a certificate mean to an MSP (page 13 §3.5). */
export interface UnitRules {
  /** Of these a member must be in one; empty for no such rule. */
  readonly required: readonly UnitRule[];
  /** The roles that are told apart by unit; `undefined` when they are not. */
  readonly roles: RoleUnits | undefined;
}

/** Role to the unit that stands for it. */
export type RoleUnits = ReadonlyMap<NodeRole, UnitRule>;

/** A role that an MSP tells apart by unit. */
export type NodeRole = "client" | "peer" | "admin" | "orderer";

/** Names of hashes that an MSP may identify certificates with, to those of node:crypto. */
const identityHashes: ReadonlyMap<string, string> = new Map([
  ["", "sha256"],
  ["SHA256", "sha256"],
  ["SHA384", "sha384"],
  ["SHA3_256", "sha3-256"],
  ["SHA3_384", "sha3-384"],
]);

const nodeRoles = ["client", "peer", "admin", "orderer"] as const;

/**
 * The hash that the MSP identifies certificates with, as node:crypto calls it.
 *
 * @throws GossipError `invalid-config` for one that Fabric does not know.
 */
export function identityHashOf(config: FabricMspConfig, fail: Fail): string {
  const name = config.cryptoConfig?.identityIdentifierHashFunction ?? "";
  return (
    identityHashes.get(name) ??
    fail("expected identity_identifier_hash_function SHA256, SHA384, SHA3_256 or SHA3_384", JSON.stringify(name))
  );
}

/** What identifies a chain of authorities, from the issuer to the root: the hash of their sanitised DER. */
export function certifiersIdentifier(chain: readonly Certificate[], identityHash: string): Uint8Array {
  const hash = createHash(identityHash);
  for (const certificate of chain) hash.update(certificate.raw);
  return new Uint8Array(hash.digest());
}

/**
 * Reads the rules on units from an MSP's configuration (page 13 §3.2).
 *
 * @throws GossipError `invalid-config` when a rule names a certificate that is none of the MSP's authorities.
 */
export function readUnitRules(
  config: FabricMspConfig,
  authorities: Authorities,
  identityHash: string,
  fail: Fail,
): UnitRules {
  const identify = (ou: FabricOuIdentifier): UnitRule => ({
    unit: ou.organizationalUnitIdentifier,
    certifiersIdentifier: certifiersOf(ou, authorities, identityHash, fail),
  });
  return {
    required: config.organizationalUnitIdentifiers.map(identify),
    roles: readRoleUnits(config.nodeOus, (ou) =>
      ou.certificate.length === 0
        ? { unit: ou.organizationalUnitIdentifier, certifiersIdentifier: undefined }
        : identify(ou),
    ),
  };
}

/** Certificates are read even when roles are not enabled, for a bad one makes the configuration bad all the same. */
function readRoleUnits(
  nodeOus: FabricNodeOus | undefined,
  identify: (ou: FabricOuIdentifier) => UnitRule,
): RoleUnits | undefined {
  const roles = new Map<NodeRole, UnitRule>();
  for (const role of nodeRoles) {
    const ou = nodeOus?.[role];
    if (ou !== undefined) roles.set(role, identify(ou));
  }
  return nodeOus?.enable === true && roles.size > 0 ? roles : undefined;
}

function certifiersOf(
  { certificate, organizationalUnitIdentifier }: FabricOuIdentifier,
  authorities: Authorities,
  identityHash: string,
  fail: Fail,
): Uint8Array {
  const { pool } = authorities;
  const what = `the certificate of organizational unit ${JSON.stringify(organizationalUnitIdentifier)}`;
  const sanitized = sanitizedIn(certificate, pool, what, fail);
  const known = [...pool.roots, ...pool.intermediates].find(({ fingerprint }) => fingerprint === sanitized.fingerprint);
  if (known === undefined) return fail(`expected ${what} to be an authority of the MSP`, "another certificate");
  const result = authorities.authorityChain(known);
  if (!result.ok) return fail(`expected ${what} to issue identities`, result.detail);
  return certifiersIdentifier(result.chain, identityHash);
}
