export type {
  ApplicationOrganization,
  ChannelBundle,
  Msp,
  MspFolder,
  MspIdentity,
  MspManager,
  MspVersion,
  OrdererAddress,
  Policy,
  SignatureForm,
  SignedDatum,
} from "./api.js";
export { maxBlockBytes, maxBlockSignatures, type VerifyBlockOptions, verifyBlock } from "./block/verify-block.js";
export { createChannelBundle } from "./channel/bundle.js";
export { type ConfigBlock, lastConfigIndex, readConfigBlock } from "./channel/config-block.js";
export { FabricCrypto, type FabricCryptoOptions, type SignedPayload } from "./fabric-crypto.js";
export { type MspFolderOptions, readMspFolder, readVerifyingMspFolder } from "./msp/folder.js";
export {
  createMsp,
  createMspManager,
  type MspOptions,
  maxIdentityPemBytes,
  maxRememberedIdentities,
} from "./msp/msp.js";
