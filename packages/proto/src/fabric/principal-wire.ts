/** Principals as parts of other messages: apart, since the generated types are not published. */

import type { Decoded } from "../decoded.js";
import { common } from "../generated/fabric.js";
import {
  checkedText,
  decoded,
  type Init,
  indexIn,
  missing,
  parseAs,
  plain,
  refused,
  serialize,
  unknownNumber,
} from "../wire.js";
import { type MspPrincipal, maxPrincipalDepth } from "./principal.js";

// By their numbers.
const roles = ["member", "admin", "client", "peer", "orderer"] as const;
const anonymities = ["nominal", "anonymous"] as const;
const classification = { role: 0, unit: 1, identity: 2, anonymity: 3, combined: 4 } as const;

/** A principal out of what holds it. */
export function principalFrom(wire: common.MSPPrincipal, depth = 1): Decoded<MspPrincipal> {
  const { principalClassification, principal } = wire;
  switch (principalClassification) {
    case classification.role:
      return parseAs(common.MSPRole, principal, ({ mspIdentifier, role }) => {
        const name = roles[role];
        return name === undefined
          ? unknownNumber("role", roles.length, role)
          : decoded({ type: "role", mspId: mspIdentifier, role: name });
      });
    case classification.unit:
      return parseAs(common.OrganizationUnit, principal, (unit) =>
        decoded({
          type: "organization-unit",
          mspId: unit.mspIdentifier,
          unit: unit.organizationalUnitIdentifier,
          certifiersIdentifier: plain(unit.certifiersIdentifier),
        }),
      );
    case classification.identity:
      return decoded({ type: "identity", identity: plain(principal) });
    case classification.anonymity:
      return parseAs(common.MSPIdentityAnonymity, principal, ({ anonymityType }) => {
        const anonymity = anonymities[anonymityType];
        return anonymity === undefined
          ? unknownNumber("anonymity_type", anonymities.length, anonymityType)
          : decoded({ type: "anonymity", anonymity });
      });
    case classification.combined:
      return parseAs(common.CombinedPrincipal, principal, ({ principals }) => combinedFrom(principals, depth));
    default:
      return unknownNumber("principal_classification", 5, principalClassification);
  }
}

/** A principal for what is to hold it. */
export function principalToWire(principal: MspPrincipal): Init<common.MSPPrincipal> {
  switch (principal.type) {
    case "role": {
      const content = {
        mspIdentifier: checkedText(principal.mspId, "mspId"),
        role: indexIn(roles, principal.role, "role"),
      };
      return wired(classification.role, serialize(common.MSPRole, content));
    }
    case "organization-unit": {
      const content = {
        mspIdentifier: checkedText(principal.mspId, "mspId"),
        organizationalUnitIdentifier: checkedText(principal.unit, "unit"),
        certifiersIdentifier: principal.certifiersIdentifier,
      };
      return wired(classification.unit, serialize(common.OrganizationUnit, content));
    }
    case "identity":
      return wired(classification.identity, principal.identity);
    case "anonymity": {
      const anonymityType = indexIn(anonymities, principal.anonymity, "anonymity");
      return wired(classification.anonymity, serialize(common.MSPIdentityAnonymity, { anonymityType }));
    }
    case "combined": {
      const principals = principal.principals.map(principalToWire);
      return wired(classification.combined, serialize(common.CombinedPrincipal, { principals }));
    }
  }
}

function combinedFrom(wires: readonly common.MSPPrincipal[], depth: number): Decoded<MspPrincipal> {
  if (depth >= maxPrincipalDepth)
    return refused("too-large", `expected at most ${maxPrincipalDepth} levels of principals`);
  // Of no parts, everybody would satisfy it.
  if (wires.length === 0) return missing("principals");
  const principals: MspPrincipal[] = [];
  for (const wire of wires) {
    const part = principalFrom(wire, depth + 1);
    if (!part.ok) return part;
    principals.push(part.value);
  }
  return decoded({ type: "combined", principals });
}

function wired(principalClassification: number, principal: Uint8Array): Init<common.MSPPrincipal> {
  return { principalClassification, principal };
}
