import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  Extension,
  id_ce_authorityKeyIdentifier,
  Name,
  RevokedCertificate,
  TBSCertList,
  Time,
  Version,
} from "@peculiar/asn1-x509";
import { encodeElement, encodeInteger, tags } from "../x509/der.js";
import { writePem } from "../x509/pem.js";
import type { TestAuthority } from "./certificates.js";
import { keyIdentifier, type SigningOptions, signAsAuthority, signatureAlgorithmOf } from "./signing.js";

/** What a revocation list says. */
export interface TestRevocationListOptions extends SigningOptions {
  readonly serials: readonly bigint[];
  /** Leaves out whose list it is. @default true */
  readonly hasAuthorityKeyId?: boolean;
  /** Signs in the issuer's place, and makes a list that counts for nothing. @default the issuer */
  readonly signer?: TestAuthority;
}

const year2020 = 1_577_836_800_000;

/** Makes a revocation list of the authority, in PEM. It has long been due for renewal, which Fabric does not mind. */
export function makeRevocationList(issuer: TestAuthority, options: TestRevocationListOptions): Uint8Array {
  const { privateKey } = options.signer ?? issuer;
  const algorithm = signatureAlgorithmOf(privateKey, options);
  const keyId = encodeElement(tags.sequence, encodeElement(0x80, keyIdentifier(issuer.privateKey)));
  const extension = new Extension({ extnID: id_ce_authorityKeyIdentifier, extnValue: new OctetString(keyId) });
  const list = new TBSCertList({
    version: Version.v2,
    signature: AsnConvert.parse(algorithm, AlgorithmIdentifier),
    issuer: AsnConvert.parse(issuer.subject, Name),
    thisUpdate: new Time(new Date(year2020)),
    nextUpdate: new Time(new Date(year2020 + 86_400_000)),
    ...(options.serials.length > 0 && { revokedCertificates: options.serials.map(revoked) }),
    ...(options.hasAuthorityKeyId !== false && { crlExtensions: [extension] }),
  });
  const tbs = new Uint8Array(AsnConvert.serialize(list));
  const bits = encodeElement(tags.bitString, Uint8Array.of(0), signAsAuthority(privateKey, tbs, options));
  return writePem("X509 CRL", encodeElement(tags.sequence, tbs, algorithm, bits));
}

function revoked(serial: bigint): RevokedCertificate {
  const contents = encodeInteger(serial).slice(2);
  return new RevokedCertificate({ userCertificate: contents.buffer, revocationDate: new Time(new Date(year2020)) });
}
