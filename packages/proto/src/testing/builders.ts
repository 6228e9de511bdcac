import { encodeMessage } from "../codec.js";
import type {
  Acknowledgement,
  AliveMessage,
  ApplicationMessage,
  BlockPayload,
  ConnEstablish,
  DataDigest,
  DataMessage,
  DataRequest,
  DataUpdate,
  EmptyMessage,
  Envelope,
  GossipMessage,
  Hello,
  LeadershipMessage,
  MembershipRequest,
  MembershipResponse,
  PeerIdentity,
  PrivateDataMessage,
  PrivateDataRequest,
  PrivateDataResponse,
  SecretEnvelope,
  SharedEntry,
  StateInfo,
  StateInfoPullRequest,
  StateInfoSnapshot,
  StateRequest,
  StateResponse,
  Tag,
} from "../messages.js";
import { pkiId } from "../pki-id.js";

/**
 * One builder for each kind of message. What is not given is small and valid, with the tag and channel that page 01
 * §4.2 says are really sent; where one kind serves blocks and identities, the default is that of blocks.
 */

/** What a test may say about a message of this kind. */
export type Overrides<Message extends GossipMessage> = Partial<Omit<Message, "type">>;

const defaultChannel = "mychannel";
const defaultPkiId = pkiId("0102");
const defaultTime = { incarnation: 1_700_000_000_000_000_000n, sequence: 1n };
const none = new Uint8Array(0);

/** @example aliveMessage({ time: { incarnation: 1n, sequence: 2n } }) */
export function aliveMessage(overrides: Overrides<AliveMessage> = {}): AliveMessage {
  return {
    type: "alive",
    ...header("empty", ""),
    member: { endpoint: "p0:7051", metadata: none, pkiId: defaultPkiId },
    time: defaultTime,
    identity: none,
    ...overrides,
  };
}

/** Asks with the envelope of a default alive message, which carries a placeholder as signature. */
export function membershipRequest(overrides: Overrides<MembershipRequest> = {}): MembershipRequest {
  return {
    type: "membership-request",
    ...header("empty", ""),
    self: envelopeOf(aliveMessage(), { signature: Uint8Array.of(0xaa, 0xbb) }),
    known: [],
    ...overrides,
  };
}

/** Knows nobody, alive or dead, unless told. */
export function membershipResponse(overrides: Overrides<MembershipResponse> = {}): MembershipResponse {
  return { type: "membership-response", ...header("empty", ""), alive: [], dead: [], ...overrides };
}

/** Block 1 with three bytes that no block decoder accepts: enough where the block is not looked into. */
export function blockPayload(overrides: Partial<BlockPayload> = {}): BlockPayload {
  return { blockNumber: 1n, data: Uint8Array.of(1, 2, 3), privateData: [], ...overrides };
}

/** Pushes the default block payload on the default channel. */
export function dataMessage(overrides: Overrides<DataMessage> = {}): DataMessage {
  return { type: "data", ...header("chan-and-org"), payload: blockPayload(), ...overrides };
}

/** Starts the pull that the other three pull builders continue: all use pull nonce 7. */
export function helloMessage(overrides: Overrides<Hello> = {}): Hello {
  return { type: "hello", ...pull(overrides), pullNonce: 7n, metadata: none, pullType: "block", ...overrides };
}

/** Offers nothing unless told; answers the default hello. */
export function digestMessage(overrides: Overrides<DataDigest> = {}): DataDigest {
  return { type: "digest", ...pull(overrides), pullNonce: 7n, digests: [], pullType: "block", ...overrides };
}

/** Asks for nothing unless told; answers the default digest. */
export function requestMessage(overrides: Overrides<DataRequest> = {}): DataRequest {
  return { type: "request", ...pull(overrides), pullNonce: 7n, digests: [], pullType: "block", ...overrides };
}

/** Brings nothing unless told; answers the default request. */
export function updateMessage(overrides: Overrides<DataUpdate> = {}): DataUpdate {
  return { type: "update", ...pull(overrides), pullNonce: 7n, data: [], pullType: "block", ...overrides };
}

/** The smallest message there is, for tests that do not care about content. */
export function emptyMessage(overrides: Overrides<EmptyMessage> = {}): EmptyMessage {
  return { type: "empty", ...header("empty", ""), ...overrides };
}

/** A handshake without TLS hash, as on a connection in the clear. */
export function connMessage(overrides: Overrides<ConnEstablish> = {}): ConnEstablish {
  return {
    type: "conn",
    ...header("empty", ""),
    pkiId: defaultPkiId,
    identity: Uint8Array.of(3),
    tlsCertHash: none,
    probe: false,
    features: none,
    ...overrides,
  };
}

/** A peer with one block; its MAC is a placeholder that belongs to no channel. */
export function stateInfo(overrides: Overrides<StateInfo> = {}): StateInfo {
  return {
    type: "state-info",
    ...header("chan-or-org", ""),
    time: defaultTime,
    pkiId: defaultPkiId,
    channelMac: Uint8Array.of(0xde, 0xad),
    properties: { ledgerHeight: 1n, leftChannel: false, chaincodes: [] },
    ...overrides,
  };
}

