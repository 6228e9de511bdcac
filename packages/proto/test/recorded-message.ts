import type {
  BlockPayload,
  Envelope,
  GossipMessage,
  PeerTime,
  PkiId,
  PrivatePayload,
  Properties,
  PullMessage,
  PullType,
  Tag,
} from "@gossip/proto";
import { unreachable } from "@gossip/runtime";

/**
 * A message in the form of the recorder: bytes in base64, 64-bit integers as decimal strings, every default `undefined`.
 * Equality with the recording then says that nothing was lost, changed or added in decoding.
 */
export function recordedForm(message: GossipMessage): Readonly<Record<string, unknown>> {
  return {
    nonce: decimal(message.nonce),
    channel: base64(Buffer.from(message.channel, "utf8")),
    tag: tags[message.tag],
    ...content(message),
  };
}

const tags: Readonly<Record<Tag, string | undefined>> = {
  undefined: undefined,
  empty: "EMPTY",
  "org-only": "ORG_ONLY",
  "chan-only": "CHAN_ONLY",
  "chan-and-org": "CHAN_AND_ORG",
  "chan-or-org": "CHAN_OR_ORG",
  unknown: "?",
};

const pullTypes: Readonly<Record<PullType, string | undefined>> = {
  undefined: undefined,
  block: "BLOCK_MSG",
  identity: "IDENTITY_MSG",
  shared: "?",
  unknown: "?",
};

function content(message: GossipMessage): Readonly<Record<string, unknown>> {
  switch (message.type) {
    case "alive": {
      const { endpoint, metadata, pkiId } = message.member;
      const membership = { endpoint: text(endpoint), metadata: base64(metadata), pkiId: id(pkiId) };
      return { aliveMsg: { membership, timestamp: time(message.time), identity: base64(message.identity) } };
    }
    case "membership-request":
      return { memReq: { selfInformation: envelope(message.self), known: list(message.known, base64) } };
    case "membership-response":
      return { memRes: { alive: list(message.alive, envelope), dead: list(message.dead, envelope) } };
    case "data":
      return { dataMsg: { payload: payload(message.payload) } };
    case "hello":
      return { hello: { ...pull(message), metadata: base64(message.metadata) } };
    case "digest":
      return { dataDig: { ...pull(message), digests: list(message.digests, base64) } };
    case "request":
      return { dataReq: { ...pull(message), digests: list(message.digests, base64) } };
    case "update":
      return { dataUpdate: { ...pull(message), data: list(message.data, envelope) } };
    case "empty":
      return { empty: {} };
    case "conn": {
      const { pkiId, identity, tlsCertHash, probe } = message;
      return {
        conn: {
          pkiId: id(pkiId),
          identity: base64(identity),
          tlsCertHash: base64(tlsCertHash),
          probe: probe || undefined,
        },
      };
    }
    case "state-info":
      return {
        stateInfo: {
          timestamp: time(message.time),
          pkiId: id(message.pkiId),
          channel_MAC: base64(message.channelMac),
          properties: properties(message.properties),
        },
      };
    case "state-info-snapshot":
      return { stateSnapshot: { elements: list(message.elements, envelope) } };
    case "state-info-pull-request":
      return { stateInfoPullReq: { channel_MAC: base64(message.channelMac) } };
    case "state-request":
      return { stateRequest: { startSeqNum: decimal(message.start), endSeqNum: decimal(message.end) } };
    case "state-response":
      return { stateResponse: { payloads: list(message.payloads, payload) } };
    case "leadership":
      return {
        leadershipMsg: {
          pkiId: id(message.pkiId),
          timestamp: time(message.time),
          isDeclaration: message.isDeclaration || undefined,
        },
      };
    case "private-data":
      return { privateData: { payload: privatePayload(message.payload) } };
    case "peer-identity":
    case "ack":
    case "private-data-request":
    case "private-data-response":
    case "shared-entry":
    case "application":
      throw new Error(`expected a type that the conversations hold at the top level, got ${message.type}`);
    default:
      return unreachable(message);
  }
}

function decimal(value: bigint): string | undefined {
  return value === 0n ? undefined : value.toString();
}

function base64(bytes: Uint8Array): string | undefined {
  return bytes.length === 0 ? undefined : Buffer.from(bytes).toString("base64");
}

function id(pkiId: PkiId): string | undefined {
  return base64(Buffer.from(pkiId, "hex"));
}

function text(value: string): string | undefined {
  return value === "" ? undefined : value;
}

function list<T, R>(items: readonly T[], convert: (item: T) => R): R[] | undefined {
  return items.length === 0 ? undefined : items.map((item) => convert(item));
}

function time({ incarnation, sequence }: PeerTime) {
  return { incNum: decimal(incarnation), seqNum: decimal(sequence) };
}

function envelope({ payload, signature, secret }: Envelope) {
  const secretEnvelope =
    secret === undefined ? undefined : { payload: base64(secret.payload), signature: base64(secret.signature) };
  return { payload: base64(payload), signature: base64(signature), secretEnvelope };
}

function payload({ blockNumber, data, privateData }: BlockPayload) {
  return { seqNum: decimal(blockNumber), data: base64(data), privateData: list(privateData, base64) };
}

function pull({ pullNonce, pullType }: PullMessage) {
  return { nonce: decimal(pullNonce), msgType: pullTypes[pullType] };
}

function properties({ ledgerHeight, leftChannel, chaincodes }: Properties) {
  return {
    ledgerHeight: decimal(ledgerHeight),
    leftChannel: leftChannel || undefined,
    chaincodes: list(chaincodes, ({ name, version, metadata }) => ({
      name: text(name),
      version: text(version),
      metadata: base64(metadata),
    })),
  };
}

function privatePayload(wire: PrivatePayload) {
  return {
    collectionName: text(wire.collection),
    namespace: text(wire.namespace),
    txId: text(wire.txId),
    privateRwset: base64(wire.rwset),
    privateSimHeight: decimal(wire.simulationHeight),
    collectionConfigs: base64(wire.collectionConfigs),
  };
}
