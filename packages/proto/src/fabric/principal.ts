import type { Decoded } from "../decoded.js";
import { common } from "../generated/fabric.js";
import { parseAs, serialize } from "../wire.js";
import { principalFrom, principalToWire } from "./principal-wire.js";

/** What an identity is to its organization, by Fabric's words; every valid one is a member. */
export type MspRole = "member" | "admin" | "client" | "peer" | "orderer";

/** `common.MSPPrincipal`: somebody, or some kind of people, that a policy names (page 13 §3.7). */
export type MspPrincipal =
  | { readonly type: "role"; readonly mspId: string; readonly role: MspRole }
  | {
      readonly type: "organization-unit";
      readonly mspId: string;
      readonly unit: string;
      /** SHA-256 of the chain of certificates that must have issued who is in the unit (page 13 §3.5). */
      readonly certifiersIdentifier: Uint8Array;
    }
  /** `identity` is a serialized `msp.SerializedIdentity`. */
  | { readonly type: "identity"; readonly identity: Uint8Array }
  | { readonly type: "anonymity"; readonly anonymity: "nominal" | "anonymous" }
  /** All of them at once. */
  | { readonly type: "combined"; readonly principals: readonly MspPrincipal[] };

/** Levels of principals combined of principals; nobody makes more than two. */
export const maxPrincipalDepth = 8;

/** Reads a principal. Never throws. */
export function readMspPrincipal(bytes: Uint8Array): Decoded<MspPrincipal> {
  return parseAs(common.MSPPrincipal, bytes, (wire) => principalFrom(wire));
}

/**
 * Serializes a principal.
 *
 * @throws GossipError `invalid-argument` when a string has no UTF-8 form, or a role or anonymity has no number.
 */
export function encodeMspPrincipal(principal: MspPrincipal): Uint8Array {
  return serialize(common.MSPPrincipal, principalToWire(principal), 2048);
}
