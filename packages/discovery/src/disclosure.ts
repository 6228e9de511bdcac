import type { Member, OrgId, PkiId } from "@gossip/proto";

/** What a peer may learn of a member: nothing, its alive message without the secret, or all of it. */
export type Disclosed = "nothing" | "public" | "all";

/**
 * Decides what `target` may learn of `subject` in membership requests and responses.
 * MUST be pure for the length of a step, and fast: it is called once per member and response.
 * `target` and `subject` are as their own alive messages describe them; `subject` may be this node itself.
 */
export type Disclosure = (target: Member, subject: Member) => Disclosed;

/** Who we are and how to tell organizations apart; without them the rule cannot tell our own members from others. */
export interface OrganizationDisclosureOptions {
  readonly self: PkiId;
  readonly selfOrg: OrgId;
  /** The organization of a known PKI-ID, `undefined` when its identity is unknown. */
  orgOf(pkiId: PkiId): OrgId | undefined;
}

/**
 * The rule of Fabric (protocol page 04 §15.1): a peer learns everything about its own organization, and of ours only who
 * has an external endpoint, provided that it has one too. An unknown organization learns nothing.
 *
 * Unlike the reference, a secret goes to members of our own organization only, unknown organizations included.
 */
export function organizationDisclosure(options: OrganizationDisclosureOptions): Disclosure {
  const { self, selfOrg } = options;
  const orgOf = (pkiId: PkiId) => (pkiId === self ? selfOrg : options.orgOf(pkiId));
  return (target, subject) => {
    const targetOrg = orgOf(target.pkiId);
    const subjectOrg = orgOf(subject.pkiId);
    if (targetOrg === undefined || subjectOrg === undefined) return "nothing";
    if (subjectOrg === targetOrg) return targetOrg === selfOrg ? "all" : "public";
    if (subjectOrg !== selfOrg) return "nothing";
    return subject.endpoint !== "" && target.endpoint !== "" ? "public" : "nothing";
  };
}
