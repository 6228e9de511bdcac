import { describe, it } from "vitest";
import { createMemoryNetwork } from "./memory-network.js";
import { type TransportPair, transportCases } from "./transport-cases.js";

describe("The transport in memory", () => {
  for (const { name, run } of transportCases) it(name, () => run(() => createPair(false)));
});

describe("The transport in memory with certificate hashes", () => {
  for (const { name, run } of transportCases) it(name, () => run(() => createPair(true)));
});

async function createPair(secure: boolean): Promise<TransportPair> {
  const network = createMemoryNetwork();
  const hash = (value: number) => (secure ? { tlsCertHash: new Uint8Array(32).fill(value) } : {});
  const alice = network.transport("alice:7051", hash(1));
  const bob = network.transport("bob:7051", hash(2));
  return {
    alice,
    bob,
    bobEndpoint: "bob:7051",
    nobodyEndpoint: "nobody:7051",
    async close() {
      await Promise.all([alice.close(), bob.close()]);
    },
  };
}
