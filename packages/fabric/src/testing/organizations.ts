import type { KeyObject } from "node:crypto";
import { encodeSerializedIdentity, type FabricMspConfig } from "@gossip/proto/fabric";
import { createSigner } from "../signature/signer.js";
import { parseCertificate } from "../x509/certificate.js";
import {
  issueCertificate,
  makeAuthority,
  type TestAuthority,
  type TestCertificate,
  type TestCertificateOptions,
} from "./certificates.js";

/** Somebody with a certificate of an organization, and the key to it. */
export interface TestMember extends TestCertificate {
  /** Serialized `msp.SerializedIdentity`. */
  readonly identity: Uint8Array;
  /** Signs as Fabric demands. */
  sign(payload: Uint8Array): Uint8Array;
}

/** An organization with its authority at hand, with roles told apart by unit as `cryptogen` makes it. */
export interface TestOrganization {
  readonly mspId: string;
  readonly root: TestAuthority;
  readonly tlsRoot: TestAuthority;
  /** What verifies its members. */
  readonly config: FabricMspConfig;
  /** A member with that role; options override what its certificate says. */
  issue(name: string, role?: TestRole, options?: Partial<TestCertificateOptions>): TestMember;
}

/** The units that stand for roles. */
export type TestRole = "client" | "peer" | "admin" | "orderer";

/**
 * An organization for tests, with new keys.
 *
 * @param options of its root's certificate
 *
 * @example
 * const org1 = makeOrganization("Org1MSP");
 * const peer0 = org1.issue("peer0.org1", "peer");
 * createMsp(org1.config).deserialize(peer0.pem);
 */
export function makeOrganization(mspId: string, options: Partial<TestCertificateOptions> = {}): TestOrganization {
  const root = makeAuthority({ subject: { commonName: `ca.${mspId}`, organization: mspId }, ...options });
  const tlsRoot = makeAuthority({ subject: { commonName: `tlsca.${mspId}`, organization: mspId } });
  return {
    mspId,
    root,
    tlsRoot,
    config: makeMspConfig(mspId, [root], { tlsRootCerts: [tlsRoot.pem] }),
    issue(name, role = "peer", more = {}) {
      const subject = { commonName: name, organization: mspId, organizationalUnits: [role] };
      return makeMember(mspId, issueCertificate(root, { subject, ...more }));
    },
  };
}

/** The configuration of an MSP with these roots, the four roles told apart by unit; `changes` go before the defaults. */
export function makeMspConfig(
  name: string,
  roots: readonly TestCertificate[],
  changes: Partial<FabricMspConfig> = {},
): FabricMspConfig {
  const unit = (organizationalUnitIdentifier: TestRole) => ({
    certificate: new Uint8Array(0),
    organizationalUnitIdentifier,
  });
  return {
    name,
    rootCerts: roots.map(({ pem }) => pem),
    intermediateCerts: [],
    admins: [],
    revocationList: [],
    organizationalUnitIdentifiers: [],
    cryptoConfig: { signatureHashFamily: "SHA2", identityIdentifierHashFunction: "SHA256" },
    tlsRootCerts: [],
    tlsIntermediateCerts: [],
    nodeOus: {
      enable: true,
      client: unit("client"),
      peer: unit("peer"),
      admin: unit("admin"),
      orderer: unit("orderer"),
    },
    ...changes,
  };
}

/** A member of an organization by a certificate, whoever issued it. */
export function makeMember(mspId: string, certificate: TestCertificate): TestMember {
  // Not before it is asked for, since there are certificates that nobody can sign with.
  let signer: TestMember["sign"] | undefined;
  return {
    ...certificate,
    identity: encodeSerializedIdentity({ mspId, idBytes: certificate.pem }),
    sign(payload) {
      signer ??= signerOf(certificate.der, certificate.privateKey);
      return signer(payload);
    },
  };
}

function signerOf(der: Uint8Array, privateKey: KeyObject): (payload: Uint8Array) => Uint8Array {
  const parsed = parseCertificate(der);
  if (!parsed.ok) throw new TypeError(`expected a certificate that can be parsed, got: ${parsed.detail}`);
  return createSigner(privateKey, parsed.certificate.publicKey);
}
