/**
 * What a Hyperledger Fabric peer said on one gossip stream, a line for each message.
 * `tsx decode-a-conversation.ts FILE` reads another recording: one JSON object per line, with `ms`, `dir` and `envelope`.
 */

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describeMessage, encodeEnvelope, type MessageType, readEnvelope, readMessage } from "@gossip/proto";

interface RecordedLine {
  /** Milliseconds since the recording began. */
  readonly ms: number;
  /** `in` is from the peer, `out` from the recorder. */
  readonly dir: "in" | "out";
  /** What was one message on the gRPC stream, in hex. */
  readonly envelope: string;
}

const recorded = "../../packages/proto/test/fixtures/conversations/peer1-org1-leader.jsonl";
const file = process.argv[2] ?? fileURLToPath(new URL(recorded, import.meta.url));

const counts = new Map<MessageType, number>();
let same = 0;
let total = 0;
for await (const line of createInterface({ input: createReadStream(file) })) {
  const { ms, dir, envelope: hex } = JSON.parse(line) as RecordedLine;
  total++;
  const bytes = new Uint8Array(Buffer.from(hex, "hex"));
  // `read…` is for what a remote sent: it gives a value or a reason, and never throws.
  const envelope = readEnvelope(bytes);
  const message = envelope.ok ? readMessage(envelope.value.payload) : envelope;
  const shown = message.ok ? describeMessage(message.value) : `${message.reason}: ${message.detail}`;
  console.log(`${(ms / 1000).toFixed(3).padStart(7)} s  ${dir === "in" ? "peer    " : "recorder"}  ${shown}`);
  if (!envelope.ok || !message.ok) continue;
  counts.set(message.value.type, (counts.get(message.value.type) ?? 0) + 1);
  if (Buffer.compare(encodeEnvelope(envelope.value), bytes) === 0) same++;
}

console.log(
  [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([type, count]) => `${count} ${type}`)
    .join(", "),
);
console.log(`${same} of ${total} envelopes encode again to the bytes that were received`);
