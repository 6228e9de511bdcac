import type { Decoded } from "../decoded.js";
import { gossip } from "../generated/ed25519.js";
import { checkedText, decoded, fromLong, parseAs, plain, serialize, toLong } from "../wire.js";
import { checkedKey, publicKeyBytes, refusedKey } from "./certificate.js";

const { ed25519 } = gossip;

/** An organization whose peers are in a channel. */
export interface ChannelOrganization {
  readonly id: string;
  /** Ed25519, 32 bytes; certificates of the organization are signed with it. */
  readonly rootPublicKey: Uint8Array;
  /** Endpoints `host:port` that other organizations may dial. */
  readonly anchors: readonly string[];
}

/** An organization whose orderers order a channel. */
export interface OrdererOrganization {
  readonly id: string;
  /** Ed25519, 32 bytes; certificates of the organization are signed with it. */
  readonly rootPublicKey: Uint8Array;
  /** Endpoints `host:port` of its orderers. */
  readonly endpoints: readonly string[];
}

/** Configuration of a channel between Ed25519 organizations: data of the CONFIG transaction in its genesis block. */
export interface ChannelConfig {
  readonly channelId: string;
  readonly sequence: bigint;
  readonly organizations: readonly ChannelOrganization[];
  readonly ordererOrganizations: readonly OrdererOrganization[];
}

/** Reads the configuration of a channel. Never throws. */
export function readChannelConfig(bytes: Uint8Array): Decoded<ChannelConfig> {
  return parseAs(ed25519.ChannelConfig, bytes, ({ channelId, sequence, organizations, ordererOrganizations }) => {
    for (const { rootPublicKey } of [...organizations, ...ordererOrganizations]) {
      if (rootPublicKey.length !== publicKeyBytes) return refusedKey("root_public_key", rootPublicKey);
    }
    return decoded({
      channelId,
      sequence: fromLong(sequence),
      organizations: organizations.map(({ id, rootPublicKey, anchors }) => ({
        id,
        rootPublicKey: plain(rootPublicKey),
        anchors: [...anchors],
      })),
      ordererOrganizations: ordererOrganizations.map(({ id, rootPublicKey, endpoints }) => ({
        id,
        rootPublicKey: plain(rootPublicKey),
        endpoints: [...endpoints],
      })),
    });
  });
}

/**
 * Serializes the configuration of a channel.
 *
 * @throws GossipError `invalid-argument` when the sequence is not a uint64, a string has no UTF-8 form, or a key is not
 * 32 bytes long.
 */
export function encodeChannelConfig(config: ChannelConfig): Uint8Array {
  return serialize(ed25519.ChannelConfig, {
    channelId: checkedText(config.channelId, "channelId"),
    sequence: toLong(config.sequence, "sequence"),
    organizations: config.organizations.map(({ id, rootPublicKey, anchors }) => ({
      id: checkedText(id, "organization.id"),
      rootPublicKey: checkedKey(rootPublicKey, "organization.rootPublicKey"),
      anchors: anchors.map((anchor) => checkedText(anchor, "organization.anchor")),
    })),
    ordererOrganizations: config.ordererOrganizations.map(({ id, rootPublicKey, endpoints }) => ({
      id: checkedText(id, "ordererOrganization.id"),
      rootPublicKey: checkedKey(rootPublicKey, "ordererOrganization.rootPublicKey"),
      endpoints: endpoints.map((endpoint) => checkedText(endpoint, "ordererOrganization.endpoint")),
    })),
  });
}
