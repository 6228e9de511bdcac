import { makeRevocationList } from "../../src/testing/revocation-lists.js";
import { authority, bytes, config, invalid, type MspCase, peer, valid } from "./building.js";

/** MSPs with revocation lists. */
export function revocationCases(): readonly MspCase[] {
  const root = authority();
  const rsa = authority({ keyType: "RSA" });
  const inner = authority({ subject: "inner" }, root);
  const good = peer(root);
  const revoked = peer(root);
  const ofInner = peer(inner);
  const ofRsa = peer(rsa);
  const serials = [revoked.serial];
  const lists = (...revocationList: readonly Uint8Array[]) => ({ revocationList });
  const isRevoked = invalid("who is on it", revoked, "not to be revoked", "revoked-identity");
  const der = Buffer.from(
    Buffer.from(makeRevocationList(root, { serials }))
      .toString()
      .replace(/-----.*-----/g, ""),
    "base64",
  );
  return [
    {
      name: "a revocation list",
      config: config([root], lists(makeRevocationList(root, { serials }))),
      identities: [valid("who is not on it", good), isRevoked],
    },
    { name: "a revocation list in DER", config: config([root], lists(der)), identities: [isRevoked] },
    {
      name: "a revocation list with a high S",
      config: config([root], lists(makeRevocationList(root, { serials, s: "high" }))),
      identities: [isRevoked],
    },
    {
      name: "a revocation list signed with SHA-1",
      config: config([root], lists(makeRevocationList(root, { serials, hash: "sha1" }))),
      identities: [isRevoked],
    },
    {
      name: "a revocation list signed with RSA and SHA-1",
      config: config([rsa], lists(makeRevocationList(rsa, { serials: [ofRsa.serial], hash: "sha1" }))),
      identities: [invalid("who is on it", ofRsa, "not to be revoked", "revoked-identity")],
    },
    {
      name: "an empty revocation list",
      config: config([root], lists(makeRevocationList(root, { serials: [] }))),
      identities: [valid("a peer", good)],
    },
    {
      name: "a revocation list without an authority key identifier",
      config: config([root], lists(makeRevocationList(root, { serials: [], hasAuthorityKeyId: false }))),
      identities: [invalid("anybody", good, "authority key identifier")],
    },
    {
      name: "a revocation list that somebody else signed",
      config: config([root], lists(makeRevocationList(root, { serials, signer: authority() }))),
      identities: [valid("who is on it", revoked)],
    },
    {
      name: "a forged revocation list and a good one",
      config: config(
        [root],
        lists(makeRevocationList(root, { serials, signer: authority() }), makeRevocationList(root, { serials })),
      ),
      identities: [isRevoked],
    },
    {
      name: "a revocation list of another authority",
      config: config([root], lists(makeRevocationList(authority(), { serials }))),
      identities: [valid("whose number is on it", revoked)],
    },
    {
      name: "a revocation list that names an intermediate",
      config: config([root], {
        intermediateCerts: [inner.pem],
        ...lists(makeRevocationList(root, { serials: [inner.serial] })),
      }),
      refused: "not to be revoked",
    },
    {
      name: "a revocation list of an intermediate",
      config: config([root], {
        intermediateCerts: [inner.pem],
        ...lists(makeRevocationList(inner, { serials: [ofInner.serial] })),
      }),
      identities: [invalid("who is on it", ofInner, "not to be revoked", "revoked-identity")],
    },
    {
      name: "a revocation list that is none",
      config: config([root], lists(bytes("3000"))),
      refused: "revocation list",
    },
    {
      name: "a revocation list with text before it",
      config: config([root], lists(Buffer.concat([Buffer.from("\n"), makeRevocationList(root, { serials })]))),
      refused: "revocation list",
    },
  ];
}
