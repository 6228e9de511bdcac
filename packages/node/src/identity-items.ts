import type { IdentityStore } from "@gossip/crypto";
import { type Envelope, maxPkiIdBytes, type OrgId, type PkiId, pkiIdFromBytes } from "@gossip/proto";
import { ItemStore, type PullItems } from "@gossip/pull";
import { type WallClock, wallMillis } from "@gossip/runtime";
import type { MembershipView } from "./channel-gossip.js";

/**
 * The identities that we can prove to others: signed PeerIdentity messages under their PKI-IDs, and who may learn which
 * (protocol page 05 §8). Our organization learns all; another one only of itself and of ours, and only who shows itself.
 */
export function makeIdentityItems(selfOrg: OrgId, members: MembershipView): ItemStore<Envelope> {
  // By the octets that the store keeps: ten thousand of them are looked at for each hello of another organization.
  const pkiIds = new WeakMap<Uint8Array, PkiId>();
  const pkiIdOf = (digest: Uint8Array): PkiId => {
    const known = pkiIds.get(digest);
    if (known !== undefined) return known;
    const pkiId = pkiIdFromBytes(digest);
    pkiIds.set(digest, pkiId);
    return pkiId;
  };
  return new ItemStore<Envelope>({
    bytesOf: ({ payload, signature }) => payload.length + signature.length,
    egress: (requester) => {
      const theirs = members.orgOf(requester);
      if (theirs === undefined) return () => false;
      if (theirs === selfOrg) return () => true;
      return (_item, digest) => {
        const pkiId = pkiIdOf(digest);
        const org = members.orgOf(pkiId);
        return (org === selfOrg || org === theirs) && members.isVisible(pkiId);
      };
    },
  });
}

/**
 * The same as the pull sees them: what went for a reason that still holds counts as held, so that it is not asked for
 * again, however many peers still offer it (protocol page 02 §11.5, §11.9).
 */
export function welcomeOnly(
  items: ItemStore<Envelope>,
  identities: IdentityStore,
  wall: WallClock,
): PullItems<Envelope> {
  return {
    isDigest: (digest) => digest.length <= maxPkiIdBytes,
    has: (digest) => items.has(digest) || identities.isUnwelcome(pkiIdFromBytes(digest), wallMillis(wall)),
    digests: (requester) => items.digests(requester),
    items: (requester) => items.items(requester),
    bytesOf: (item) => items.bytesOf(item),
  };
}
