export { type ElectionConfig, electionDefaults, fastElection, resolveElectionConfig } from "./config.js";
export { Election, type ElectionOptions } from "./election.js";
export type {
  Candidate,
  ElectionDropReason,
  ElectionInput,
  ElectionOutput,
  HeightChanged,
  LeadershipDropped,
  LeadershipGained,
  LeadershipLost,
  LeadershipReason,
  LeadershipReceived,
  LeadershipRecord,
  LeadershipRecorded,
  SendLeadership,
  StartElection,
  StopElection,
  ViewChanged,
  YieldLeadership,
  YieldReason,
} from "./io.js";
