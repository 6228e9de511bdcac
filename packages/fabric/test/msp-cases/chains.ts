import type { TestAuthority } from "../../src/testing/certificates.js";
import {
  authority,
  clientAuth,
  config,
  day,
  explicitPolicy,
  invalid,
  type MspCase,
  nameConstraints,
  named,
  peer,
  start,
  valid,
} from "./building.js";

/** MSPs with more than one level of authorities. */
export function chainCases(): readonly MspCase[] {
  const root = authority({ subject: "root" });
  const inner = authority({ subject: "inner" }, root);
  const lower = authority({ subject: "lower" }, inner);
  const short = authority({ subject: "root", maxPathLength: 0 });
  const onShort = authority({ subject: "inner" }, short);
  const bounded = authority({ subject: "bounded", maxPathLength: 1 });
  const onBounded = authority({ subject: "inner", maxPathLength: 0 }, bounded);
  const crossKey = authority({ subject: "cross", serial: 5n });
  const cross = authority({ subject: "cross", key: crossKey.privateKey }, root);
  const constrained = authority({ subject: "constrained", extensions: [nameConstraints] });
  const withNames = peer(constrained, { dnsNames: ["peer0.org1.example.com"] });
  const strict = peer(root, { extensions: [explicitPolicy] });
  const pemsOf = (...intermediates: readonly TestAuthority[]) => ({
    intermediateCerts: intermediates.map(({ pem }) => pem),
  });
  return [
    {
      name: "an intermediate",
      config: config([root], pemsOf(inner)),
      identities: [
        valid("a peer of the intermediate", peer(inner)),
        valid("a peer of the intermediate, with a high S", peer(inner, { s: "high" })),
        invalid("a peer of the root, which is an inner node", peer(root), "issued no other authority"),
        invalid("a peer of an intermediate that the MSP does not have", peer(lower), "none with its issuer's name"),
        invalid("the intermediate itself", inner, "no CA"),
      ],
    },
    {
      name: "two levels of intermediates",
      config: config([root], pemsOf(lower, inner)),
      identities: [
        valid("a peer of the lower one", peer(lower)),
        invalid("a peer of the upper one, which is an inner node", peer(inner), "issued no other authority"),
      ],
    },
    {
      name: "two roots, one of them with an intermediate",
      config: config([root, crossKey], pemsOf(inner)),
      identities: [valid("a peer of the other root", peer(crossKey)), valid("a peer of the intermediate", peer(inner))],
    },
    {
      name: "a root that is cross-certified by another",
      config: config([root, crossKey], pemsOf(cross)),
      identities: [invalid("its peer, which has two chains", peer(crossKey), "one chain")],
    },
    { name: "an intermediate without its root", config: config([crossKey], pemsOf(inner)), refused: "chain" },
    { name: "a lower intermediate without the upper", config: config([root], pemsOf(lower)), refused: "chain" },
    {
      name: "an intermediate with a high S",
      config: config([root], pemsOf(authority({ subject: "inner", key: inner.privateKey, s: "high" }, root))),
      identities: [valid("its peer", peer(inner))],
    },
    {
      name: "an intermediate that is no CA",
      config: config([root], pemsOf(authority({ subject: "inner", isCa: false }, root))),
      refused: "to be a CA",
    },
    {
      name: "an intermediate for clientAuth only",
      config: config([root], pemsOf(authority({ subject: "inner", extendedKeyUsage: [clientAuth] }, root))),
      refused: "lacks serverAuth",
    },
    {
      name: "an intermediate older than its root",
      config: config([root], pemsOf(authority({ subject: "inner", notBeforeMs: start - day }, root))),
      refused: "valid from",
    },
    // The limit counts authorities between, and for the intermediate alone there is none.
    {
      name: "an intermediate below a root that allows none",
      config: config([short], pemsOf(onShort)),
      identities: [invalid("its peer", peer(onShort), "authorities below it")],
    },
    {
      name: "an intermediate below a root that allows one",
      config: config([bounded], pemsOf(onBounded)),
      identities: [valid("its peer", peer(onBounded))],
    },
    {
      name: "a root with name constraints",
      config: config([constrained]),
      identities: [
        valid("a peer whose name is no host name", peer(constrained, { subject: named("peer of org1") })),
        invalid("a peer whose name is a host name", peer(constrained, { subject: named("peer0.org1") }), "host name"),
        {
          ...invalid("a peer with alternative names", withNames, "not evaluated"),
          deviation: "name constraints are not evaluated",
        },
      ],
    },
    {
      name: "one root, and a member with an explicit policy",
      config: config([root]),
      identities: [invalid("that member", strict, "requires a policy")],
    },
  ];
}
