import { orgId } from "@gossip/proto";
import type { Config, ConfigEnvelope } from "@gossip/proto/fabric";
import { describe, expect, test } from "vitest";
import { makeTransaction } from "../testing/blocks.js";
import { makeChannelConfig, type TestChannelOptions } from "../testing/channels.js";
import { makeOrganization } from "../testing/organizations.js";
import { makeRevocationList } from "../testing/revocation-lists.js";
import { createChannelBundle } from "./bundle.js";

const org1 = makeOrganization("Org1MSP");
const org2 = makeOrganization("Org2MSP");
const org3 = makeOrganization("Org3MSP");
const orderer = makeOrganization("OrdererMSP");
const options: TestChannelOptions = { organizations: [org1, org2], ordererOrganizations: [orderer] };
const bundle = createChannelBundle("payments", makeChannelConfig({ ...options, sequence: 6n }));

describe("The bundle after a config block", () => {
  test("has the organizations and anchors of the new configuration, and leaves the old bundle as it is", () => {
    const anchored = { ...org1, anchors: ["peer0.org1:7051"] };
    const next = bundle.next(envelope({ ...options, organizations: [anchored, org3], sequence: 7n }));
    expect(next.sequence).toBe(7n);
    expect(next.organizations).toEqual([
      { name: "Org1MSP", mspId: "Org1MSP", anchors: ["peer0.org1:7051"] },
      { name: "Org3MSP", mspId: "Org3MSP", anchors: [] },
    ]);
    expect([...next.msps.msps.keys()]).toEqual(["Org1MSP", "Org3MSP", "OrdererMSP"]);
    expect(bundle.organizations.map(({ mspId }) => mspId)).toEqual(["Org1MSP", "Org2MSP"]);
    expect(next.next(envelope({ ...options, sequence: 8n })).sequence).toBe(8n);
  });

  test("13.54: keeps MSPs that did not change with all that they know, and makes the others anew", () => {
    const peer = org1.issue("peer0");
    const revocationList = [makeRevocationList(org1.root, { serials: [peer.serial] })];
    const revoking = { ...org1, config: { ...org1.config, revocationList } };
    const next = bundle.next(envelope({ ...options, organizations: [revoking, org2], sequence: 7n }));
    expect(next.msps.msps.get(orgId("Org2MSP"))).toBe(bundle.msps.msps.get(orgId("Org2MSP")));
    expect(next.msps.msps.get(orgId("Org1MSP"))).not.toBe(bundle.msps.msps.get(orgId("Org1MSP")));
    const verdicts = [bundle, next].map(({ msps }) => {
      const identity = msps.deserialize(peer.identity);
      return "reason" in identity ? identity : identity.validate();
    });
    expect(verdicts).toMatchObject([{ ok: true }, { ok: false, reason: "revoked-identity" }]);
  });

  test("makes all MSPs anew when the rules change", () => {
    const next = bundle.next(envelope({ ...options, capabilities: ["V3_0"], sequence: 7n }));
    expect(next.isV3).toBe(true);
    expect(next.msps.msps.get(orgId("Org2MSP"))?.version).toBe("v3");
  });

  test.each([5n, 6n, 8n, 0n])("13.53: is refused for sequence %d after 6", (sequence) => {
    expect(() => bundle.next(envelope({ ...options, sequence }))).toThrow(
      expect.objectContaining({ code: "malformed", message: expect.stringContaining(`got sequence ${sequence}`) }),
    );
  });

  test("13.53: is refused when an organization changes its MSP id under the same name", () => {
    const posing = { ...org3, name: "Org2MSP" };
    expect(() => bundle.next(envelope({ ...options, organizations: [org1, posing], sequence: 7n }))).toThrow(
      /organization Org2MSP to keep MSP id "Org2MSP", got "Org3MSP"/,
    );
    const posingOrderer = { ...org3, name: "OrdererMSP" };
    expect(() => bundle.next(envelope({ ...options, ordererOrganizations: [posingOrderer], sequence: 7n }))).toThrow(
      /organization OrdererMSP to keep MSP id "OrdererMSP", got "Org3MSP"/,
    );
  });

  test("13.53: is refused for another channel, and without the update that led to it", () => {
    const config = makeChannelConfig({ ...options, sequence: 7n });
    expect(() => bundle.next(envelopeOf(config, "bonds"))).toThrow(
      /an update of channel payments, got config-update of/,
    );
    expect(() => bundle.next({ config, lastUpdate: new Uint8Array(0) })).toThrow(/the update that led to it/);
    const creator = org1.issue("admin", "admin");
    const lastUpdate = makeTransaction({ channelId: "payments", creator, data: new Uint8Array(0) });
    expect(() => bundle.next({ config, lastUpdate })).toThrow(/got endorser-transaction of channel/);
  });

  test("13.54: is refused when it cannot be put in force", () => {
    expect(() => bundle.next(envelope({ ...options, capabilities: ["V9_9"], sequence: 7n }))).toThrow(/"V9_9"/);
  });
});

function envelope(changes: TestChannelOptions): ConfigEnvelope {
  return envelopeOf(makeChannelConfig(changes), "payments");
}

function envelopeOf(config: Config, channelId: string): ConfigEnvelope {
  const creator = org1.issue("admin", "admin");
  const lastUpdate = makeTransaction({ channelId, creator, type: "config-update", data: new Uint8Array(0) });
  return { config, lastUpdate };
}
