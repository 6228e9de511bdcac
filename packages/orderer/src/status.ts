import type { BroadcastResponse } from "@gossip/proto/fabric";

/** The numbers of `common.Status` that this orderer answers with. */
export const status = Object.freeze({
  success: 200,
  badRequest: 400,
  forbidden: 403,
  notFound: 404,
  tooLarge: 413,
  notImplemented: 501,
  unavailable: 503,
});

/** The answer to a transaction that lies in a block on disk. */
export const ordered: BroadcastResponse = Object.freeze({ status: status.success, info: "" });

/** An answer that refuses; `info` says what was expected and what came. */
export function refused(number: number, info: string): BroadcastResponse {
  return { status: number, info };
}
