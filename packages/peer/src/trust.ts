import { Ed25519Crypto, type Ed25519CryptoOptions, readGenesisBlock } from "@gossip/crypto";
import type { ChannelConfig } from "@gossip/proto/ed25519";
import { errorText, GossipError, type WallClock } from "@gossip/runtime";
import type { PeerConfig } from "./config.js";

/** A channel as its genesis block describes it. */
interface TrustedChannel {
  readonly config: ChannelConfig;
  readonly genesisBlock: Uint8Array;
}

/** Whom a peer believes, and the channels it believes in. */
export interface Trust {
  readonly crypto: Ed25519Crypto;
  readonly channels: readonly TrustedChannel[];
}

/**
 * Sets up trust, and refuses what every other peer would refuse later: an own identity that is expired, of another
 * organization, or one that may not read a channel.
 *
 * @throws GossipError `invalid-config`, `untrusted`.
 */
export function openTrust(config: PeerConfig, wall: WallClock): Trust {
  const { identity, privateKey, organizations } = config.trust;
  const crypto = createCrypto({ identity, privateKey, organizations, wall });
  const channels = config.channels.map(({ genesisBlock }, at) => readChannel(genesisBlock, at));
  const seen = new Set<string>();
  for (const [at, { config: channel }] of channels.entries()) {
    const { channelId } = channel;
    if (seen.has(channelId))
      throw refuseChannel(at, `expected each channel once, got a second genesis block of ${channelId}`);
    seen.add(channelId);
    const ids = channel.organizations.map(({ id }) => id);
    if (!ids.includes(config.localMspId)) {
      throw refuseChannel(
        at,
        `expected ${config.localMspId} among the organizations of ${channelId}, got ${ids.join(", ")}`,
      );
    }
    try {
      crypto.setChannel(channel);
    } catch (error) {
      throw refuseChannel(at, errorText(error), error);
    }
  }
  checkOwnIdentity(config, crypto, [...seen]);
  return { crypto, channels };
}

/** Says in the words of the configuration which of its files is meant. */
function createCrypto(options: Ed25519CryptoOptions): Ed25519Crypto {
  try {
    return new Ed25519Crypto(options);
  } catch (error) {
    throw new GossipError("invalid-config", `peer.identity: ${errorText(error)}`, { cause: error });
  }
}

function checkOwnIdentity({ localMspId, trust }: PeerConfig, crypto: Ed25519Crypto, channels: readonly string[]): void {
  const { identity } = trust;
  const valid = crypto.validateIdentity(identity);
  if (!valid.ok)
    throw new GossipError("untrusted", `expected own identity to be valid, got ${valid.reason}: ${valid.detail}`);
  const org = crypto.orgOf(identity);
  if (org !== localMspId) {
    throw new GossipError("invalid-config", `expected an identity of peer.localMspId ${localMspId}, got one of ${org}`);
  }
  const proof = new Uint8Array(32);
  const signature = crypto.sign(proof);
  for (const channel of channels) {
    const verdict = crypto.verifyByChannel(channel, identity, signature, proof);
    if (!verdict.ok) {
      throw new GossipError(
        "untrusted",
        `expected own identity to read channel ${channel}, got ${verdict.reason}: ${verdict.detail}`,
      );
    }
  }
}

function readChannel(genesisBlock: Uint8Array, at: number): TrustedChannel {
  try {
    return { config: readGenesisBlock(genesisBlock), genesisBlock };
  } catch (error) {
    throw refuseChannel(at, errorText(error), error);
  }
}

function refuseChannel(at: number, message: string, cause?: unknown): GossipError {
  return new GossipError("invalid-config", `channels[${at}].genesisBlock: ${message}`, { cause });
}
