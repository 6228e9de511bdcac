import type { TestAuthority, TestCertificate } from "../../src/testing/certificates.js";
import { makeRevocationList } from "../../src/testing/revocation-lists.js";
import { authority, config, type MspCase, noRoles, peer, units, valid } from "./building.js";

/** Who may be an administrator. */
export function adminCases(): readonly MspCase[] {
  const root = authority();
  const list = makeRevocationList(root, { serials: [8n] });
  const revoked = peer(root, { serial: 8n, ...units("admin") });
  const onlyPeers = { enable: true, peer: { certificate: new Uint8Array(0), organizationalUnitIdentifier: "peer" } };
  const admins = (certificate: TestCertificate) => ({ admins: [certificate.pem] });
  return [
    {
      name: "no administrator and no unit for them",
      config: config([root], { nodeOus: onlyPeers }),
      refused: "administrator",
    },
    { name: "no administrator and no roles", config: config([root], noRoles), refused: "administrator" },
    { name: "an administrator without roles", config: config([root], { ...noRoles, ...admins(peer(root)) }) },
    { name: "a client for administrator", config: config([root], admins(peer(root, units("client")))) },
    { name: "a peer for administrator", config: config([root], admins(peer(root))), refused: "administrator 1" },
    { name: "a CA for administrator", config: config([root], { ...noRoles, ...admins(root) }), refused: "no CA" },
    {
      name: "an administrator of another authority",
      config: config([root], { ...noRoles, ...admins(peer(authority())) }),
      refused: "administrator 1",
    },
    {
      name: "a revoked administrator without roles",
      config: config([root], { ...noRoles, ...admins(revoked), revocationList: [list] }),
      refused: "not to be revoked",
    },
    {
      name: "a revoked administrator with roles, whom nobody checks",
      config: config([root], { ...admins(revoked), revocationList: [list] }),
    },
    {
      name: "an administrator with an RSA key and roles, whom nobody checks",
      config: config([root], admins(peer(root, { keyType: "RSA", ...units("admin") }))),
    },
  ];
}

/** What else set-up looks at. */
export function otherSetupCases(): readonly MspCase[] {
  const root = authority();
  const tls = authority({ subject: "tls" });
  const tlsInner = authority({ subject: "tls inner" }, tls);
  const cryptoConfig = { signatureHashFamily: "SHA2", identityIdentifierHashFunction: "MD5" };
  const tlsOf = (tlsRoot: TestAuthority, ...inner: readonly TestAuthority[]) => ({
    tlsRootCerts: [tlsRoot.pem],
    tlsIntermediateCerts: inner.map(({ pem }) => pem),
  });
  return [
    { name: "TLS authorities", config: config([root], tlsOf(tls, tlsInner)) },
    { name: "a TLS authority with a high S", config: config([root], tlsOf(authority({ s: "high" }))) },
    {
      name: "a TLS authority that is no CA",
      config: config([root], tlsOf(authority({ isCa: false }))),
      refused: "to be a CA",
    },
    {
      name: "a TLS authority without a subject key identifier",
      config: config([root], tlsOf(authority({ hasSubjectKeyId: false }))),
      refused: "subject key identifier",
    },
    {
      name: "a TLS intermediate without its root",
      config: config([root], tlsOf(authority({ subject: "other" }), tlsInner)),
      refused: "one chain",
    },
    {
      name: "a TLS intermediate for a root",
      config: config([root], tlsOf(tlsInner)),
    },
    {
      name: "an identifier hash that Fabric does not know",
      config: config([root], { cryptoConfig }),
      refused: "identity_identifier_hash_function",
    },
    {
      name: "a signature hash that Fabric does not know",
      config: config([root], { cryptoConfig: { signatureHashFamily: "MD", identityIdentifierHashFunction: "" } }),
      identities: [valid("a peer, whose signatures will all be bad", peer(root))],
    },
    {
      name: "no crypto config",
      config: config([root], { cryptoConfig: undefined }),
      identities: [valid("a peer", peer(root))],
    },
  ];
}