/** Holds no state infos unless told; names its channel in the clear, unlike what it holds. */
export function stateInfoSnapshot(overrides: Overrides<StateInfoSnapshot> = {}): StateInfoSnapshot {
  return { type: "state-info-snapshot", ...header("chan-or-org"), elements: [], ...overrides };
}

/** Asks by the same placeholder MAC that the default state info has. */
export function stateInfoPullRequest(overrides: Overrides<StateInfoPullRequest> = {}): StateInfoPullRequest {
  return {
    type: "state-info-pull-request",
    ...header("chan-or-org", ""),
    channelMac: Uint8Array.of(0xde, 0xad),
    ...overrides,
  };
}

/** Asks for blocks 5 to 15, both included, with the nonce of the default state response. */
export function stateRequest(overrides: Overrides<StateRequest> = {}): StateRequest {
  return { type: "state-request", ...header("chan-or-org"), nonce: 3n, start: 5n, end: 15n, ...overrides };
}

/** Brings no blocks unless told; its nonce answers the default state request. */
export function stateResponse(overrides: Overrides<StateResponse> = {}): StateResponse {
  return { type: "state-response", ...header("chan-or-org"), nonce: 3n, payloads: [], ...overrides };
}

/** Declares leadership; give `isDeclaration: false` for a proposal. */
export function leadershipMessage(overrides: Overrides<LeadershipMessage> = {}): LeadershipMessage {
  return {
    type: "leadership",
    ...header("chan-and-org"),
    pkiId: defaultPkiId,
    time: defaultTime,
    isDeclaration: true,
    ...overrides,
  };
}

/** As it stands in an update: with tag `empty`, though alone it would need `org-only` (page 01 §4.2). */
export function peerIdentity(overrides: Overrides<PeerIdentity> = {}): PeerIdentity {
  return {
    type: "peer-identity",
    ...header("empty", ""),
    pkiId: defaultPkiId,
    identity: Uint8Array.of(3),
    metadata: none,
    ...overrides,
  };
}

/** Reports success; give `error` for a failure. */
export function acknowledgement(overrides: Overrides<Acknowledgement> = {}): Acknowledgement {
  return { type: "ack", ...header("undefined", ""), nonce: 1n, error: "", ...overrides };
}

/** Asks for nothing unless told. */
export function privateDataRequest(overrides: Overrides<PrivateDataRequest> = {}): PrivateDataRequest {
  return { type: "private-data-request", ...header("chan-only"), digests: [], ...overrides };
}

/** Brings nothing unless told. */
export function privateDataResponse(overrides: Overrides<PrivateDataResponse> = {}): PrivateDataResponse {
  return { type: "private-data-response", ...header("chan-only"), elements: [], ...overrides };
}

/** Carries one byte in place of a read-write set, for one collection of one chaincode. */
export function privateDataMessage(overrides: Overrides<PrivateDataMessage> = {}): PrivateDataMessage {
  return {
    type: "private-data",
    ...header("chan-only"),
    payload: {
      collection: "collection",
      namespace: "chaincode",
      txId: "tx",
      rwset: Uint8Array.of(1),
      simulationHeight: 1n,
      collectionConfigs: none,
    },
    ...overrides,
  };
}

/** One byte under the key "key", of an author whose identity is a placeholder. */
export function sharedEntry(overrides: Overrides<SharedEntry> = {}): SharedEntry {
  return {
    type: "shared-entry",
    ...header("chan-only"),
    pkiId: defaultPkiId,
    identity: Uint8Array.of(3),
    key: "key",
    value: Uint8Array.of(1),
    isDeleted: false,
    counter: 1n,
    ...overrides,
  };
}

/** One byte about "topic", straight from one peer to another. With an author it has the time 1/1, and is to be signed. */
export function applicationMessage(overrides: Overrides<ApplicationMessage> = {}): ApplicationMessage {
  const one = (overrides.pkiId ?? "") === "" ? 0n : 1n;
  return {
    type: "application",
    ...header("chan-only"),
    pkiId: pkiId(""),
    time: { incarnation: one, sequence: one },
    topic: "topic",
    data: Uint8Array.of(1),
    ...overrides,
  };
}

/** An envelope around a message, unsigned unless a signature is given. */
export function envelopeOf(
  message: GossipMessage,
  { signature = none, secret }: { readonly signature?: Uint8Array; readonly secret?: SecretEnvelope } = {},
): Envelope {
  const signed = { payload: encodeMessage(message), signature };
  return secret === undefined ? signed : { ...signed, secret };
}

function header(tag: Tag, channel = defaultChannel): { nonce: bigint; channel: string; tag: Tag } {
  return { nonce: 0n, channel, tag };
}

function pull({ pullType }: { readonly pullType?: Hello["pullType"] }) {
  if (pullType === "identity") return header("empty", "");
  return header(pullType === "shared" ? "chan-only" : "chan-and-org");
}
