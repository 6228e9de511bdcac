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
