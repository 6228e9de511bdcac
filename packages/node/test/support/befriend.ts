import { channelMac, type MessageCryptoService, type SecurityAdvisor, unsigned } from "@gossip/crypto";
import { type FakeCrypto, makeFakeBlock } from "@gossip/crypto/testing";
import type { GossipMessage, MessageOf, MessageType } from "@gossip/proto";
import { stateInfo } from "@gossip/proto/testing";
import { alive, channelName, meet, type Scene, sealed } from "./scene.js";

/** How often a node was made to check something. */
export interface Checks {
  signatures: number;
  identities: number;
  blocks: number;
}

/** The fake, counting what it is asked. */
function counting(checks: Checks) {
  return (crypto: FakeCrypto): MessageCryptoService & SecurityAdvisor => ({
    ...crypto,
    verify(identity, signature, payload) {
      checks.signatures++;
      return crypto.verify(identity, signature, payload);
    },
    verifyByChannel(channel, identity, signature, payload) {
      checks.signatures++;
      return crypto.verifyByChannel(channel, identity, signature, payload);
    },
    validateIdentity(identity) {
      checks.identities++;
      return crypto.validateIdentity(identity);
    },
    verifyBlock(channel, blockNumber, block) {
      checks.blocks++;
      return crypto.verifyBlock(channel, blockNumber, block);
    },
  });
}

/** A member of the channel, as it says itself. */
export function info(crypto: FakeCrypto, sequence: bigint, height = 1n) {
  return stateInfo({
    pkiId: crypto.pkiId,
    channelMac: channelMac(crypto.pkiId, channelName),
    time: { incarnation: 1n, sequence },
    properties: { ledgerHeight: height, leftChannel: false, chaincodes: [] },
  });
}

export function block(number: bigint) {
  const data = makeFakeBlock({ channel: channelName, number, data: [Uint8Array.of(1)] });
  return { blockNumber: number, data, privateData: [] as Uint8Array[] };
}

/** A victim that counts, and a stranger that is its member. */
export async function befriend(scene: Scene, options: Parameters<typeof meet>[1] = {}) {
  const checks: Checks = { signatures: 0, identities: 0, blocks: 0 };
  const met = await meet(scene, { wrap: counting(checks), ...options });
  await met.say(sealed(alive(met.crypto, 1n), met.crypto));
  /** What it costs the victim to hear this. */
  const costOf = async (message: GossipMessage) => {
    const before = { ...checks };
    await met.say(unsigned(message));
    return {
      signatures: checks.signatures - before.signatures,
      identities: checks.identities - before.identities,
      blocks: checks.blocks - before.blocks,
    };
  };
  const heardOf = <T extends MessageType>(type: T) =>
    met.heard.filter((message): message is MessageOf<T> => message.type === type);
  return { ...met, checks, costOf, heardOf };
}
