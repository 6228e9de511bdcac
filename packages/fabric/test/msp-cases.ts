import type { MspCase } from "./msp-cases/building.js";
import { chainCases } from "./msp-cases/chains.js";
import { leafCases } from "./msp-cases/members.js";
import { revocationCases } from "./msp-cases/revocation.js";
import { rootCases } from "./msp-cases/roots.js";
import { adminCases, otherSetupCases } from "./msp-cases/set-up.js";
import { unitCases } from "./msp-cases/units.js";

/** The tables of page 13 §11, rows 1 and 2: every row with new keys. */
export function mspCases(): readonly MspCase[] {
  return [
    ...rootCases(),
    ...leafCases(),
    ...chainCases(),
    ...revocationCases(),
    ...unitCases(),
    ...adminCases(),
    ...otherSetupCases(),
  ];
}
