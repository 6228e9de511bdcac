import { Ed25519Crypto, type Ed25519CryptoOptions, readGenesisBlock } from "@gossip/crypto";
import { orgId } from "@gossip/proto";
import type { ChannelConfig } from "@gossip/proto/ed25519";
import { errorText, GossipError, type WallClock } from "@gossip/runtime";
import type { Ed25519Trust, PeerConfig } from "./config.js";
import { overridden, refuseChannel, type Trust, type TrustedChannel } from "./trust.js";

/** Trust in organizations of Ed25519 keys, whose channels are fixed by their genesis blocks. */
export function openEd25519Trust(config: PeerConfig & { readonly trust: Ed25519Trust }, wall: WallClock): Trust {
  const { identity, privateKey, organizations } = config.trust;
  const crypto = createCrypto({ identity, privateKey, organizations, wall });
  const channels = config.channels.map(({ genesisBlock, origin }, at) => {
    try {
      const channel = readGenesisBlock(genesisBlock);
      crypto.setChannel(channel);
      return fixedChannel(channel, genesisBlock, config);
    } catch (error) {
      throw refuseChannel(at, origin, errorText(error), error);
    }
  });
  return { identity, crypto, channels, peerTlsRoots: [], warnings: [] };
}

function fixedChannel(
  channel: ChannelConfig,
  genesisBlock: Uint8Array,
  { tls, deliveryClient }: PeerConfig,
): TrustedChannel {
  const { channelId, organizations, ordererOrganizations } = channel;
  const tlsRoots = tls === undefined ? {} : { tlsRoots: tls.rootCerts };
  const orderers = ordererOrganizations.flatMap(({ id, endpoints }) =>
    endpoints.map((address) => ({ address, org: id, ...tlsRoots })),
  );
  return {
    id: channelId,
    genesisBlock,
    terms: {
      organizations: organizations.map(({ id }) => orgId(id)),
      anchors: organizations.flatMap(({ id, anchors }) => anchors.map((endpoint) => ({ org: orgId(id), endpoint }))),
      orderers: orderers.map((orderer) => overridden(orderer, deliveryClient?.addressOverrides)),
    },
    restore: async () => {},
    isConfig: () => false,
    apply: () => false,
  };
}

/** Says in the words of the configuration which of its files is meant. */
function createCrypto(options: Ed25519CryptoOptions): Ed25519Crypto {
  try {
    return new Ed25519Crypto(options);
  } catch (error) {
    throw new GossipError("invalid-config", `peer.identity: ${errorText(error)}`, { cause: error });
  }
}
