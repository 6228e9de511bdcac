import type { Decoded } from "../decoded.js";
import { orderer } from "../generated/fabric.js";
import {
  checkedText,
  decoded,
  fromLong,
  type Init,
  indexIn,
  integer,
  missing,
  parseAs,
  plain,
  refused,
  serialize,
  toLong,
  unknownNumber,
} from "../wire.js";

/** A block by its place in the ledger. */
export type SeekPosition =
  | { readonly type: "newest" }
  | { readonly type: "oldest" }
  | { readonly type: "specified"; readonly number: bigint };

/** `orderer.SeekInfo`: which blocks a Deliver call asks for. */
export interface SeekInfo {
  readonly start: SeekPosition;
  /** Inclusive; 2^64 - 1 means for ever. */
  readonly stop: SeekPosition;
  /** At the end of the ledger, wait for the next block or answer with NOT_FOUND. */
  readonly behavior: "block-until-ready" | "fail-if-not-ready";
  /** Whether the stream ends when the orderer cannot check its own state. */
  readonly errorResponse: "strict" | "best-effort";
  readonly contentType: "block" | "header-with-sig";
}

// Names by their numbers in the enums of SeekInfo.
const behaviors = ["block-until-ready", "fail-if-not-ready"] as const;
const errorResponses = ["strict", "best-effort"] as const;
const contentTypes = ["block", "header-with-sig"] as const;

/** Reads the data of a Deliver request. Never throws. */
export function readSeekInfo(bytes: Uint8Array): Decoded<SeekInfo> {
  return parseAs(orderer.SeekInfo, bytes, (wire) => {
    if (wire.start === null) return missing("start");
    if (wire.stop === null) return missing("stop");
    const start = positionFrom(wire.start);
    if (start === undefined) return refused("no-content", "expected start to be newest, oldest or specified");
    const stop = positionFrom(wire.stop);
    if (stop === undefined) return refused("no-content", "expected stop to be newest, oldest or specified");
    const behavior = behaviors[wire.behavior];
    const errorResponse = errorResponses[wire.errorResponse];
    const contentType = contentTypes[wire.contentType];
    if (behavior === undefined) return unknownNumber("behavior", 2, wire.behavior);
    if (errorResponse === undefined) return unknownNumber("error_response", 2, wire.errorResponse);
    if (contentType === undefined) return unknownNumber("content_type", 2, wire.contentType);
    return decoded({ start, stop, behavior, errorResponse, contentType });
  });
}

/**
 * Serializes the data of a Deliver request.
 *
 * @throws GossipError `invalid-argument` when a block number is not a uint64, or a name is none of its type.
 */
export function encodeSeekInfo(seek: SeekInfo): Uint8Array {
  return serialize(orderer.SeekInfo, {
    start: positionToWire(seek.start, "start"),
    stop: positionToWire(seek.stop, "stop"),
    behavior: indexIn(behaviors, seek.behavior, "behavior"),
    errorResponse: indexIn(errorResponses, seek.errorResponse, "errorResponse"),
    contentType: indexIn(contentTypes, seek.contentType, "contentType"),
  });
}

/** `common.Status` numbers: 200 SUCCESS, 400 BAD_REQUEST, 403 FORBIDDEN, 404 NOT_FOUND, 413, 500, 501, 503. */
export type Status = number;

/** What Deliver answers. `block` is the serialized `common.Block`, a view into the response. */
export type DeliverResponse =
  | { readonly type: "status"; readonly status: Status }
  | { readonly type: "block"; readonly block: Uint8Array };

/** Reads a response of Deliver. Never throws. */
export function readDeliverResponse(bytes: Uint8Array): Decoded<DeliverResponse> {
  return parseAs(orderer.DeliverResponse, bytes, ({ status, block }): Decoded<DeliverResponse> => {
    if (block !== null) return decoded({ type: "block", block: plain(block) });
    if (status !== null) return decoded({ type: "status", status });
    return refused("no-content", "expected a status or a block");
  });
}

/**
 * Serializes a response of Deliver.
 *
 * @throws GossipError `invalid-argument` when the status is no int32.
 */
export function encodeDeliverResponse(response: DeliverResponse): Uint8Array {
  if (response.type === "status") {
    return serialize(orderer.DeliverResponse, { status: statusToWire(response.status) });
  }
  return serialize(orderer.DeliverResponse, { block: response.block }, response.block.length + 16);
}

/** What Broadcast answers to each envelope. */
export interface BroadcastResponse {
  readonly status: Status;
  /** Why it was not taken; empty on success. */
  readonly info: string;
}

/** Reads a response of Broadcast. Never throws. */
export function readBroadcastResponse(bytes: Uint8Array): Decoded<BroadcastResponse> {
  return parseAs(orderer.BroadcastResponse, bytes, ({ status, info }) => decoded({ status, info }));
}

/**
 * Serializes a response of Broadcast.
 *
 * @throws GossipError `invalid-argument` when the status is no int32 or `info` has no UTF-8 form.
 */
export function encodeBroadcastResponse({ status, info }: BroadcastResponse): Uint8Array {
  return serialize(orderer.BroadcastResponse, { status: statusToWire(status), info: checkedText(info, "info") });
}

function positionFrom({ newest, oldest, specified }: orderer.SeekPosition): SeekPosition | undefined {
  if (newest !== null) return { type: "newest" };
  if (oldest !== null) return { type: "oldest" };
  return specified === null ? undefined : { type: "specified", number: fromLong(specified.number) };
}

function positionToWire(position: SeekPosition, name: string): Init<orderer.SeekPosition> {
  switch (position.type) {
    case "newest":
      return { newest: {} };
    case "oldest":
      return { oldest: {} };
    case "specified":
      return { specified: { number: toLong(position.number, `${name}.number`) } };
  }
}

function statusToWire(status: Status): number {
  return integer(status, "status", 0, 2 ** 31 - 1);
}
