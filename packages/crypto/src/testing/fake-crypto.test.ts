import { orgId } from "@gossip/proto";
import { readBlock } from "@gossip/proto/fabric";
import { describe, expect, it } from "vitest";
import { messageCryptoServiceCases, securityAdvisorCases } from "./cases.js";
import { createFakeCrypto, FakeTrust, fakeIdentity, makeFakeBlock } from "./fake-crypto.js";

function createWorld() {
  const trust = new FakeTrust({ organizations: ["Org1", "Org2"], wallMs: () => 1_000 });
  trust.setChannel("demo", ["Org1"]);
  const expired = createFakeCrypto({ org: "Org1", name: "old", trust });
  trust.expire(expired.identity, 999);
  const revoked = createFakeCrypto({ org: "Org1", name: "gone", trust });
  trust.revoke(revoked.identity);
  const crypto = createFakeCrypto({ org: "Org1", name: "peer0", trust });
  const stranger = createFakeCrypto({ org: "Org9", name: "peer0", trust });
  return { trust, crypto, expired, revoked, stranger };
}

describe("the fake MessageCryptoService", () => {
  for (const { name, run } of messageCryptoServiceCases) {
    it(name, () =>
      run(() => {
        const { trust, crypto, expired, revoked, stranger } = createWorld();
        return {
          crypto,
          identity: crypto.identity,
          member: createFakeCrypto({ org: "Org1", name: "peer1", trust }),
          outsider: createFakeCrypto({ org: "Org2", name: "peer0", trust }),
          stranger,
          expired,
          revoked,
          // The fake believes whoever names a known organization.
          impostor: undefined,
          channel: "demo",
          block: makeFakeBlock({ channel: "demo", number: 7n, data: [new Uint8Array([1])] }),
          blockNumber: 7n,
        };
      }),
    );
  }

  it("refuses a revoked identity, and only that", () => {
    const { trust, crypto } = createWorld();
    trust.revoke(fakeIdentity("Org1", "peer1"));
    expect(crypto.validateIdentity(fakeIdentity("Org1", "peer1"))).toMatchObject({ reason: "revoked-identity" });
    expect(crypto.validateIdentity(fakeIdentity("Org1", "peer2"))).toEqual({ ok: true });
  });

  it("believes everybody in every channel unless told otherwise", () => {
    const [one, two] = [createFakeCrypto({ org: "A", name: "a" }), createFakeCrypto({ org: "B", name: "b" })];
    const payload = new Uint8Array([1, 2, 3]);
    expect(one.verifyByChannel("any", two.identity, two.sign(payload), payload)).toEqual({ ok: true });
  });

  it("accepts the blocks that makeFakeBlock makes", () => {
    const block = readBlock(makeFakeBlock({ channel: "any", number: 3n, data: [new Uint8Array([9])] }));
    expect(block.ok && createFakeCrypto({ org: "A", name: "a" }).verifyBlock("any", 3n, block.value)).toEqual({
      ok: true,
    });
  });
});

describe("the fake SecurityAdvisor", () => {
  for (const { name, run } of securityAdvisorCases) {
    it(name, () =>
      run(() => {
        const { crypto, expired, revoked, stranger } = createWorld();
        const org = orgId("Org1");
        return {
          advisor: crypto,
          identity: crypto.identity,
          org,
          expired: expired.identity,
          revoked: revoked.identity,
          stranger: stranger.identity,
        };
      }),
    );
  }
});
