import { blockDigest } from "../block-digest.js";
import type { SerializedIdentity } from "../fabric/identity.js";
import type { Envelope, GossipMessage } from "../messages.js";
import { pkiId } from "../pki-id.js";
import {
  acknowledgement,
  aliveMessage,
  connMessage,
  digestMessage,
  envelopeOf,
  helloMessage,
  leadershipMessage,
  membershipRequest,
  membershipResponse,
  peerIdentity,
  requestMessage,
  stateInfo,
  stateInfoPullRequest,
  stateRequest,
  updateMessage,
} from "./builders.js";

/** A value and the bytes, as hex, that Fabric's own implementation makes of it. */
export interface Golden<T> {
  readonly name: string;
  readonly hex: string;
  readonly value: T;
}

const ab = Uint8Array.of(0xaa, 0xbb);
const inc = 1_700_000_000_000_000_000n;

const discoveryAlive = aliveMessage({
  member: { endpoint: "p0:7051", metadata: new Uint8Array(0), pkiId: pkiId("01020304") },
  time: { incarnation: inc, sequence: 3n },
});

const discoveryEnvelope: Envelope = envelopeOf(discoveryAlive, {
  signature: ab,
  secret: { payload: bytes("0a08696e303a37303531"), signature: ab },
});

const discoveryEnvelopeHex =
  "0a2318012a1f0a0f0a0770303a373035311a0401020304120c088080a8b1e39fe7cb1710031202aabb1a100a0a0a08696e303a373035311202aabb";

const identityItem = peerIdentity({ identity: Uint8Array.of(3, 4) });

/** Payloads of the protocol pages 01 §10.7, 04 §4.4 and 05 §3. */
export const goldenMessages: readonly Golden<GossipMessage>[] = [
  { name: "ack without error", hex: "0801b20100", value: acknowledgement() },
  {
    name: "ack with the largest nonce and an error",
    hex: "08ffffffffffffffffff01b201040a026e6f",
    value: acknowledgement({ nonce: 2n ** 64n - 1n, error: "no" }),
  },
  {
    name: "conn",
    hex: "1801720b0a0201021201031a020405",
    value: connMessage({ tlsCertHash: Uint8Array.of(4, 5) }),
  },
  {
    name: "conn of a probe",
    hex: "1801720d0a0201021201031a0204052001",
    value: connMessage({ tlsCertHash: Uint8Array.of(4, 5), probe: true }),
  },
  { name: "identity hello", hex: "18014a0408071802", value: helloMessage({ pullType: "identity" }) },
  {
    name: "identity hello with the largest nonce",
    hex: "18014a0d08ffffffffffffffffff011802",
    value: helloMessage({ pullType: "identity", pullNonce: 2n ** 64n - 1n }),
  },
  { name: "block hello", hex: "1202636818044a0408071801", value: helloMessage({ channel: "ch" }) },
  {
    name: "identity digest",
    hex: "1801520808071202aabb1802",
    value: digestMessage({ pullType: "identity", digests: [ab] }),
  },
  {
    name: "block digest",
    hex: "120263681804520c080712023130120231311801",
    value: digestMessage({ channel: "ch", digests: [blockDigest(10n), blockDigest(11n)] }),
  },
  {
    name: "block request",
    hex: "1202636818045a080807120231311801",
    value: requestMessage({ channel: "ch", digests: [blockDigest(11n)] }),
  },
  {
    name: "identity update",
    hex: "18016219080712130a0d1801aa01080a020102120203041202aabb1802",
    value: updateMessage({ pullType: "identity", data: [envelopeOf(identityItem, { signature: ab })] }),
  },
  {
    name: "digest without nonce, tag and pull type",
    hex: "12096d796368616e6e656c52171201ff1202ffff1203ffffff1204ffffffff1203313030",
    value: digestMessage({ ...untyped(), digests: opaqueDigests() }),
  },
  {
    name: "request without nonce, tag and pull type",
    hex: "12096d796368616e6e656c5a171201ff1202ffff1203ffffff1204ffffffff1203313030",
    value: requestMessage({ ...untyped(), digests: opaqueDigests() }),
  },
  { name: "state info pull request", hex: "18058a01040a02dead", value: stateInfoPullRequest() },
  {
    name: "alive",
    hex: "18012a1d0a0d0a0770303a373035311a020102120c088080a8b1e39fe7cb171001",
    value: aliveMessage(),
  },
  {
    name: "alive of a longer PKI-ID",
    hex: "18012a1f0a0f0a0770303a373035311a0401020304120c088080a8b1e39fe7cb171003",
    value: discoveryAlive,
  },
  {
    name: "alive with identity",
    hex: "18012a230a0f0a0770303a373035311a0401020304120c088080a8b1e39fe7cb17100322020909",
    value: { ...discoveryAlive, identity: Uint8Array.of(9, 9) },
  },
  {
    name: "alive at time zero",
    hex: "18012a130a0f0a0770303a373035311a04010203041200",
    value: { ...discoveryAlive, time: { incarnation: 0n, sequence: 0n } },
  },
  {
    name: "state info",
    hex: "18057a221214088080a8b1e39fe7cb17108180a8b1e39fe7cb171a0201022202dead2a020801",
    value: stateInfo({ time: { incarnation: inc, sequence: inc + 1n } }),
  },
  {
    name: "leadership declaration",
    hex: "120263681804a2010c0a0201021204080510011801",
    value: leadershipMessage({ channel: "ch", time: { incarnation: 5n, sequence: 1n } }),
  },
  { name: "peer identity", hex: "1801aa01070a020102120103", value: peerIdentity() },
  { name: "state request", hex: "08031202636818059201040805100f", value: stateRequest({ channel: "ch" }) },
  {
    name: "membership request",
    hex: "0809180132080a060a0101120102",
    value: membershipRequest({ nonce: 9n, self: { payload: Uint8Array.of(1), signature: Uint8Array.of(2) } }),
  },
  {
    name: "membership request with a secret",
    hex: `08ac021801323d0a3b${discoveryEnvelopeHex}`,
    value: membershipRequest({ nonce: 300n, self: discoveryEnvelope }),
  },
  {
    name: "membership response",
    hex: "08ac0218013a2b0a290a2318012a1f0a0f0a0770303a373035311a0401020304120c088080a8b1e39fe7cb1710031202aabb",
    value: membershipResponse({ nonce: 300n, alive: [envelopeOf(discoveryAlive, { signature: ab })] }),
  },
];

