import { markVerified, type Verified } from "@gossip/crypto";
import { type AliveMessage, encodeMessage, encodeSecret, type PkiId, pkiIdFromBytes } from "@gossip/proto";
import type { SelfRecord } from "../io.js";

/** A PKI-ID that reads as a name in hex, for tests. */
export function pkiIdOf(name: string): PkiId {
  return pkiIdFromBytes(new TextEncoder().encode(name));
}

/** The name in a PKI-ID made by `pkiIdOf`. */
export function nameOf(pkiId: PkiId): string {
  return Buffer.from(pkiId, "hex").toString();
}

/** What a test may set in an alive message; freshness is judged by incarnation first, then by sequence. */
export interface AliveOptions {
  readonly incarnation?: bigint;
  readonly sequence?: bigint;
  /** External endpoint; empty by default. */
  readonly endpoint?: string;
  /** Internal endpoint in the secret; without it there is no secret. */
  readonly internalEndpoint?: string;
  readonly metadata?: Uint8Array;
  /** As whoever was just started shows it. @default none */
  readonly identity?: Uint8Array;
}

/** A verified alive message of the member called `name`, incarnation and sequence 1 by default, signed by nobody. */
export function aliveOf(name: string, options: AliveOptions = {}): Verified<AliveMessage> {
  const { incarnation = 1n, sequence = 1n, endpoint = "", internalEndpoint, metadata = new Uint8Array() } = options;
  const self: SelfRecord = {
    member: { pkiId: pkiIdOf(name), endpoint, metadata },
    time: { incarnation, sequence },
    internalEndpoint: internalEndpoint ?? "",
  };
  return verifiedAlive(self, options.identity);
}

/** What the exit makes of an own record, but for the signatures. */
export function verifiedAlive(
  { member, time, internalEndpoint }: SelfRecord,
  identity: Uint8Array = new Uint8Array(),
): Verified<AliveMessage> {
  const message: AliveMessage = {
    type: "alive",
    nonce: 0n,
    channel: "",
    tag: "empty",
    member,
    time,
    identity,
  };
  const signature = new TextEncoder().encode(`signed by ${nameOf(member.pkiId)}`);
  return markVerified(message, {
    payload: encodeMessage(message),
    signature,
    ...(internalEndpoint !== "" && { secret: { payload: encodeSecret(internalEndpoint), signature } }),
  });
}

/** The same message as it looks after passing through another organization. */
export function withoutSecret({ message, envelope }: Verified<AliveMessage>): Verified<AliveMessage> {
  const { payload, signature } = envelope;
  return markVerified(message, { payload, signature });
}
