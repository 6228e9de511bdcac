import type { Chaincode } from "@gossip/proto";
import { GossipError } from "@gossip/runtime";
import { copyBytes } from "./copy.js";

/**
 * Copies of what a program says that its peer has. In a state info beyond `maxStateInfoBytes` they would end our membership: others
 * refuse it.
 *
 * @throws GossipError `invalid-argument` for a name that is missing or comes twice, `too-large`.
 */
export function checkedChaincodes(chaincodes: readonly Chaincode[], maxBytes: number): readonly Chaincode[] {
  const names = new Set(chaincodes.map(({ name }) => name));
  if (names.has("") || names.size < chaincodes.length) {
    throw new GossipError(
      "invalid-argument",
      "expected each chaincode to have a name of its own, got one that has not",
    );
  }
  const wrong = chaincodes.find(({ name, version }) => /\p{Surrogate}/u.test(name + version));
  if (wrong !== undefined) {
    throw new GossipError("invalid-argument", `expected text, got half a character in ${JSON.stringify(wrong.name)}`);
  }
  const bytes = chaincodes.reduce((sum, one) => sum + sizeOf(one), 0);
  if (bytes > maxBytes) {
    throw new GossipError("too-large", `expected chaincodes of at most ${maxBytes} bytes, got ${bytes}`);
  }
  return chaincodes.map(({ name, version, metadata }) => ({ name, version, metadata: copyBytes(metadata) }));
}

/** Of tags and lengths. */
const framingBytes = 16;

function sizeOf({ name, version, metadata }: Chaincode): number {
  return Buffer.byteLength(name) + Buffer.byteLength(version) + metadata.length + framingBytes;
}
