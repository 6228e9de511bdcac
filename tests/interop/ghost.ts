import type { Stream, Transport } from "@gossip/comm";
import { unsigned } from "@gossip/crypto";
import {
  type BlockPayload,
  decodeEnvelope,
  decodeMessage,
  encodeEnvelope,
  type GossipMessage,
  type MessageOf,
  type MessageType,
  pkiIdToBytes,
} from "@gossip/proto";
import type { Clock } from "@gossip/runtime";
import type { RecordedMessage } from "../../packages/fabric/test/recorded-conversations.js";

/** Whose part of a conversation is played, and when. */
export interface GhostOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly conversation: readonly RecordedMessage[];
  /** `in` plays the Go peer, `out` the recorder. */
  readonly part: RecordedMessage["direction"];
}

/**
 * One side of a recorded conversation, played to a node. What it said of itself it says again, byte for byte and at the
 * recorded times. What it answered it answers when it is asked, with the nonce of the question and otherwise as recorded:
 * an answer's own fields are signed by nobody, everything inside it is by its author.
 */
export class Ghost {
  /** Everything that the node said, over all streams. */
  readonly heard: GossipMessage[] = [];
  readonly #options: GhostOptions;
  readonly #lines: readonly RecordedMessage[];
  readonly #blocks: ReadonlyMap<bigint, BlockPayload>;
  /** The stream on which the conversation takes place; probes come before it. */
  #stream: Stream | undefined;
  #startedAt = 0;

  constructor(options: GhostOptions) {
    this.#options = options;
    this.#lines = options.conversation.filter(({ direction }) => direction === options.part);
    this.#blocks = blocksOf(this.#lines);
  }

  /** Waits for the node to dial. */
  listen(): void {
    this.#options.transport.listen((stream) => this.#begin(stream));
  }

  dial(endpoint: string): void {
    this.#options.transport.dial(endpoint, 1_000, (result) => {
      if (!result.ok) throw new Error(result.detail);
      this.#begin(result.stream);
    });
  }

  /** Says something out of turn. */
  say(bytes: Uint8Array): void {
    this.#stream?.send(bytes);
  }

  heardOf<T extends MessageType>(type: T): readonly MessageOf<T>[] {
    return this.heard.filter((message): message is MessageOf<T> => message.type === type);
  }

  #begin(stream: Stream): void {
    stream.start({
      onMessage: (bytes) => this.#onMessage(stream, decodeMessage(decodeEnvelope(bytes).payload)),
      onDrain() {},
      onEnd() {},
    });
    const conn = this.#recorded("conn");
    if (conn !== undefined) stream.send(conn.bytes);
  }

  #onMessage(stream: Stream, message: GossipMessage): void {
    this.heard.push(message);
    if (message.type === "conn") {
      if (!message.probe) this.#converse(stream);
      return;
    }
    const answer = this.#answerTo(message);
    if (answer !== undefined) stream.send(encodeEnvelope(unsigned(answer)));
  }

  #converse(stream: Stream): void {
    if (this.#stream !== undefined) return;
    this.#stream = stream;
    const { clock } = this.#options;
    const [first] = this.#lines;
    this.#startedAt = clock.now() - (first?.atMs ?? 0);
    for (const { atMs, bytes, message } of this.#lines) {
      if (isUnasked(message)) clock.schedule(this.#startedAt + atMs, () => stream.send(bytes));
    }
  }

  #answerTo(question: GossipMessage): GossipMessage | undefined {
    switch (question.type) {
      case "membership-request": {
        const answer = this.#recorded("membership-response");
        return answer && { ...answer.message, nonce: question.nonce };
      }
      case "hello": {
        const answer = this.#recorded("digest", ({ pullType }) => pullType === question.pullType);
        return answer && { ...answer.message, pullNonce: question.pullNonce };
      }
      case "digest": {
        const answer = this.#recorded("request", ({ pullType }) => pullType === question.pullType);
        // When the recording was made there were no blocks to be asked for: as a peer that has none, it asks for all.
        if (answer === undefined && question.pullType === "block") return { ...question, type: "request" };
        return answer && { ...answer.message, pullNonce: question.pullNonce, digests: question.digests };
      }
      case "request": {
        const answer = this.#recorded("update", ({ pullType }) => pullType === question.pullType);
        return answer && { ...asked(answer.message, question.digests), pullNonce: question.pullNonce };
      }
      case "state-info-pull-request":
        return this.#recorded("state-info-snapshot")?.message;
      case "state-request": {
        const answer = this.#recorded("state-response");
        const payloads = [...this.#blocks.values()].filter(
          ({ blockNumber }) => question.start <= blockNumber && blockNumber <= question.end,
        );
        return answer && { ...answer.message, nonce: question.nonce, payloads };
      }
      default:
        return undefined;
    }
  }

  /** The last of its kind until now, or else the first. */
  #recorded<T extends MessageType>(type: T, is: (message: MessageOf<T>) => boolean = () => true) {
    const all = this.#lines.flatMap(({ message, ...line }) => {
      if (message.type !== type) return [];
      const found = message as MessageOf<T>; // as its type says
      return is(found) ? [{ ...line, message: found }] : [];
    });
    const elapsed = this.#options.clock.now() - this.#startedAt;
    return all.filter(({ atMs }) => atMs <= elapsed).at(-1) ?? all[0];
  }
}

/** What a peer says without having been asked. */
function isUnasked({ type }: GossipMessage): boolean {
  switch (type) {
    case "conn":
    case "membership-response":
    case "digest":
    case "request":
    case "update":
    case "state-info-snapshot":
    case "state-response":
      return false;
    default:
      return true;
  }
}

/** An update with the items asked for alone, as a peer makes it. */
function asked(update: MessageOf<"update">, digests: readonly Uint8Array[]): MessageOf<"update"> {
  const data = update.data.filter(({ payload }) => {
    const item = decodeMessage(payload);
    if (item.type !== "peer-identity") return false;
    return digests.some((digest) => Buffer.compare(digest, pkiIdToBytes(item.pkiId)) === 0);
  });
  return { ...update, data };
}

/** Every block that it pushed, or gave when it was asked. */
function blocksOf(lines: readonly RecordedMessage[]): ReadonlyMap<bigint, BlockPayload> {
  const payloads = lines.flatMap(({ message }): readonly BlockPayload[] => {
    if (message.type === "data") return [message.payload];
    if (message.type === "state-response") return message.payloads;
    if (message.type !== "update") return [];
    const items = message.data.map(({ payload }) => decodeMessage(payload));
    return items.flatMap((item) => (item.type === "data" ? [item.payload] : []));
  });
  return new Map(payloads.map((payload) => [payload.blockNumber, payload]));
}
