import { authority, config, invalid, type MspCase, noRoles, peer, units, valid } from "./building.js";

/** What organizational units do. */
export function unitCases(): readonly MspCase[] {
  const root = authority({ s: "high" });
  const inner = authority({ subject: "inner" }, root);
  const second = authority({ subject: "second" }, root);
  const both = { intermediateCerts: [inner.pem, second.pem] };
  const roleOf = (certificate: Uint8Array) => ({
    enable: true,
    peer: { certificate, organizationalUnitIdentifier: "peer" },
  });
  const required = (certificate: Uint8Array) => ({
    organizationalUnitIdentifiers: [{ certificate, organizationalUnitIdentifier: "dept1" }],
  });
  const admins = [peer(root, units("client")).pem];
  const nothing = new Uint8Array(0);
  return [
    {
      name: "roles told apart by unit",
      config: config([root]),
      identities: [
        valid("a client", peer(root, units("client"))),
        valid("an orderer", peer(root, units("orderer"))),
        valid("an administrator", peer(root, units("admin"))),
        valid("a peer with other units", peer(root, units("org1", "peer", "department1"))),
        invalid("nobody in particular", peer(root, units()), "no organizational unit"),
        invalid("a member with another unit", peer(root, units("dept1")), '"dept1"'),
        invalid("a unit in other letters", peer(root, units("Peer")), '"Peer"'),
        invalid("a peer twice", peer(root, units("peer", "peer")), "exactly one"),
        invalid("a peer and client", peer(root, units("peer", "client")), "exactly one"),
      ],
    },
    {
      name: "a unit that a certain authority must have given",
      config: config([root], {
        ...both,
        admins: [peer(inner, units("client")).pem],
        nodeOus: { ...roleOf(inner.pem), client: { certificate: nothing, organizationalUnitIdentifier: "client" } },
      }),
      identities: [
        valid("a peer of that authority", peer(inner)),
        invalid("a peer of another authority", peer(second), "authority configured"),
        valid("a client of another authority", peer(second, units("client"))),
      ],
    },
    {
      name: "a unit that its root must have given, with a high S",
      config: config([root], {
        admins,
        nodeOus: { ...roleOf(root.pem), client: { certificate: nothing, organizationalUnitIdentifier: "client" } },
      }),
      identities: [valid("a peer", peer(root))],
    },
    {
      name: "a unit of an authority that it does not have",
      config: config([root], { admins, nodeOus: roleOf(authority().pem) }),
      refused: "authority of the MSP",
    },
    {
      name: "a unit of an authority that is an inner node",
      config: config([authority({ subject: "top" })], { nodeOus: roleOf(root.pem) }),
      refused: "authority of the MSP",
    },
    {
      name: "units that its members must be in",
      config: config([root], { ...noRoles, admins: [peer(root, units("dept1")).pem], ...required(root.pem) }),
      identities: [
        valid("a member of the unit", peer(root, units("dept1"))),
        invalid("a member of another", peer(root, units("dept2")), '"dept2"'),
        invalid("a member of none", peer(root, units()), "no organizational unit"),
      ],
    },
    {
      name: "units that its members must be in, by one of two authorities",
      config: config([root], {
        ...both,
        ...noRoles,
        admins: [peer(inner, units("dept1")).pem],
        ...required(inner.pem),
      }),
      identities: [
        valid("a member of that one's unit", peer(inner, units("dept1"))),
        invalid("a member of the other's unit", peer(second, units("dept1")), '"dept1"'),
      ],
    },
    {
      name: "required units without a certificate",
      config: config([root], { ...noRoles, admins, ...required(nothing) }),
      refused: "no PEM",
    },
    {
      name: "roles that are not enabled",
      config: config([root], {
        admins,
        nodeOus: { enable: false, peer: { certificate: nothing, organizationalUnitIdentifier: "peer" } },
      }),
      identities: [valid("a member without a unit", peer(root, units()))],
    },
    {
      name: "roles enabled, but none defined",
      config: config([root], { admins, nodeOus: { enable: true } }),
      identities: [valid("a member without a unit", peer(root, units()))],
    },
    {
      name: "SHA-384 to identify chains with",
      config: config([root], {
        admins,
        cryptoConfig: { signatureHashFamily: "", identityIdentifierHashFunction: "SHA384" },
        nodeOus: { ...roleOf(root.pem), client: { certificate: nothing, organizationalUnitIdentifier: "client" } },
      }),
      identities: [valid("a peer", peer(root))],
    },
  ];
}
