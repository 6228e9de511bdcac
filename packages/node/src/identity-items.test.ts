import { IdentityStore } from "@gossip/crypto";
import { createFakeCrypto, fakeIdentity } from "@gossip/crypto/testing";
import { type Envelope, type OrgId, orgId, type PkiId, pkiIdFromBytes, pkiIdToBytes } from "@gossip/proto";
import type { PullItems } from "@gossip/pull";
import { pullItemsCases } from "@gossip/pull/testing";
import { VirtualClock } from "@gossip/runtime/testing";
import { describe, expect, test } from "vitest";
import { makeIdentityItems, welcomeOnly } from "./identity-items.js";

const idOf = (org: string, name: string): PkiId => pkiIdFromBytes(fakeIdentity(org, name));
/** Everybody whose name begins so has no endpoint that other organizations may see. */
const isHidden = (pkiId: PkiId) => Buffer.from(pkiId, "hex").toString().includes(":hidden");

/** Items of a node of org1 that knows everybody, but for those of `nowhere`. */
function create() {
  const items = makeIdentityItems(orgId("org1"), {
    alive: [],
    knows: () => true,
    isVisible: (pkiId) => !isHidden(pkiId),
    isLinked: () => false,
    orgOf(pkiId): OrgId | undefined {
      const [org = ""] = Buffer.from(pkiId, "hex").toString().split(":");
      return org === "nowhere" ? undefined : orgId(org);
    },
  });
  const add = (pkiId: PkiId): Envelope => {
    const envelope = { payload: pkiIdToBytes(pkiId), signature: new Uint8Array(1) };
    items.add(pkiIdToBytes(pkiId), envelope);
    return envelope;
  };
  return { items, add };
}

const everybody = ["org1", "org2", "org3"].flatMap((org) => [idOf(org, "shown"), idOf(org, "hidden")]);

test.each<[string, PkiId, readonly PkiId[]]>([
  ["nothing to a peer whose organization is not known", idOf("nowhere", "peer"), []],
  ["everything to a peer of our organization", idOf("org1", "peer"), everybody],
  [
    "to another organization its own and ours, as far as they show themselves",
    idOf("org2", "peer"),
    [idOf("org1", "shown"), idOf("org2", "shown")],
  ],
])("5.22: identities are offered and given: %s", (_, requester, expected) => {
  const { items, add } = create();
  for (const pkiId of everybody) add(pkiId);
  expect([...items.digests(requester)].map(pkiIdFromBytes)).toEqual(expected);
  const find = items.items(requester);
  expect(everybody.filter((pkiId) => find(pkiIdToBytes(pkiId)) !== undefined)).toEqual(expected);
});

describe("Identities as PullItems", () => {
  const subject = (wrap: (items: ReturnType<typeof makeIdentityItems>) => PullItems<Envelope>) => () => {
    const { items, add } = create();
    let next = 0;
    return {
      items: wrap(items),
      friend: idOf("org1", "friend"),
      stranger: idOf("nowhere", "stranger"),
      hold() {
        const pkiId = idOf("org2", `peer${next++}`);
        add(pkiId);
        return pkiIdToBytes(pkiId);
      },
      forget: (digest: Uint8Array) => void items.delete(digest),
      lacking: () => pkiIdToBytes(idOf("org2", "lacking")),
    };
  };
  const crypto = createFakeCrypto({ org: "org1", name: "self" });
  const identities = new IdentityStore({ crypto, advisor: crypto, self: crypto.identity });
  const clock = new VirtualClock();
  for (const { name, run } of pullItemsCases) {
    test(name, () => {
      run(subject((items) => items));
      run(subject((items) => welcomeOnly(items, identities, clock)));
    });
  }
});
