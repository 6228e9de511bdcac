import {
  type Envelope,
  type GossipMessage,
  type MessageType,
  type PkiId,
  type PullType,
  pkiIdFromBytes,
  type Tag,
} from "@gossip/proto";
import fc from "fast-check";

const bytes = fc.uint8Array({ maxLength: 40 });
const someBytes = fc.uint8Array({ minLength: 1, maxLength: 40 });
const byteLists = fc.array(bytes, { maxLength: 5 });
/** Text of any code points, those included that take several bytes or a pair of surrogates. */
const text = fc.string({ unit: "binary", maxLength: 40 });
const flag = fc.boolean();

/** Any uint64, with the values more often where a 53-bit, signed or 32-bit representation would break. */
export const uint64: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc
    .tuple(fc.constantFrom(7n, 14n, 31n, 32n, 53n, 63n, 64n), fc.constantFrom(0n, 1n, 2n))
    .map(([bits, below]) => 2n ** bits - 1n - below),
  fc.constant(0n),
);

const pkiIds: fc.Arbitrary<PkiId> = fc.uint8Array({ maxLength: 64 }).map(pkiIdFromBytes);
const somePkiIds = fc.uint8Array({ minLength: 1, maxLength: 64 }).map(pkiIdFromBytes);
const tags = fc.constantFrom<Tag>("undefined", "empty", "org-only", "chan-only", "chan-and-org", "chan-or-org");
const pullTypes = fc.constantFrom<PullType>("undefined", "block", "identity", "shared");
const times = record({ incarnation: uint64, sequence: uint64 });

const signed = { payload: bytes, signature: bytes };
export const envelopes: fc.Arbitrary<Envelope> = fc.oneof(
  record(signed),
  record({ ...signed, secret: record(signed) }),
);
const envelopeLists = fc.array(envelopes, { maxLength: 4 });

const payloads = record({ blockNumber: uint64, data: bytes, privateData: byteLists });
const privateDigests = record({
  txId: text,
  namespace: text,
  collection: text,
  blockNumber: uint64,
  seqInBlock: uint64,
});
const pull = { pullNonce: uint64, pullType: pullTypes };

/** What each kind of message has beside its header; a kind without an entry does not compile. */
const contents: { readonly [Type in MessageType]: Contents<Extract<GossipMessage, { readonly type: Type }>> } = {
  alive: { member: record({ endpoint: text, metadata: bytes, pkiId: pkiIds }), time: times, identity: bytes },
  "membership-request": { self: envelopes, known: byteLists },
  "membership-response": { alive: envelopeLists, dead: envelopeLists },
  data: { payload: payloads },
  hello: { ...pull, metadata: bytes },
  digest: { ...pull, digests: byteLists },
  request: { ...pull, digests: byteLists },
  update: { ...pull, data: envelopeLists },
  empty: {},
  conn: { pkiId: somePkiIds, identity: someBytes, tlsCertHash: bytes, probe: flag, features: bytes },
  "state-info": {
    time: times,
    pkiId: pkiIds,
    channelMac: bytes,
    properties: record({
      ledgerHeight: uint64,
      leftChannel: flag,
      chaincodes: fc.array(record({ name: text, version: text, metadata: bytes }), { maxLength: 3 }),
    }),
  },
  "state-info-snapshot": { elements: envelopeLists },
  "state-info-pull-request": { channelMac: bytes },
  "state-request": { start: uint64, end: uint64 },
  "state-response": { payloads: fc.array(payloads, { maxLength: 4 }) },
  leadership: { pkiId: pkiIds, time: times, isDeclaration: flag },
  "peer-identity": { pkiId: pkiIds, identity: bytes, metadata: bytes },
  ack: { error: text },
  "private-data-request": { digests: fc.array(privateDigests, { maxLength: 4 }) },
  "private-data-response": {
    elements: fc.array(record({ digest: privateDigests, payload: byteLists }), { maxLength: 4 }),
  },
  "private-data": {
    payload: record({
      collection: text,
      namespace: text,
      txId: text,
      rwset: someBytes,
      simulationHeight: uint64,
      collectionConfigs: bytes,
    }),
  },
  "shared-entry": {
    pkiId: somePkiIds,
    identity: bytes,
    key: text,
    value: bytes,
    isDeleted: flag,
    counter: uint64,
  },
  application: { pkiId: somePkiIds, time: times, topic: text, data: bytes },
};

type Contents<Message> = {
  readonly [Name in Exclude<keyof Message, "type" | "nonce" | "channel" | "tag">]: fc.Arbitrary<Message[Name]>;
};

export const messageTypes = Object.keys(contents) as readonly MessageType[];

/** Messages of one kind. */
export function messagesOf(type: MessageType): fc.Arbitrary<GossipMessage> {
  const fields = { type: fc.constant(type), nonce: uint64, channel: text, tag: tags, ...contents[type] };
  // The record is built from the table above, whose type ties each kind to its fields.
  return record(fields) as unknown as fc.Arbitrary<GossipMessage>;
}

/** A record with the prototype that decoded values have; fast-check alone would mix in others. */
function record<T>(fields: { [Name in keyof T]: fc.Arbitrary<T[Name]> }): fc.Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
}
