export {
  ElectionNetwork,
  type ElectionNetworkOptions,
  type Happening,
  nameOf,
  pkiIdOf,
  type StartOptions,
} from "./election-network.js";
export { StockElection, type StockElectionOptions } from "./stock-election.js";
