export {
  digestOf,
  type Message,
  nameOf,
  PullNetwork,
  type PullNetworkOptions,
  pkiIdOf,
  type StartOptions,
  textOf,
} from "./pull-network.js";
