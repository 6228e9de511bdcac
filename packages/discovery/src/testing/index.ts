export { type AliveOptions, aliveOf, nameOf, pkiIdOf, verifiedAlive, withoutSecret } from "./alive-messages.js";
export {
  DiscoveryNetwork,
  type DiscoveryNetworkOptions,
  externalOf,
  internalOf,
  type StartOptions,
  type Traffic,
} from "./discovery-network.js";
