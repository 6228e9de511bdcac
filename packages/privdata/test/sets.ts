import type { PrivatePayload } from "@gossip/proto";
import { seededRandom } from "@gossip/runtime";
import { privatePayload } from "../src/testing/index.js";

/** The set of this number: bytes that do not compress, so that LevelDB's files grow with them. */
export function payloadOf(number: number, bytes: number): PrivatePayload {
  return privatePayload({
    txId: `tx${number}`,
    rwset: seededRandom(number).bytes(bytes),
    simulationHeight: heightAfter(number),
  });
}

/** Height of the ledger when so many sets were pushed. */
export function heightAfter(sets: number): bigint {
  return BigInt(Math.floor(sets / 10) + 1);
}
