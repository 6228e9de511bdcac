import { orgId } from "@gossip/proto";
import { systemWallClock } from "@gossip/runtime";
import { describe, expect, it } from "vitest";
import { TrialNetwork } from "./testing/trial-network.js";
import { openTrust, overridden } from "./trust.js";

const caCerts = [Uint8Array.of(1)];
const tlsRoots = [Uint8Array.of(2)];

describe("address overrides", () => {
  const orderer = { address: "orderer:7050", org: "OrdererOrg", tlsRoots };

  it("replace address and authorities of the orderer that they name", () => {
    const overrides = [{ from: "orderer:7050", to: "127.0.0.1:1", caCerts }];
    expect(overridden(orderer, overrides)).toEqual({ address: "127.0.0.1:1", org: "OrdererOrg", tlsRoots: caCerts });
  });

  it("keep the authorities that the channel names when they have none, and leave other orderers alone", () => {
    expect(overridden(orderer, [{ from: "orderer:7050", to: "127.0.0.1:1" }])).toEqual({
      address: "127.0.0.1:1",
      org: "OrdererOrg",
      tlsRoots,
    });
    expect(overridden(orderer, [{ from: "other:7050", to: "127.0.0.1:1" }])).toEqual(orderer);
    expect(overridden(orderer, undefined)).toEqual(orderer);
  });

  it("hold for channels of Ed25519 organizations", async () => {
    const trial = new TrialNetwork();
    const config = trial.peerConfig({ org: "Org1", name: "peer0", dir: "unused", listenAddress: "peer0:7051" });
    const plain = await openTrust(config, systemWallClock);
    const from = plain.channels[0]?.terms.orderers[0]?.address ?? "";
    const deliveryClient = { addressOverrides: [{ from, to: "127.0.0.1:1" }] };
    const trust = await openTrust({ ...config, deliveryClient }, systemWallClock);
    expect(trust.channels[0]?.terms.orderers.map(({ address }) => address)).toEqual(["127.0.0.1:1"]);
    expect(trust.channels[0]?.terms.organizations).toContain(orgId("Org1"));
  });
});
