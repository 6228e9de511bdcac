export {
  type ConformanceCase,
  type MessageCryptoServiceSubject,
  messageCryptoServiceCases,
  type Party,
  type SecurityAdvisorSubject,
  securityAdvisorCases,
} from "./cases.js";
export {
  createFakeCrypto,
  type FakeBlockOptions,
  type FakeCrypto,
  type FakeCryptoOptions,
  FakeTrust,
  fakeIdentity,
  makeFakeBlock,
} from "./fake-crypto.js";
export {
  createTestCrypto,
  createTestOrganization,
  type TestMember,
  type TestMemberOptions,
  type TestOrganization,
  testChannelConfig,
} from "./organizations.js";
