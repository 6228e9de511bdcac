import type { RejectReason } from "@gossip/crypto";
import type { FabricMspConfig } from "@gossip/proto/fabric";
import type { MspVersion } from "../../src/api.js";
import {
  issueCertificate,
  makeAuthority,
  type TestAuthority,
  type TestCertificate,
  type TestCertificateOptions,
} from "../../src/testing/certificates.js";
import { makeMspConfig } from "../../src/testing/organizations.js";
import { encodeElement, tags } from "../../src/x509/der.js";

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

const mspId = "Org1MSP";
export const day = 86_400_000;
/** The start of the authorities' validity. */
export const start = Date.UTC(2_020, 0, 1);

export const serverAuth = "1.3.6.1.5.5.7.3.1";
export const clientAuth = "1.3.6.1.5.5.7.3.2";
export const anyUsage = "2.5.29.37.0";
export const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));

export const unknownCritical = { oid: "1.2.3.4.5", isCritical: true, value: bytes("0500") };
const permitsOrg1 = encodeElement(
  tags.sequence,
  encodeElement(0xa0, encodeElement(tags.sequence, encodeElement(0x82, Buffer.from("org1.example.com")))),
);
export const nameConstraints = { oid: "2.5.29.30", isCritical: true, value: permitsOrg1 };
export const explicitPolicy = { oid: "2.5.29.36", isCritical: true, value: bytes("3003800100") };

export type Options = Partial<TestCertificateOptions>;

export const authority = (options: Options = {}, issuer?: TestAuthority) =>
  makeAuthority({ subject: { commonName: "ca.org1", organization: "org1" }, ...options }, issuer);
export const peer = (issuer: TestAuthority, options: Options = {}) =>
  issueCertificate(issuer, { subject: { commonName: "peer0", organizationalUnits: ["peer"] }, ...options });
export const units = (...organizationalUnits: readonly string[]): Options => ({
  subject: { commonName: "peer0", organizationalUnits },
});
export const config = (roots: readonly TestCertificate[], changes: Partial<FabricMspConfig> = {}) =>
  makeMspConfig(mspId, roots, changes);
export const valid = (name: string, { pem }: { readonly pem: Uint8Array }): IdentityCase => ({ name, idBytes: pem });
export const invalid = (
  name: string,
  { pem }: { readonly pem: Uint8Array },
  detail: string,
  reason: RejectReason = "untrusted-identity",
): IdentityCase => ({ name, idBytes: pem, reason, detail });
export const noRoles = { nodeOus: undefined };

export function named(commonName: string): NonNullable<Options["subject"]> {
  return { commonName, organizationalUnits: ["peer"] };
}
