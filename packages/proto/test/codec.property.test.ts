import {
  decodeEnvelope,
  decodeMessage,
  describeMessage,
  encodeEnvelope,
  encodeMessage,
  type GossipMessage,
  illegalTag,
  readEnvelope,
  readInternalEndpoint,
  readMessage,
} from "@gossip/proto";
import { readCertificate, readCertificateBody, readChannelConfig } from "@gossip/proto/ed25519";
import {
  encodeBlock,
  isCanonicalTransaction,
  readAcls,
  readAnchorPeers,
  readBatchSize,
  readBatchTimeout,
  readBlock,
  readBlockDataHashingStructure,
  readBroadcastResponse,
  readCapabilities,
  readCollectionConfigs,
  readConfig,
  readConfigEnvelope,
  readConfigUpdate,
  readConfigUpdateEnvelope,
  readConsensusType,
  readDeliverResponse,
  readFabricMspConfig,
  readHashingAlgorithm,
  readIdentifierHeader,
  readImplicitMetaPolicy,
  readLastConfig,
  readMetadata,
  readMspConfig,
  readMspPrincipal,
  readOrdererAddresses,
  readOrdererBlockMetadata,
  readOrderers,
  readPayload,
  readSeekInfo,
  readSerializedIdentity,
  readSignatureHeader,
  readSignaturePolicyEnvelope,
  readSignedEnvelope,
} from "@gossip/proto/fabric";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { envelopes, messagesOf, messageTypes, uint64 } from "./arbitraries.js";
import { blockFile, blockNumbers, conversation, conversationNames, fromHex } from "./fixtures.js";

const readers = {
  readEnvelope,
  readMessage,
  readInternalEndpoint,
  readBlock,
  readSignedEnvelope,
  readPayload,
  readSignatureHeader,
  readMetadata,
  readOrdererBlockMetadata,
  readSerializedIdentity,
  readSeekInfo,
  readDeliverResponse,
  readBroadcastResponse,
  readCertificate,
  readCertificateBody,
  readChannelConfig,
  isCanonicalTransaction,
  readAcls,
  readAnchorPeers,
  readBatchSize,
  readBatchTimeout,
  readBlockDataHashingStructure,
  readCapabilities,
  readCollectionConfigs,
  readConfig,
  readConfigEnvelope,
  readConfigUpdate,
  readConfigUpdateEnvelope,
  readConsensusType,
  readFabricMspConfig,
  readHashingAlgorithm,
  readIdentifierHeader,
  readImplicitMetaPolicy,
  readLastConfig,
  readMspConfig,
  readMspPrincipal,
  readOrdererAddresses,
  readOrderers,
  readSignaturePolicyEnvelope,
} as const;

describe.each(messageTypes)("a message of type %s", (type) => {
  test("decodes to what was encoded", () => {
    fc.assert(
      fc.property(messagesOf(type), (message) => {
        expect(decodeMessage(encodeMessage(message))).toStrictEqual(message);
      }),
    );
  });

  test("has a description of one bounded line, and a tag that is legal or not", () => {
    fc.assert(
      fc.property(messagesOf(type), (message) => {
        const line = describeMessage(message);
        expect(line).not.toMatch(/[\n\r]/);
        expect(line.length).toBeLessThan(2000);
        expect(["string", "undefined"]).toContain(typeof illegalTag(message));
      }),
    );
  });
});

test("An envelope decodes to what was encoded", () => {
  fc.assert(
    fc.property(envelopes, (envelope) => {
      expect(decodeEnvelope(encodeEnvelope(envelope))).toStrictEqual(envelope);
    }),
  );
});

test("A block decodes to what was encoded", () => {
  const entries = fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 5 });
  const hash = fc.uint8Array({ maxLength: 32 });
  const header = fc.record({ number: uint64, previousHash: hash, dataHash: hash }, { noNullPrototype: true });
  fc.assert(
    fc.property(fc.record({ header, data: entries, metadata: entries }, { noNullPrototype: true }), (block) => {
      expect(readBlock(encodeBlock(block))).toStrictEqual({ ok: true, value: block });
    }),
  );
});

test("No reader throws on arbitrary bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const read of Object.values(readers)) read(bytes);
    }),
    { numRuns: 2000 },
  );
});

test("No reader throws on recorded bytes that were changed, cut or repeated, and what decodes can be encoded", () => {
  const recorded = conversationNames
    .flatMap((name) => conversation(name))
    .map(({ envelope }) => fromHex(envelope))
    .filter((bytes) => bytes.length < 2000)
    .flatMap((bytes) => [bytes, decodeEnvelope(bytes).payload])
    .concat(blockNumbers.map(blockFile));
  const position = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const change = fc.record({
    at: position,
    kind: fc.constantFrom("set", "cut", "repeat", "insert"),
    byte: fc.nat(255),
  });
  fc.assert(
    fc.property(fc.constantFrom(...recorded), fc.array(change, { minLength: 1, maxLength: 8 }), (bytes, changes) => {
      const mutant = changes.reduce(mutate, bytes);
      for (const read of Object.values(readers)) read(mutant);
      const message = readMessage(mutant);
      if (!message.ok || hasUnknownNumber(message.value)) return;
      expect(decodeMessage(encodeMessage(message.value))).toStrictEqual(message.value);
    }),
    { numRuns: 3000 },
  );
});

/** Whether a message has a tag or pull type that this version cannot name, and so cannot write. */
function hasUnknownNumber(message: GossipMessage): boolean {
  return message.tag === "unknown" || ("pullType" in message && message.pullType === "unknown");
}

interface Change {
  readonly at: number;
  readonly kind: string;
  readonly byte: number;
}

function mutate(bytes: Uint8Array, { at, kind, byte }: Change): Uint8Array {
  const index = Math.floor(at * bytes.length);
  const [head, tail] = [bytes.subarray(0, index), bytes.subarray(index)];
  switch (kind) {
    case "cut":
      return head;
    case "repeat":
      return joined(head, tail, tail.subarray(0, 4096));
    case "insert":
      return joined(head, Uint8Array.of(byte), tail);
    default:
      return joined(head, Uint8Array.of(byte), tail.subarray(1));
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