/** Envelopes of the protocol pages 01 §10.7, 04 §4.4 and 05 §3. */
export const goldenEnvelopes: readonly Golden<Envelope>[] = [
  {
    name: "envelope with a secret",
    hex: "0a0208011201091a060a0101120102",
    value: {
      payload: Uint8Array.of(8, 1),
      signature: Uint8Array.of(9),
      secret: { payload: Uint8Array.of(1), signature: Uint8Array.of(2) },
    },
  },
  { name: "envelope of an alive message with a secret", hex: discoveryEnvelopeHex, value: discoveryEnvelope },
  {
    name: "envelope of a membership request",
    hex: `0a4408ac021801323d0a3b${discoveryEnvelopeHex}`,
    value: envelopeOf(membershipRequest({ nonce: 300n, self: discoveryEnvelope })),
  },
  {
    name: "envelope of an identity hello",
    hex: "0a1118014a0d08ffffffffffffffffff011802",
    value: envelopeOf(helloMessage({ pullType: "identity", pullNonce: 2n ** 64n - 1n })),
  },
];

/** Internal endpoints as serialized secrets. */
export const goldenSecrets: readonly Golden<string>[] = [
  { name: "secret of page 01", hex: "0a0770303a37303531", value: "p0:7051" },
  { name: "secret of page 04", hex: "0a08696e303a37303531", value: "in0:7051" },
];

/** Identities, with their PKI-ID and the MAC of the channel `mychannel` (pages 01 §9 and 13 §10). */
export const goldenIdentities: readonly (Golden<SerializedIdentity> & {
  readonly pkiId: string;
  readonly channelMac: string;
})[] = [
  {
    name: "identity of page 01",
    hex: "0a074f7267314d5350120463657274",
    value: { mspId: "Org1MSP", idBytes: new TextEncoder().encode("cert") },
    pkiId: "c3bfdc5c7b29427712229b8491727f5f5f29a631351af6db9f830515af1e2721",
    channelMac: "ae6f2f278b1cc545f7984923d068d88adc108cb258c246e6088ee0de236f4bcf",
  },
  {
    name: "identity of page 13",
    hex: "0a074f7267314d53501203616263",
    value: { mspId: "Org1MSP", idBytes: new TextEncoder().encode("abc") },
    pkiId: "1c32c238dd9fc1a16374f5e99f6e5abab990090f0a853ff0835215974c133724",
    channelMac: "ae0867913d0495eab7cabdaafc3989c0a00a56f8a4fa81d5f833f17030ae8314",
  },
];

function untyped() {
  return { tag: "undefined", pullType: "undefined", pullNonce: 0n } as const;
}

/** Digests that are not text. */
function opaqueDigests(): Uint8Array[] {
  return [...[1, 2, 3, 4].map((length) => new Uint8Array(length).fill(0xff)), blockDigest(100n)];
}

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
