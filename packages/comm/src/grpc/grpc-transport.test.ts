import { describe, it } from "vitest";
import { closedPort, createOrganization } from "../../test/support/tls.js";
import { type TransportPair, transportCases } from "../testing/transport-cases.js";
import { createGrpcTransport } from "./grpc-transport.js";
import type { GrpcTls } from "./options.js";

describe("The gRPC transport", () => {
  for (const { name, run } of transportCases) it(name, () => run(() => createPair([])));
});

describe("The gRPC transport with mutual TLS", async () => {
  const organization = await createOrganization();
  const [alice, bob] = [await organization.member("alice"), await organization.member("bob")];
  for (const { name, run } of transportCases) it(name, () => run(() => createPair([alice, bob])));
});

async function createPair([aliceTls, bobTls]: readonly GrpcTls[]): Promise<TransportPair> {
  const alice = await createGrpcTransport({ listen: "127.0.0.1:0", ...(aliceTls && { tls: aliceTls }) });
  const bob = await createGrpcTransport({ listen: "127.0.0.1:0", ...(bobTls && { tls: bobTls }) });
  return {
    alice,
    bob,
    bobEndpoint: bob.endpoint,
    nobodyEndpoint: `127.0.0.1:${await closedPort()}`,
    async close() {
      await Promise.all([alice.close(), bob.close()]);
    },
  };
}
