export {
  type Certificate,
  type CertificateBody,
  encodeCertificate,
  encodeCertificateBody,
  type IdentityRole,
  readCertificate,
  readCertificateBody,
} from "./certificate.js";
export {
  type ChannelConfig,
  type ChannelOrganization,
  encodeChannelConfig,
  type OrdererOrganization,
  readChannelConfig,
} from "./channel-config.js";
export {
  encodeRevocationList,
  encodeRevocationListBody,
  maxRevokedIdentities,
  type RevocationList,
  type RevocationListBody,
  readRevocationList,
  readRevocationListBody,
} from "./revocation-list.js";
