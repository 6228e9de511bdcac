export {
  collectionConfigs,
  digestOf,
  memberPolicy,
  namesOrganization,
  privateDataPeer,
  privatePayload,
} from "./builders.js";
export { createTemporaryPrivateData } from "./temporary-private-data.js";
