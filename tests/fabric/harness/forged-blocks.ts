/** Blocks that must not be taken, most of them with a genuine signature of the channel's orderer. */

import { randomBytes } from "node:crypto";
import {
  type Block,
  blockDataBytes,
  blockHeaderBytes,
  encodeBlock,
  encodeMetadata,
  encodeOrdererBlockMetadata,
  encodeSignatureHeader,
} from "@gossip/proto/fabric";
import type { Client } from "./client.js";
import { field, integer, sha256, text } from "./rogue.js";

/** The channel's end, which a forger knows as everybody does. */
export interface ChainEnd {
  readonly channelId: string;
  readonly height: bigint;
  readonly lastHash: Uint8Array;
}

export interface Forgery {
  readonly name: string;
  /** Serialized block. */
  readonly bytes: Uint8Array;
  /** The number that its sender claims for it. */
  readonly blockNumber: bigint;
  /** Why it must be refused. */
  readonly reason: string;
}

interface Parts {
  readonly number: bigint;
  readonly previousHash: Uint8Array;
  readonly data: readonly Uint8Array[];
  readonly dataHash: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
  readonly signer: Uint8Array;
}

/** @param member somebody whose signature under a block means nothing */
export function forgeries(end: ChainEnd, orderer: Client, member: Client): readonly Forgery[] {
  const { channelId, height, lastHash } = end;
  const transaction = (channel = channelId) =>
    member.envelope(channel, "endorser-transaction", text(randomBytes(8).toString("hex")));
  const one = transaction();
  const block = (changes: Partial<Parts> = {}): Uint8Array => {
    const data = changes.data ?? [one];
    return assemble({
      number: height,
      previousHash: lastHash,
      dataHash: sha256(blockDataBytes(data)),
      sign: (message) => orderer.sign(message),
      signer: orderer.identity,
      ...changes,
      data,
    });
  };
  const forgery = (name: string, reason: string, bytes: Uint8Array): Forgery => ({
    name,
    reason,
    bytes,
    blockNumber: height,
  });
  const [a, b] = [transaction(), transaction()];
  return [
    forgery(
      "a signature with one bit flipped",
      "bad-block-signature",
      block({ sign: (message) => flipped(orderer.sign(message)) }),
    ),
    forgery(
      "an orderer's signature with a high S",
      "bad-block-signature",
      block({ sign: (message) => orderer.signWithHighS(message) }),
    ),
    forgery(
      "a member's signature in place of an orderer's",
      "bad-block-signature",
      block({ sign: (message) => member.sign(message), signer: member.identity }),
    ),
    forgery(
      "an orderer's name over a member's signature",
      "bad-block-signature",
      block({ sign: (message) => member.sign(message) }),
    ),
    forgery("a transaction of another channel", "wrong-channel", block({ data: [transaction("elsewhere")] })),
    forgery("another number than it is sent as", "wrong-block-number", block({ number: height + 1n })),
    forgery("data that its header does not speak of", "bad-data-hash", block({ dataHash: sha256(text("other data")) })),
    forgery("two transactions cut into one entry", "malformed-block", block({ data: [Buffer.concat([a, b])] })),
    forgery(
      "two transactions cut at another place",
      "malformed-block",
      block({ data: [Buffer.concat([a, b.subarray(0, 5)]), b.subarray(5)] }),
    ),
    forgery("a length that is not minimal", "malformed-block", block({ data: [stretched(one)] })),
    forgery(
      "an unknown field behind a transaction",
      "malformed-block",
      block({ data: [Buffer.concat([one, integer(15, 1)])] }),
    ),
    forgery("no transaction at all", "malformed-block", block({ data: [] })),
    forgery("no header", "malformed-block", field(2, field(1, one))),
    forgery("bytes that are no block", "malformed-block", text("no block")),
    forgery("a link to another chain", "broken-chain", block({ previousHash: sha256(text("another chain")) })),
  ];
}

function assemble({ number, previousHash, data, dataHash, sign, signer }: Parts): Uint8Array {
  const header: Block["header"] = { number, previousHash, dataHash };
  const value = encodeOrdererBlockMetadata({ lastConfigIndex: 0n, consenterMetadata: new Uint8Array() });
  const signatureHeader = encodeSignatureHeader({ creator: signer, nonce: randomBytes(24) });
  const signature = sign(Buffer.concat([value, signatureHeader, blockHeaderBytes(header)]));
  const none = new Uint8Array();
  const signatures = encodeMetadata({ value, signatures: [{ signatureHeader, signature, identifierHeader: none }] });
  return encodeBlock({ header, data, metadata: [signatures, none, none, none, none] });
}

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 1;
  return copy;
}

/** The same transaction to a lenient decoder: its first length takes one byte more than it must. */
function stretched(transaction: Uint8Array): Uint8Array {
  const lengthEnd = 1 + transaction.subarray(1).findIndex((byte) => byte < 0x80);
  const last = transaction[lengthEnd] ?? 0;
  const longer = Uint8Array.of(last | 0x80, 0);
  return Buffer.concat([transaction.subarray(0, lengthEnd), longer, transaction.subarray(lengthEnd + 1)]);
}
