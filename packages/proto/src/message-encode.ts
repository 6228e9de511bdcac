import { GossipError, unreachable } from "@gossip/runtime";
import { envelopeSize, envelopeToWire } from "./envelope.js";
import type { gossip } from "./generated/gossip.js";
import type {
  BlockPayload,
  Envelope,
  GossipMessage,
  PeerTime,
  PrivateDataDigest,
  PrivatePayload,
  Properties,
  PullType,
} from "./messages.js";
import { maxPkiIdBytes, type PkiId, pkiIdToBytes } from "./pki-id.js";
import { checkedText, type Init, toLong, utf8Bytes } from "./wire.js";
import { pullTypeNumber, tagNumber } from "./wire-enums.js";

type Fields = Init<gossip.GossipMessage>;

/** The message as the generated code takes it. */
export function messageToWire(message: GossipMessage): Fields {
  return {
    nonce: toLong(message.nonce, "nonce"),
    channel: utf8Bytes(message.channel, "channel"),
    tag: tagNumber(message.tag),
    ...contentToWire(message),
  };
}

/** An upper bound of what the large parts of a message take on the wire; small ones fit the slack. */
export function messageSize(message: GossipMessage): number {
  switch (message.type) {
    case "data":
      return slack + payloadSize(message.payload);
    case "state-response":
      return message.payloads.reduce((sum, payload) => sum + payloadSize(payload), slack);
    case "update":
      return envelopesSize(message.data);
    case "state-info-snapshot":
      return envelopesSize(message.elements);
    case "membership-response":
      return envelopesSize(message.alive) + envelopesSize(message.dead);
    case "membership-request":
      return slack + envelopeSize(message.self);
    case "private-data":
      return slack + message.payload.rwset.length + message.payload.collectionConfigs.length;
    case "shared-entry":
      return slack + message.value.length + message.identity.length;
    case "application":
      return slack + message.data.length;
    default:
      return slack;
  }
}

const slack = 512;

function envelopesSize(envelopes: readonly Envelope[]): number {
  return envelopes.reduce((sum, envelope) => sum + envelopeSize(envelope), slack);
}

function payloadSize({ data, privateData }: BlockPayload): number {
  return privateData.reduce((sum, bytes) => sum + bytes.length + 6, data.length + 32);
}

function contentToWire(message: GossipMessage): Fields {
  switch (message.type) {
    case "alive": {
      const { endpoint, metadata, pkiId } = message.member;
      const membership = { endpoint: checkedText(endpoint, "member.endpoint"), metadata, pkiId: idToWire(pkiId) };
      return { aliveMsg: { membership, timestamp: timeToWire(message.time), identity: message.identity } };
    }
    case "membership-request":
      return { memReq: { selfInformation: envelopeToWire(message.self), known: message.known } };
    case "membership-response":
      return { memRes: { alive: message.alive.map(envelopeToWire), dead: message.dead.map(envelopeToWire) } };
    case "data":
      return { dataMsg: { payload: payloadToWire(message.payload) } };
    case "hello":
      return { hello: { ...pullToWire(message), metadata: message.metadata } };
    case "digest":
      return { dataDig: { ...pullToWire(message), digests: message.digests } };
    case "request":
      return { dataReq: { ...pullToWire(message), digests: message.digests } };
    case "update":
      return { dataUpdate: { ...pullToWire(message), data: message.data.map(envelopeToWire) } };
    case "empty":
      return { empty: {} };
    case "conn": {
      const { pkiId, identity, tlsCertHash, probe, features } = message;
      return { conn: { pkiId: idToWire(pkiId), identity, tlsCertHash, probe, features } };
    }
    case "state-info":
      return {
        stateInfo: {
          timestamp: timeToWire(message.time),
          pkiId: idToWire(message.pkiId),
          channel_MAC: message.channelMac,
          properties: propertiesToWire(message.properties),
        },
      };
    case "state-info-snapshot":
      return { stateSnapshot: { elements: message.elements.map(envelopeToWire) } };
    case "state-info-pull-request":
      return { stateInfoPullReq: { channel_MAC: message.channelMac } };
    case "state-request":
      return { stateRequest: { startSeqNum: toLong(message.start, "start"), endSeqNum: toLong(message.end, "end") } };
    case "state-response":
      return { stateResponse: { payloads: message.payloads.map(payloadToWire) } };
    case "leadership": {
      const { pkiId, time, isDeclaration } = message;
      return { leadershipMsg: { pkiId: idToWire(pkiId), timestamp: timeToWire(time), isDeclaration } };
    }
    case "peer-identity":
      return {
        peerIdentity: { pkiId: idToWire(message.pkiId), cert: message.identity, metadata: message.metadata },
      };
    case "ack":
      return { ack: { error: checkedText(message.error, "error") } };
    case "private-data-request":
      return { privateReq: { digests: message.digests.map(privateDigestToWire) } };
    case "private-data-response":
      return {
        privateRes: {
          elements: message.elements.map(({ digest, payload }) => ({ digest: privateDigestToWire(digest), payload })),
        },
      };
    case "private-data":
      return { privateData: { payload: privatePayloadToWire(message.payload) } };
    case "shared-entry": {
      const { pkiId, identity, key, value, isDeleted: deleted } = message;
      const counter = toLong(message.counter, "counter");
      return {
        sharedEntry: { pkiId: idToWire(pkiId), identity, key: checkedText(key, "key"), value, deleted, counter },
      };
    }
    case "application": {
      const { pkiId, time, topic, data } = message;
      const author = pkiId === "" ? {} : { pkiId: idToWire(pkiId), timestamp: timeToWire(time) };
      return { application: { ...author, topic: checkedText(topic, "topic"), data } };
    }
    default:
      return unreachable(message);
  }
}

