import type { Decoded } from "./decoded.js";
import { envelopeFrom } from "./envelope.js";
import { gossip } from "./generated/gossip.js";
import type {
  BlockPayload,
  GossipMessage,
  MessageHeader,
  PeerTime,
  PrivateDataDigest,
  Properties,
} from "./messages.js";
import { maxPkiIdBytes, pkiIdFromBytes } from "./pki-id.js";
import { decoded, fromLong, type MessageCodec, missing, parseAs, plain, refused } from "./wire.js";
import { pullTypeFrom } from "./wire-enums.js";

/** Turns the bytes of a content, and what stood around it, into a message. */
export type ReadContent = (bytes: Uint8Array, header: MessageHeader) => Decoded<GossipMessage>;

/** How to read each content of a GossipMessage, by field number and wire type (page 01 §2.2). */
export const contents: ReadonlyMap<number, ReadContent> = new Map([
  content(5, gossip.AliveMessage, ({ membership, timestamp, identity }, header) => {
    if (membership === null) return missing("alive_msg.membership");
    if (timestamp === null) return missing("alive_msg.timestamp");
    const { endpoint, metadata, pkiId } = membership;
    if (pkiId.length > maxPkiIdBytes) return longPkiId("alive_msg.membership", pkiId);
    const member = { endpoint, metadata: plain(metadata), pkiId: pkiIdFromBytes(pkiId) };
    return decoded({ type: "alive", ...header, member, time: timeFrom(timestamp), identity: plain(identity) });
  }),
  content(6, gossip.MembershipRequest, ({ selfInformation, known }, header) => {
    if (selfInformation === null) return missing("mem_req.self_information");
    const self = envelopeFrom(selfInformation);
    return decoded({ type: "membership-request", ...header, self, known: known.map(plain) });
  }),
  content(7, gossip.MembershipResponse, ({ alive, dead }, header) =>
    decoded({
      type: "membership-response",
      ...header,
      alive: alive.map(envelopeFrom),
      dead: dead.map(envelopeFrom),
    }),
  ),
  content(8, gossip.DataMessage, ({ payload }, header) => {
    if (payload === null) return missing("data_msg.payload");
    return decoded({ type: "data", ...header, payload: payloadFrom(payload) });
  }),
  content(9, gossip.GossipHello, ({ nonce, metadata, msgType }, header) =>
    decoded({
      type: "hello",
      ...header,
      pullNonce: fromLong(nonce),
      metadata: plain(metadata),
      pullType: pullTypeFrom(msgType),
    }),
  ),
  content(10, gossip.DataDigest, (digest, header) => decoded({ type: "digest", ...header, ...digestsFrom(digest) })),
  content(11, gossip.DataRequest, (request, header) =>
    decoded({ type: "request", ...header, ...digestsFrom(request) }),
  ),
  content(12, gossip.DataUpdate, ({ nonce, data, msgType }, header) =>
    decoded({
      type: "update",
      ...header,
      pullNonce: fromLong(nonce),
      data: data.map(envelopeFrom),
      pullType: pullTypeFrom(msgType),
    }),
  ),
  content(13, gossip.Empty, (_, header) => decoded({ type: "empty", ...header })),
  content(14, gossip.ConnEstablish, ({ pkiId, identity, tlsCertHash, probe, features }, header) => {
    if (pkiId.length === 0) return missing("conn.pki_id");
    if (identity.length === 0) return missing("conn.identity");
    if (pkiId.length > maxPkiIdBytes) return longPkiId("conn", pkiId);
    return decoded({
      type: "conn",
      ...header,
      pkiId: pkiIdFromBytes(pkiId),
      identity: plain(identity),
      tlsCertHash: plain(tlsCertHash),
      probe,
      features: plain(features),
    });
  }),
  content(15, gossip.StateInfo, ({ timestamp, pkiId, channel_MAC: mac, properties }, header) => {
    if (timestamp === null) return missing("state_info.timestamp");
    if (properties === null) return missing("state_info.properties");
    if (pkiId.length > maxPkiIdBytes) return longPkiId("state_info", pkiId);
    return decoded({
      type: "state-info",
      ...header,
      time: timeFrom(timestamp),
      pkiId: pkiIdFromBytes(pkiId),
      channelMac: plain(mac),
      properties: propertiesFrom(properties),
    });
  }),
  content(16, gossip.StateInfoSnapshot, ({ elements }, header) =>
    decoded({ type: "state-info-snapshot", ...header, elements: elements.map(envelopeFrom) }),
  ),
  content(17, gossip.StateInfoPullRequest, ({ channel_MAC: mac }, header) =>
    decoded({ type: "state-info-pull-request", ...header, channelMac: plain(mac) }),
  ),
  content(18, gossip.RemoteStateRequest, ({ startSeqNum, endSeqNum }, header) =>
    decoded({ type: "state-request", ...header, start: fromLong(startSeqNum), end: fromLong(endSeqNum) }),
  ),
  content(19, gossip.RemoteStateResponse, ({ payloads }, header) =>
    decoded({ type: "state-response", ...header, payloads: payloads.map(payloadFrom) }),
  ),
  content(20, gossip.LeadershipMessage, ({ pkiId, timestamp, isDeclaration }, header) => {
    if (timestamp === null) return missing("leadership_msg.timestamp");
    if (pkiId.length > maxPkiIdBytes) return longPkiId("leadership_msg", pkiId);
    return decoded({
      type: "leadership",
      ...header,
      pkiId: pkiIdFromBytes(pkiId),
      time: timeFrom(timestamp),
      isDeclaration,
    });
  }),
  content(21, gossip.PeerIdentity, ({ pkiId, cert, metadata }, header) => {
    if (pkiId.length > maxPkiIdBytes) return longPkiId("peer_identity", pkiId);
    return decoded({
      type: "peer-identity",
      ...header,
      pkiId: pkiIdFromBytes(pkiId),
      identity: plain(cert),
      metadata: plain(metadata),
    });
  }),
  content(22, gossip.Acknowledgement, ({ error }, header) => decoded({ type: "ack", ...header, error })),
  content(23, gossip.RemotePvtDataRequest, ({ digests }, header) =>
    decoded({ type: "private-data-request", ...header, digests: digests.map(privateDigestFrom) }),
  ),
  content(24, gossip.RemotePvtDataResponse, ({ elements }, header) => {
    const read = [];
    for (const { digest, payload } of elements) {
      if (digest === null) return missing("privateRes.elements.digest");
      read.push({ digest: privateDigestFrom(digest), payload: payload.map(plain) });
    }
    return decoded({ type: "private-data-response", ...header, elements: read });
  }),
  content(25, gossip.PrivateDataMessage, ({ payload }, header) => {
    if (payload === null) return missing("private_data.payload");
    if (payload.privateRwset.length === 0) return missing("private_data.payload.private_rwset");
    const { collectionName, namespace, txId, privateRwset, privateSimHeight, collectionConfigs } = payload;
    return decoded({
      type: "private-data",
      ...header,
      payload: {
        collection: collectionName,
        namespace,
        txId,
        rwset: plain(privateRwset),
        simulationHeight: fromLong(privateSimHeight),
        collectionConfigs: plain(collectionConfigs),
      },
    });
  }),
  content(1000, gossip.SharedEntry, ({ pkiId, identity, key, value, deleted, counter }, header) => {
    if (pkiId.length === 0) return missing("shared_entry.pki_id");
    if (pkiId.length > maxPkiIdBytes) return longPkiId("shared_entry", pkiId);
    return decoded({
      type: "shared-entry",
      ...header,
      pkiId: pkiIdFromBytes(pkiId),
      identity: plain(identity),
      key,
      value: plain(value),
      isDeleted: deleted,
      counter: fromLong(counter),
    });
  }),
  content(1001, gossip.ApplicationMessage, ({ pkiId, timestamp, topic, data }, header) => {
    if (pkiId.length > maxPkiIdBytes) return longPkiId("application", pkiId);
    if (pkiId.length > 0 && timestamp === null) return missing("application.timestamp");
    const time = timestamp === null ? { incarnation: 0n, sequence: 0n } : timeFrom(timestamp);
    return decoded({ type: "application", ...header, pkiId: pkiIdFromBytes(pkiId), time, topic, data: plain(data) });
  }),
]);

