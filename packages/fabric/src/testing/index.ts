export {
  makeBlock,
  makeConfigTransaction,
  makeConsenter,
  makeGenesisBlock,
  makeTransaction,
  type TestBlockOptions,
  type TestBlockSigner,
  type TestTransactionOptions,
} from "./blocks.js";
export {
  generateTestKey,
  issueCertificate,
  makeAuthority,
  privateKeyPem,
  type TestAuthority,
  type TestCertificate,
  type TestCertificateOptions,
  type TestExtension,
  type TestKeyType,
  type TestSubject,
} from "./certificates.js";
export {
  anyOf,
  changeGroup,
  changePolicy,
  changeValue,
  implicitPolicy,
  makeChannelConfig,
  makeGroup,
  makeValue,
  role,
  signaturePolicy,
  type TestChannelOptions,
  type TestChannelOrganization,
  type TestGroup,
} from "./channels.js";
export {
  makeMember,
  makeMspConfig,
  makeOrganization,
  type TestMember,
  type TestOrganization,
  type TestRole,
} from "./organizations.js";
export { makeRevocationList, type TestRevocationListOptions } from "./revocation-lists.js";
export type { SigningOptions } from "./signing.js";
