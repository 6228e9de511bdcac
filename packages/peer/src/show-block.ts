import { blockHash, sha256 } from "@gossip/crypto";
import type { Channel } from "@gossip/node";
import { type Payload, readBlock, readPayload, readSignedEnvelope } from "@gossip/proto/fabric";
import { GossipError } from "@gossip/runtime";
import type { BlockEntry, TransactionEntry } from "./views.js";

/**
 * A committed block for people and scripts, as `/gossip/channels/CHANNEL/blocks` tells it.
 *
 * @throws GossipError `corrupt` when the bytes are no block.
 */
export function showBlock(number: bigint, bytes: Uint8Array): BlockEntry {
  const block = readBlock(bytes);
  if (!block.ok) {
    throw new GossipError(
      "corrupt",
      `expected block ${number} in the ledger, got bytes that are none: ${block.detail}`,
    );
  }
  const { header, data } = block.value;
  return {
    number: String(number),
    hash: hex(blockHash(header)),
    previousHash: hex(header.previousHash),
    transactions: data.flatMap((entry) => {
      const payload = payloadOf(entry);
      return payload === undefined || configTypes.has(payload.channelHeader.type) ? [] : [showTransaction(payload)];
    }),
  };
}

/** The committed blocks of a channel from `from` to the newest at this moment. */
export async function* showBlocks(channel: Channel, from: bigint): AsyncGenerator<BlockEntry, void, void> {
  const { height } = channel;
  for (let number = from; number < height; number++) {
    const bytes = await channel.block(number);
    if (bytes === undefined) throw new GossipError("corrupt", `expected block ${number} in the ledger, got none`);
    yield showBlock(number, bytes);
  }
}

/** What changes the channel and not what is kept in it. */
const configTypes: ReadonlySet<string> = new Set(["config", "config-update"]);

function payloadOf(transaction: Uint8Array): Payload | undefined {
  const envelope = readSignedEnvelope(transaction);
  const payload = envelope.ok ? readPayload(envelope.value.payload) : undefined;
  return payload?.ok === true ? payload.value : undefined;
}

function showTransaction({ channelHeader: { type, txId }, data }: Payload): TransactionEntry {
  const entry = { type, ...(txId === "" ? {} : { txId }), size: data.length, sha256: hex(sha256(data)) };
  // What applications of Fabric submit is protobuf, of which text would say little.
  if (type !== "message") return entry;
  try {
    return { ...entry, text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data) };
  } catch {
    return entry;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