function content<T>(
  number: number,
  codec: MessageCodec<T>,
  convert: (wire: T, header: MessageHeader) => Decoded<GossipMessage>,
): readonly [number, ReadContent] {
  const lengthDelimited = 2;
  const read: ReadContent = (bytes, header) => parseAs(codec, bytes, (wire) => convert(wire, header));
  return [(number << 3) | lengthDelimited, read];
}

function longPkiId(message: string, pkiId: Uint8Array): Decoded<never> {
  return refused(
    "invalid-field",
    `expected ${message}.pki_id to have at most ${maxPkiIdBytes} bytes, got ${pkiId.length}`,
  );
}

function timeFrom({ incNum, seqNum }: gossip.PeerTime): PeerTime {
  return { incarnation: fromLong(incNum), sequence: fromLong(seqNum) };
}

function payloadFrom({ seqNum, data, privateData }: gossip.Payload): BlockPayload {
  return { blockNumber: fromLong(seqNum), data: plain(data), privateData: privateData.map(plain) };
}

function digestsFrom({ nonce, digests, msgType }: gossip.DataDigest) {
  return { pullNonce: fromLong(nonce), digests: digests.map(plain), pullType: pullTypeFrom(msgType) };
}

function propertiesFrom({ ledgerHeight, leftChannel, chaincodes }: gossip.Properties): Properties {
  return {
    ledgerHeight: fromLong(ledgerHeight),
    leftChannel,
    chaincodes: chaincodes.map(({ name, version, metadata }) => ({ name, version, metadata: plain(metadata) })),
  };
}

function privateDigestFrom({
  txId,
  namespace,
  collection,
  blockSeq,
  seqInBlock,
}: gossip.PvtDataDigest): PrivateDataDigest {
  return { txId, namespace, collection, blockNumber: fromLong(blockSeq), seqInBlock: fromLong(seqInBlock) };
}
