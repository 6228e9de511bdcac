export { type MspFolderOptions, readMspFolder, readVerifyingMspFolder } from "./msp/folder.js";
export {
  createMsp,
  createMspManager,
  type MspOptions,
  maxIdentityPemBytes,
  maxRememberedIdentities,
} from "./msp/msp.js";
