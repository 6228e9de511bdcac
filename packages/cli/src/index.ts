export { type LineOptions, LineSplitter, readLines } from "./lines.js";
export { defaultBasePort, defaultShape, type NetworkShape } from "./network/defaults.js";
export {
  type IdentityEntry,
  networkIdentities,
  type Revocation,
  renewIdentity,
  revokeIdentity,
} from "./network/identities.js";
export { digestLedger, type LedgerDigest } from "./network/ledger-digest.js";
export { type NetworkFile, type PeerEntry, type ProcessEntry, readNetworkFile } from "./network/network-file.js";
export type { WantedNetwork } from "./network/open.js";
export type { ProcessMark } from "./network/process-mark.js";
export {
  firstDifference,
  type RunNetworkOptions,
  type RunPeer,
  type RunProgress,
  type RunResult,
  runNetwork,
} from "./network/run.js";
export { type EndedProcess, type RunningNetwork, type StartNetworkOptions, startNetwork } from "./network/start.js";
export {
  type NetworkStatus,
  networkStatus,
  type OrdererStatus,
  type PeerStatus,
  type ProcessState,
} from "./network/status.js";
export { stopNetwork } from "./network/stop.js";
export { type Submission, submitLines } from "./network/submit-lines.js";
