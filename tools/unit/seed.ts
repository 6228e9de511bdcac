/**
 * One seed for all properties, so that the gate gives the same answer to the same code every time.
 * Look further with `FC_SEED=random npm test -- unit`; a failure prints its seed, and `FC_SEED=<seed>` shows it again.
 */

import fc from "fast-check";

const given = process.env["FC_SEED"] ?? "20261121";
if (given !== "random") fc.configureGlobal({ seed: Number(given) });
