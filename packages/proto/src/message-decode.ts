import { contents, type ReadContent } from "./contents.js";
import type { Decoded } from "./decoded.js";
import type { GossipMessage } from "./messages.js";
import { type BoundedReader, fromLong, reading, refused, utf8Text } from "./wire.js";
import { tagFrom } from "./wire-enums.js";

/**
 * Reads a GossipMessage. Its frame is read here and not by the generated code, which would keep the last content and
 * hide that there was another: what two receivers may understand differently is refused. Contents are read by the
 * generated code.
 */
export function messageFrom(payload: Uint8Array): Decoded<GossipMessage> {
  const result = reading(payload, readFrame);
  if (!result.ok) return result;
  const { nonce, channel, tag, read, isAmbiguous, content } = result.value;
  if (isAmbiguous) return refused("ambiguous-content", "expected one content, got more");
  if (read === undefined) return refused("no-content", "expected a content of a known kind");
  const name = utf8Text(channel);
  if (name === undefined) return refused("invalid-field", "expected channel to be UTF-8");
  return read(content, { nonce, channel: name, tag: tagFrom(tag) });
}

interface Frame {
  nonce: bigint;
  channel: Uint8Array;
  tag: number;
  /** How to read the content; `undefined` while none has come. */
  read: ReadContent | undefined;
  /** Also when the content came in pieces of one kind, which is legal and never seen: put together they may be sound where each is not. */
  isAmbiguous: boolean;
  content: Uint8Array;
}

// Field number and wire type of what stands around the content.
const nonceField = (1 << 3) | 0;
const channelField = (2 << 3) | 2;
const tagField = (3 << 3) | 0;

function readFrame(reader: BoundedReader): Frame {
  const frame: Frame = {
    nonce: 0n,
    channel: new Uint8Array(0),
    tag: 0,
    read: undefined,
    isAmbiguous: false,
    content: new Uint8Array(0),
  };
  while (reader.pos < reader.len) {
    const field = reader.tag();
    if (field === nonceField) frame.nonce = fromLong(reader.uint64());
    else if (field === channelField) frame.channel = reader.bytes();
    else if (field === tagField) frame.tag = reader.int32();
    else {
      const read = contents.get(field);
      if (read === undefined) reader.skipType(field & 7, 0, field >>> 3);
      else {
        frame.isAmbiguous ||= frame.read !== undefined;
        frame.read = read;
        frame.content = reader.bytes();
      }
    }
  }
  return frame;
}
