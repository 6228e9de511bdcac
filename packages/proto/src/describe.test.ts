import { describe, expect, test } from "vitest";
import { blockDigest } from "./block-digest.js";
import { describeMessage } from "./describe.js";
import type { GossipMessage } from "./messages.js";
import { pkiId } from "./pki-id.js";
import {
  acknowledgement,
  aliveMessage,
  blockPayload,
  connMessage,
  dataMessage,
  digestMessage,
  emptyMessage,
  envelopeOf,
  helloMessage,
  leadershipMessage,
  membershipRequest,
  membershipResponse,
  peerIdentity,
  privateDataMessage,
  privateDataRequest,
  privateDataResponse,
  requestMessage,
  stateInfo,
  stateInfoPullRequest,
  stateInfoSnapshot,
  stateRequest,
  stateResponse,
  updateMessage,
} from "./testing/index.js";

/** Bytes that no description may show, in any of the usual forms. */
const secret = new Uint8Array(24).fill(0xc3);
const secretForms = [Buffer.from(secret).toString("hex"), Buffer.from(secret).toString("base64"), "195,195"];
const envelope = { payload: secret, signature: secret, secret: { payload: secret, signature: secret } };
const payload = blockPayload({ blockNumber: 9n, data: secret, privateData: [secret] });

const rows: readonly (readonly [message: GossipMessage, line: string])[] = [
  [
    aliveMessage({ member: { endpoint: "p0:7051", metadata: secret, pkiId: pkiId("0102") }, identity: secret }),
    'alive tag=empty pki=0102 endpoint="p0:7051" time=1700000000000000000/1 metadata=24B identity=24B',
  ],
  [
    membershipRequest({ nonce: 9n, self: envelope, known: [secret] }),
    "membership-request tag=empty nonce=9 self=(24B, signed, with secret) known=1",
  ],
  [
    membershipRequest({ self: { payload: secret, signature: new Uint8Array(0) } }),
    "membership-request tag=empty self=(24B, unsigned) known=0",
  ],
  [
    membershipResponse({ alive: [envelope, envelope], dead: [envelope] }),
    "membership-response tag=empty alive=2 dead=1",
  ],
  [dataMessage({ payload }), 'data tag=chan-and-org channel="mychannel" block=9 (24B, 1 private)'],
  [helloMessage({ metadata: secret }), 'hello tag=chan-and-org channel="mychannel" pull=block pullNonce=7'],
  [
    digestMessage({ digests: [blockDigest(10n), blockDigest(11n), secret] }),
    'digest tag=chan-and-org channel="mychannel" pull=block pullNonce=7 digests=[10,11,?]',
  ],
  [
    digestMessage({ pullType: "identity", digests: [Uint8Array.of(0xaa, 0xbb)] }),
    "digest tag=empty pull=identity pullNonce=7 digests=[aabb]",
  ],
  [
    requestMessage({ digests: Array.from({ length: 12 }, (_, i) => blockDigest(BigInt(i))) }),
    'request tag=chan-and-org channel="mychannel" pull=block pullNonce=7 digests=[0,1,2,3,4,5,6,7,8,9,…12 in all]',
  ],
  [updateMessage({ data: [envelope] }), 'update tag=chan-and-org channel="mychannel" pull=block pullNonce=7 items=1'],
  [emptyMessage(), "empty tag=empty"],
  [
    connMessage({ identity: secret, tlsCertHash: Uint8Array.of(4, 5), probe: true }),
    "conn tag=empty pki=0102 identity=24B tlsCertHash=0405 probe=true",
  ],
  [
    stateInfo({ properties: { ledgerHeight: 5n, leftChannel: true, chaincodes: [] } }),
    "state-info tag=chan-or-org pki=0102 time=1700000000000000000/1 mac=dead height=5 left=true chaincodes=0",
  ],
  [stateInfoSnapshot({ elements: [envelope] }), 'state-info-snapshot tag=chan-or-org channel="mychannel" elements=1'],
  [stateInfoPullRequest(), "state-info-pull-request tag=chan-or-org mac=dead"],
  [stateRequest(), 'state-request tag=chan-or-org channel="mychannel" nonce=3 blocks=5..15'],
  [
    stateResponse({ payloads: [payload, { ...payload, blockNumber: 10n }] }),
    'state-response tag=chan-or-org channel="mychannel" nonce=3 blocks=[9,10]',
  ],
  [
    leadershipMessage(),
    'leadership tag=chan-and-org channel="mychannel" pki=0102 time=1700000000000000000/1 act=declaration',
  ],
  [
    leadershipMessage({ isDeclaration: false }),
    'leadership tag=chan-and-org channel="mychannel" pki=0102 time=1700000000000000000/1 act=proposal',
  ],
  [peerIdentity({ identity: secret }), "peer-identity tag=empty pki=0102 identity=24B"],
  [acknowledgement(), "ack tag=undefined nonce=1 ok"],
  [acknowledgement({ error: "no\nspace" }), 'ack tag=undefined nonce=1 error="no\\nspace"'],
  [privateDataRequest(), 'private-data-request tag=chan-only channel="mychannel" digests=0'],
  [privateDataResponse(), 'private-data-response tag=chan-only channel="mychannel" elements=0'],
  [
    privateDataMessage({ payload: { ...privateDataMessage().payload, rwset: secret, collectionConfigs: secret } }),
    'private-data tag=chan-only channel="mychannel" tx="tx" collection="chaincode/collection" rwset=24B',
  ],
];

describe("05/17: describeMessage", () => {
  test.each(rows)("$type", (message, line) => {
    expect(describeMessage(message)).toBe(line);
    for (const form of secretForms) expect(line).not.toContain(form);
  });

  test("cuts what a remote wrote", () => {
    const line = describeMessage(acknowledgement({ error: "x".repeat(10_000) }));
    expect(line).toBe(`ack tag=undefined nonce=1 error="${"x".repeat(100)}…"`);
    const wide = describeMessage(digestMessage({ pullType: "identity", digests: [new Uint8Array(1000)] }));
    expect(wide).toContain(`[${"00".repeat(64)}…]`);
  });

  test("describes a message whose nested envelope is signed", () => {
    const message = membershipResponse({ alive: [envelopeOf(aliveMessage(), { signature: secret })] });
    expect(describeMessage(message)).toBe("membership-response tag=empty alive=1 dead=0");
  });
});
