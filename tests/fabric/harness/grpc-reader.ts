/** Reads the messages of gRPC calls out of one direction of an HTTP/2 connection (RFC 9113 §4, gRPC over HTTP/2). */

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".length;
const frameHeader = 9;
const messageHeader = 5;
const dataFrame = 0;
const paddedFlag = 0x08;

export class GrpcReader {
  #rest: Buffer = Buffer.alloc(0);
  #skip: number;
  /** By stream, what has come of a message that is not complete. */
  readonly #partial = new Map<number, Buffer>();

  /** @param side which end writes what is read */
  constructor(side: "client" | "server") {
    this.#skip = side === "client" ? preface : 0;
  }

  /** The messages that these bytes complete, of all streams of the connection. */
  read(bytes: Buffer): readonly Uint8Array[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const skipped = Math.min(this.#skip, this.#rest.length);
    this.#skip -= skipped;
    this.#rest = this.#rest.subarray(skipped);
    const messages: Uint8Array[] = [];
    while (this.#rest.length >= frameHeader) {
      const end = frameHeader + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) break;
      if (this.#rest[3] === dataFrame) messages.push(...this.#readData(this.#rest.subarray(0, end)));
      this.#rest = this.#rest.subarray(end);
    }
    return messages;
  }

  #readData(frame: Buffer): readonly Uint8Array[] {
    const streamId = frame.readUInt32BE(5);
    const isPadded = ((frame[4] ?? 0) & paddedFlag) !== 0;
    const padding = isPadded ? (frame[frameHeader] ?? 0) : 0;
    const content = frame.subarray(frameHeader + (isPadded ? 1 : 0), frame.length - padding);
    let rest = Buffer.concat([this.#partial.get(streamId) ?? Buffer.alloc(0), content]);
    const messages: Uint8Array[] = [];
    while (rest.length >= messageHeader) {
      if (rest[0] !== 0) throw new Error("expected messages that are not compressed");
      const end = messageHeader + rest.readUInt32BE(1);
      if (rest.length < end) break;
      messages.push(new Uint8Array(rest.subarray(messageHeader, end)));
      rest = rest.subarray(end);
    }
    if (rest.length === 0) this.#partial.delete(streamId);
    else this.#partial.set(streamId, rest);
    return messages;
  }
}
