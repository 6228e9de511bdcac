import {
  anyUsage,
  authority,
  bytes,
  clientAuth,
  config,
  day,
  invalid,
  type MspCase,
  type Options,
  peer,
  serverAuth,
  start,
  unknownCritical,
  valid,
} from "./building.js";

/** MSPs that differ in their roots. */
export function rootCases(): readonly MspCase[] {
  const kinds: readonly (readonly [string, Options])[] = [
    ["a P-224 root", { keyType: "P-224" }],
    ["a P-384 root that signs with SHA-384", { keyType: "P-384", hash: "sha384" }],
    ["a P-521 root that signs with SHA-512", { keyType: "P-521", hash: "sha512" }],
    ["an Ed25519 root", { keyType: "Ed25519" }],
    ["an RSA root", { keyType: "RSA" }],
    ["an RSA root that signs with PSS", { keyType: "RSA", padding: "pss" }],
    ["a root with a high S", { s: "high" }],
    ["a root with serverAuth among its usages", { extendedKeyUsage: [clientAuth, serverAuth] }],
    ["a root for any usage", { extendedKeyUsage: [anyUsage] }],
    ["a root that has expired", { notBeforeMs: start - 400 * day, notAfterMs: start - 10 * day }],
    ["a root without a key usage", { keyUsage: [] }],
  ];
  const refused: readonly (readonly [string, Options, string])[] = [
    ["a root for clientAuth only", { extendedKeyUsage: [clientAuth] }, "lacks serverAuth"],
    ["a root without a subject key identifier", { hasSubjectKeyId: false }, "subject key identifier"],
    ["a root that is no CA", { isCa: false }, "Org1MSP"],
    ["a root without basic constraints", { isCa: undefined }, "Org1MSP"],
    ["a root with an unknown critical extension", { extensions: [unknownCritical] }, "1.2.3.4.5"],
    ["a root on a curve that Fabric does not have", { keyType: "secp256k1" }, "the curve P-224"],
    ["a root signed with SHA-1", { hash: "sha1" }, "signed by itself"],
    ["a root that may not sign certificates", { keyUsage: ["digitalSignature"] }, "signed by itself"],
    ["a root valid for no second", { notBeforeMs: start, notAfterMs: start }, "valid from"],
  ];
  const outer = authority({ subject: "outer" });
  const key = outer.privateKey;
  const sameKey = authority({ key, serial: 7n });
  return [
    ...kinds.map(([name, options]) => {
      const root = authority(options);
      const notBeforeMs = (options.notBeforeMs ?? start) + day;
      const signing = options.hash === undefined ? {} : { hash: options.hash };
      const leaf = { ...signing, ...(options.padding && { padding: options.padding }), notBeforeMs };
      return { name, config: config([root]), identities: [valid("its peer", peer(root, leaf))] };
    }),
    ...refused.map(([name, options, text]) => ({ name, config: config([authority(options)]), refused: text })),
    {
      name: "an RSA root that signed itself with SHA-1, which nobody checks",
      config: config([authority({ keyType: "RSA", hash: "sha1" })]),
    },
    { name: "no root", config: config([]), refused: "at least one root" },
    { name: "a root that is no PEM", config: config([], { rootCerts: [bytes("30")] }), refused: "no PEM" },
    {
      name: "an intermediate authority for a root",
      config: config([authority({ subject: "inner" }, outer)]),
      refused: "signed by itself",
    },
    {
      name: "an intermediate authority for a root, signed with RSA",
      config: config([authority({ subject: "inner" }, authority({ keyType: "RSA", subject: "outer" }))]),
    },
    {
      name: "two roots of one name and key",
      config: config([authority({ key, serial: 6n }), sameKey]),
      identities: [invalid("a peer", peer(sameKey), "one chain")],
    },
    {
      name: "a root twice",
      config: config([outer, outer]),
      identities: [valid("a peer", peer(outer))],
    },
    {
      name: "two roots of one name",
      config: config([outer, authority({ subject: "outer" })]),
      identities: [valid("a peer", peer(outer))],
    },
  ];
}
