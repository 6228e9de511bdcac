import { describe, it } from "vitest";
import { createMemoryLedger, ledgerCases } from "./testing/index.js";

describe("The memory ledger", () => {
  for (const { name, run } of ledgerCases) it(name, () => run(createMemoryLedger));
});
