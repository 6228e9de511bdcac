/** Messages without what they cannot be without; most of them end the process of a Go peer (protocol page 01 §12). */

import { field, integer, pkiIdOf, type Signer, sha256, signed, text } from "./rogue.js";

export interface MalformedMessage {
  readonly name: string;
  /** An envelope, or what is sent in its place. */
  readonly bytes: Uint8Array;
  /** Any of them will do, as `/gossip/members` counts drops. */
  readonly reasons: readonly string[];
}

const tag = { empty: 1, orgOnly: 2, chanOnly: 3, chanAndOrg: 4, chanOrOrg: 5 } as const;

/** @param signer a member of the channel, so that nothing but the shape is wrong */
export function malformedMessages(channel: string, signer: Signer): readonly MalformedMessage[] {
  const pkiId = pkiIdOf(signer.identity);
  const time = field(2, integer(1, BigInt(Date.now()) * 1_000_000n), integer(2, 1));
  const member = field(1, field(1, text("127.0.0.1:1")), field(3, pkiId));
  const channelName = field(2, text(channel));
  const mac = field(4, sha256(pkiId, text(channel)));
  const plain = (...parts: Uint8Array[]) => signed(Buffer.concat(parts));
  const withSignature = (...parts: Uint8Array[]) => signed(Buffer.concat(parts), signer);
  const one = (name: string, bytes: Uint8Array, ...reasons: string[]): MalformedMessage => ({
    name,
    bytes,
    reasons: reasons.map((reason) => `gate/${reason}`),
  });
  const missing = (name: string, bytes: Uint8Array) => one(name, bytes, "missing-field");

  const alive = (...parts: Uint8Array[]) => Buffer.concat([integer(3, tag.empty), field(5, ...parts)]);
  const stateInfo = (...parts: Uint8Array[]) => Buffer.concat([integer(3, tag.chanOrOrg), field(15, ...parts)]);
  const properties = field(5, integer(1, 1));
  return [
    missing("an alive message without member", withSignature(alive(time))),
    missing("an alive message without time", withSignature(alive(member))),
    missing("an alive message that is empty", withSignature(alive())),
    missing(
      "a membership request by an alive message without member",
      plain(integer(1, 9), integer(3, tag.empty), field(6, field(1, withSignature(alive(time))))),
    ),
    missing("a membership request by nobody", plain(integer(1, 9), integer(3, tag.empty), field(6))),
    one(
      "a membership response with a state info among the dead",
      plain(integer(1, 9), integer(3, tag.empty), field(7, field(2, withSignature(stateInfo(time, mac, properties))))),
      "unexpected-type",
      "unsolicited",
      "invalid-field",
      "missing-field",
    ),
    missing("a state info without time", withSignature(stateInfo(field(3, pkiId), mac, properties))),
    missing("a state info without properties", withSignature(stateInfo(time, field(3, pkiId), mac))),
    one(
      "a state info without author",
      withSignature(stateInfo(time, mac, properties)),
      "missing-field",
      "unknown-identity",
    ),
    missing(
      "a leadership message without time",
      withSignature(channelName, integer(3, tag.chanAndOrg), field(20, field(1, pkiId), integer(3, 1))),
    ),
    missing("a block without payload", plain(channelName, integer(3, tag.chanAndOrg), field(8))),
    one(
      "an update with a block without payload",
      plain(
        channelName,
        integer(3, tag.chanAndOrg),
        field(12, integer(1, 7), field(2, plain(channelName, integer(3, tag.chanAndOrg), field(8))), integer(3, 1)),
      ),
      "missing-field",
      "unsolicited",
      "unknown-member",
    ),
    missing("private data without payload", plain(channelName, integer(3, tag.chanOnly), field(25))),
    one(
      "a handshake behind the handshake",
      withSignature(integer(3, tag.empty), field(14, field(1, pkiId), field(2, signer.identity))),
      "unexpected-type",
      "illegal-tag",
    ),
    one("a message with a tag it may not have", plain(integer(3, tag.orgOnly), field(13)), "illegal-tag"),
    one(
      "a message with two contents",
      plain(integer(3, tag.empty), field(13), field(6)),
      "ambiguous-content",
      "missing-field",
    ),
    one("a message without content", plain(integer(3, tag.empty)), "no-content"),
    one("a payload that is no protobuf", plain(Uint8Array.of(0x0a, 0xff, 0xff, 0xff)), "undecodable"),
    one(
      "an endpoint that is no UTF-8",
      withSignature(alive(field(1, field(1, Uint8Array.of(0xff, 0xfe)), field(3, pkiId)), time)),
      "undecodable",
    ),
    one(
      "a PKI-ID of the wrong length",
      withSignature(alive(field(1, field(1, text("127.0.0.1:1")), field(3, new Uint8Array(4096))), time)),
      "invalid-field",
      "pki-id-mismatch",
      "unknown-identity",
    ),
    one("an alive message that is not signed", plain(alive(member, time)), "unsigned"),
    one(
      "a state info by another author",
      withSignature(stateInfo(time, field(3, sha256(text("nobody"))), mac, properties)),
      "unknown-identity",
      "no-such-channel",
      "bad-signature",
    ),
    one(
      "a block of a channel that nobody has",
      plain(
        field(2, text("nowhere")),
        integer(3, tag.chanAndOrg),
        field(8, field(1, integer(1, 5), field(2, text("block")))),
      ),
      "no-such-channel",
    ),
  ];
}
