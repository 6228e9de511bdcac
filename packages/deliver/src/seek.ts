import { encodePayload, encodeSeekInfo, encodeSignedEnvelope } from "@gossip/proto/fabric";
import { type MaybePromise, type Random, type WallClock, whenDone } from "@gossip/runtime";

export interface SeekOptions {
  readonly channel: string;
  /** First block asked for. */
  readonly from: bigint;
  readonly identity: Uint8Array;
  /** Empty without mutual TLS. */
  readonly tlsCertHash: Uint8Array;
  sign(payload: Uint8Array): MaybePromise<Uint8Array>;
  readonly wall: WallClock;
  readonly random: Random;
}

/** "Everything, without an end": the stop of a request that waits for blocks to come. */
const endless = 2n ** 64n - 1n;

const nanosPerSecond = 1_000_000_000n;

/** The one request of a Deliver stream, signed (protocol page 09 §9). */
export function makeSeekRequest(options: SeekOptions): MaybePromise<Uint8Array> {
  const { wall, random } = options;
  const payload = encodePayload({
    channelHeader: {
      type: "deliver-seek-info",
      version: 0,
      timestampNanos: (wall.nowNanos() / nanosPerSecond) * nanosPerSecond,
      channelId: options.channel,
      txId: "",
      epoch: 0n,
      extension: new Uint8Array(0),
      tlsCertHash: options.tlsCertHash,
    },
    signatureHeader: { creator: options.identity, nonce: random.bytes(24) },
    data: encodeSeekInfo({
      start: { type: "specified", number: options.from },
      stop: { type: "specified", number: endless },
      behavior: "block-until-ready",
      errorResponse: "strict",
      contentType: "block",
    }),
  });
  return whenDone(options.sign(payload), (signature) => encodeSignedEnvelope({ payload, signature }));
}
