import { type Envelope, type OrgId, pkiIdFromBytes } from "@gossip/proto";
import { ItemStore } from "@gossip/pull";
import type { MembershipView } from "./channel-gossip.js";

/**
 * The identities that we can prove to others: signed PeerIdentity messages under their PKI-IDs, and who may learn which
 * (protocol page 05 §8). Our organization learns all; another one only of itself and of ours, and only who shows itself.
 */
export function makeIdentityItems(selfOrg: OrgId, members: MembershipView): ItemStore<Envelope> {
  return new ItemStore<Envelope>({
    bytesOf: ({ payload, signature }) => payload.length + signature.length,
    egress: (requester) => {
      const theirs = members.orgOf(requester);
      if (theirs === undefined) return () => false;
      if (theirs === selfOrg) return () => true;
      return (_item, digest) => {
        const pkiId = pkiIdFromBytes(digest);
        const org = members.orgOf(pkiId);
        return (org === selfOrg || org === theirs) && members.isVisible(pkiId);
      };
    },
  });
}
