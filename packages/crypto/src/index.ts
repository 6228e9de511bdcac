export { accepted, type MessageCryptoService, type Rejection, type RejectReason, reject, type SecurityAdvisor, type Verdict } from "./ports.js";
export { markVerified, type Verified } from "./verified.js";
export { blockDataHash, blockHash, channelMac, pkiIdOfParts, sha256 } from "./hash.js";
export { IdentityStore, type IdentityStoreOptions, type KnownIdentity, type RemovalCause, type Removed } from "./identity-store.js";
export * from "./ed25519.js"; // CONTRACT: replace by explicit named exports
