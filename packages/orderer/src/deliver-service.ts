import {
  encodeBlock,
  encodeDeliverResponse,
  readBlock,
  readPayload,
  readSignedEnvelope,
  type SeekInfo,
} from "@gossip/proto/fabric";
import { errorText, type Logger, type Metrics, type WallClock, wallMillis } from "@gossip/runtime";
import { type CheckedSeek, checkSeek, type SeekContext } from "./check-seek.js";
import type { OrdererStream, ServeStream } from "./grpc-server.js";
import type { OrderingChannel } from "./ordering-channel.js";
import { status } from "./status.js";

export interface DeliverServiceOptions extends Omit<SeekContext, "tlsCertHash"> {
  readonly wall: WallClock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Aborts when the orderer closes. */
  readonly closing: AbortSignal;
}

/**
 * The Deliver service: answers each request for blocks with the blocks, and then a status. A status other than SUCCESS
 * ends the stream. One block is under way at a time: the next is read from the ledger when the transport has taken the
 * last, so that a slow reader costs one block of memory.
 */
export function deliverService(options: DeliverServiceOptions): ServeStream {
  const { log, metrics } = options;
  const sent = metrics.counter({
    name: "deliver_blocks_sent",
    help: "Blocks sent to readers",
    labels: ["channel", "filtered", "data_type"],
  });
  const completed = metrics.counter({
    name: "gossip_orderer_deliver_requests_completed",
    help: "Requests for blocks that ended, by channel and status",
    labels: ["channel", "status"],
  });

  async function answer(stream: OrdererStream, request: Uint8Array): Promise<number | undefined> {
    const { remoteTlsCertHash: tlsCertHash, remoteAddress } = stream;
    const seek = await checkSeek(request, { ...options, tlsCertHash });
    const channel = seek.ok ? seek.channel.id : "";
    const fields = { from: remoteAddress, channel };
    if (seek.ok) log.info("sending blocks", { ...fields, start: seek.start, stop: seek.stop });
    else log.warn("request for blocks refused", { ...fields, status: seek.status, detail: seek.detail });
    const result = seek.ok
      ? await sendBlocks(stream, seek, options, () => sent.add(1, { channel, filtered: "false", data_type: "block" }))
      : seek.status;
    if (result !== undefined) completed.add(1, { channel, status: String(result) });
    return result;
  }

  return (stream) => {
    stream.read();
    return {
      onMessage(request) {
        answer(stream, request)
          .catch((error: unknown) => {
            log.error("blocks could not be sent", { from: stream.remoteAddress, error: errorText(error) });
            return status.unavailable;
          })
          .then(async (result) => {
            if (result === undefined) return;
            await send(stream, encodeDeliverResponse({ type: "status", status: result }));
            if (result === status.success) stream.read();
            else stream.end();
          });
      },
      onHalfClose: () => stream.end(),
    };
  };
}

/** Sends the blocks asked for. Returns the status that ends it, or `undefined` when the reader has gone. */
async function sendBlocks(
  stream: OrdererStream,
  seek: CheckedSeek & { readonly ok: true },
  { wall, closing }: DeliverServiceOptions,
  onSent: () => void,
): Promise<number | undefined> {
  const { channel, start, stop, isPatient, contentType, expiresAtMs } = seek;
  const ended = AbortSignal.any([stream.gone, closing]);
  for (let number = start; number <= stop; number++) {
    if (number >= channel.height) {
      if (!isPatient) return status.notFound;
      await untilCommitted(channel, number, ended);
    }
    if (stream.gone.aborted) return undefined;
    if (closing.aborted) return status.unavailable;
    if (expiresAtMs !== undefined && wallMillis(wall) > expiresAtMs) return status.forbidden;
    const block = await channel.read(number);
    if (block === undefined) throw new Error(`expected block ${number} in the ledger of ${channel.id}, got none`);
    await send(stream, encodeDeliverResponse({ type: "block", block: contentOf(block, contentType) }));
    onSent();
  }
  return status.success;
}

/** Resolves when the block is there, or `ended` aborts. */
function untilCommitted(channel: OrderingChannel, blockNumber: bigint, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      forget();
      ended.removeEventListener("abort", finish);
      resolve();
    };
    const forget = channel.onCommit(() => {
      if (channel.height > blockNumber) finish();
    });
    if (ended.aborted) finish();
    else ended.addEventListener("abort", finish);
  });
}

/** Resolves when the transport has taken the message, or the reader has gone. */
function send(stream: OrdererStream, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      stream.gone.removeEventListener("abort", finish);
      resolve();
    };
    if (stream.gone.aborted) return resolve();
    stream.gone.addEventListener("abort", finish);
    stream.send(bytes, finish);
  });
}

/** For HEADER_WITH_SIG the data is left out, but not that of a configuration (protocol page 09 §9). */
function contentOf(bytes: Uint8Array, contentType: SeekInfo["contentType"]): Uint8Array {
  if (contentType === "block") return bytes;
  const block = readBlock(bytes);
  if (!block.ok || isConfiguration(block.value.data)) return bytes;
  return encodeBlock({ ...block.value, data: [] });
}

function isConfiguration(data: readonly Uint8Array[]): boolean {
  const [first] = data;
  if (first === undefined || data.length !== 1) return false;
  const envelope = readSignedEnvelope(first);
  const payload = envelope.ok ? readPayload(envelope.value.payload) : envelope;
  return payload.ok && payload.value.channelHeader.type === "config";
}