function idToWire(pkiId: PkiId): Uint8Array {
  const bytes = pkiIdToBytes(pkiId);
  if (bytes.length > maxPkiIdBytes || bytes.length * 2 !== pkiId.length) {
    throw new GossipError(
      "invalid-argument",
      `expected a PKI-ID as hex of at most ${maxPkiIdBytes} bytes, got ${JSON.stringify(pkiId)}`,
    );
  }
  return bytes;
}

function timeToWire({ incarnation, sequence }: PeerTime): Init<gossip.PeerTime> {
  return { incNum: toLong(incarnation, "time.incarnation"), seqNum: toLong(sequence, "time.sequence") };
}

function pullToWire(message: { readonly pullNonce: bigint; readonly pullType: PullType }) {
  return { nonce: toLong(message.pullNonce, "pullNonce"), msgType: pullTypeNumber(message.pullType) };
}

function payloadToWire({ blockNumber, data, privateData }: BlockPayload): Init<gossip.Payload> {
  return { seqNum: toLong(blockNumber, "payload.blockNumber"), data, privateData };
}

function propertiesToWire({ ledgerHeight, leftChannel, chaincodes }: Properties): Init<gossip.Properties> {
  return {
    ledgerHeight: toLong(ledgerHeight, "properties.ledgerHeight"),
    leftChannel,
    chaincodes: chaincodes.map(({ name, version, metadata }) => ({
      name: checkedText(name, "chaincode.name"),
      version: checkedText(version, "chaincode.version"),
      metadata,
    })),
  };
}

function privateDigestToWire(digest: PrivateDataDigest): Init<gossip.PvtDataDigest> {
  return {
    txId: checkedText(digest.txId, "digest.txId"),
    namespace: checkedText(digest.namespace, "digest.namespace"),
    collection: checkedText(digest.collection, "digest.collection"),
    blockSeq: toLong(digest.blockNumber, "digest.blockNumber"),
    seqInBlock: toLong(digest.seqInBlock, "digest.seqInBlock"),
  };
}

function privatePayloadToWire(payload: PrivatePayload): Init<gossip.PrivatePayload> {
  return {
    collectionName: checkedText(payload.collection, "payload.collection"),
    namespace: checkedText(payload.namespace, "payload.namespace"),
    txId: checkedText(payload.txId, "payload.txId"),
    privateRwset: payload.rwset,
    privateSimHeight: toLong(payload.simulationHeight, "payload.simulationHeight"),
    collectionConfigs: payload.collectionConfigs,
  };
}
