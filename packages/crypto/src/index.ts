export type { BackendName } from "./ed25519/backend.js";
export {
  type MakeBlockOptions,
  type MakeTransactionOptions,
  makeBlock,
  makeGenesisBlock,
  makeTransaction,
  readGenesisBlock,
  transactionData,
} from "./ed25519/block.js";
export { Ed25519Crypto, type Ed25519CryptoOptions, type TrustedOrganization } from "./ed25519/ed25519-crypto.js";
export { type IssueOptions, issueIdentity } from "./ed25519/identity.js";
export {
  createSigner,
  decodePrivateKey,
  decodePublicKey,
  encodePrivateKey,
  encodePublicKey,
  generateKeyPair,
  type KeyPair,
  publicKeyOf,
} from "./ed25519/keys.js";
export {
  decodeRevocationLists,
  encodeRevocationLists,
  makeRevocationList,
  type ParsedRevocationList,
  parseRevocationList,
  type RevocationListOptions,
} from "./ed25519/revocation.js";
export { Ed25519Verifier, type Ed25519VerifierOptions } from "./ed25519/verifier.js";
export { blockDataHash, blockHash, channelMac, pkiIdOfParts, sha256 } from "./hash.js";
export {
  IdentityStore,
  type IdentityStoreOptions,
  type KnownIdentity,
  type RemovalCause,
  type Removed,
} from "./identity-store.js";
export {
  accepted,
  type MessageCryptoService,
  type Rejection,
  type RejectReason,
  reject,
  type SecurityAdvisor,
  type Verdict,
} from "./ports.js";
export { type Signer, seal, sealSecret, unsigned } from "./seal.js";
// For sibling packages.
export { markVerified, type Verified } from "./verified.js";
export {
  isSignedKind,
  type SignedMessage,
  trustStream,
  type UnsignedMessage,
  type Verification,
  type Verifier,
  verifyEnvelope,
  verifyMessage,
} from "./verify.js";
