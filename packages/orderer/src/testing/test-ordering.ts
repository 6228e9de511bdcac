import { makeGenesisBlock, makeTransaction } from "@gossip/crypto";
import { createTestOrganization, type TestMember, testChannelConfig } from "@gossip/crypto/testing";
import {
  type ChannelHeader,
  encodePayload,
  encodeSeekInfo,
  encodeSignedEnvelope,
  type SeekInfo,
  type SeekPosition,
} from "@gossip/proto/fabric";
import { systemWallClock } from "@gossip/runtime";
import type { OrdererOptions } from "../api.js";

const none = new Uint8Array(0);

/** What a test makes requests for blocks of; whatever is left out is right. */
export interface TestSeek {
  readonly channelId?: string;
  readonly start?: SeekPosition;
  readonly stop?: SeekPosition;
  readonly behavior?: SeekInfo["behavior"];
  readonly contentType?: SeekInfo["contentType"];
  readonly by?: TestMember;
  readonly header?: Partial<ChannelHeader>;
  /** Instead of a `SeekInfo`. */
  readonly data?: Uint8Array;
}

/** Organizations, channels and identities for orderers under test. Equal channels give equal bytes. */
export interface TestOrdering {
  /** Everything an orderer needs but where it listens and keeps its blocks. */
  readonly options: Pick<OrdererOptions, "identity" | "privateKey" | "genesisBlocks">;
  /** A client of `Org1MSP`, which every channel has. */
  readonly client: TestMember;
  /** Somebody of an organization that no channel has. */
  readonly stranger: TestMember;
  transaction(text: string, options?: { readonly channelId?: string; readonly by?: TestMember }): Uint8Array;
  seek(options?: TestSeek): Uint8Array;
}

/** Makes what tests of an orderer for these channels need. */
export function createTestOrdering(channelIds: readonly string[] = ["demo"]): TestOrdering {
  const org1 = createTestOrganization("Org1MSP");
  const orderers = createTestOrganization("OrdererMSP");
  const { identity, privateKey } = orderers.issue("orderer0", { role: "orderer" });
  const client = org1.issue("user", { role: "client" });
  const stranger = createTestOrganization("NobodyMSP").issue("user", { role: "client" });
  const genesisBlocks = channelIds.map((id) => makeGenesisBlock(testChannelConfig(id, [org1], [orderers])));
  const [first = "demo"] = channelIds;
  const timestampNanos = systemWallClock.nowNanos();
  let made = 0;
  return {
    options: { identity, privateKey, genesisBlocks },
    client,
    stranger,
    transaction(text, { channelId = first, by = client } = {}) {
      const nonce = Buffer.alloc(24);
      nonce.writeUInt32BE(++made);
      return makeTransaction({ channelId, data: new TextEncoder().encode(text), nonce, timestampNanos, ...by });
    },
    seek(options = {}) {
      const { by = client, channelId = first, behavior = "block-until-ready", contentType = "block" } = options;
      const payload = encodePayload({
        channelHeader: {
          type: "deliver-seek-info",
          version: 0,
          timestampNanos: systemWallClock.nowNanos(),
          channelId,
          txId: "",
          epoch: 0n,
          extension: none,
          tlsCertHash: none,
          ...options.header,
        },
        signatureHeader: { creator: by.identity, nonce: new Uint8Array(24) },
        data:
          options.data ??
          encodeSeekInfo({
            start: options.start ?? { type: "oldest" },
            stop: options.stop ?? { type: "newest" },
            behavior,
            errorResponse: "strict",
            contentType,
          }),
      });
      return encodeSignedEnvelope({ payload, signature: by.sign(payload) });
    },
  };
}
