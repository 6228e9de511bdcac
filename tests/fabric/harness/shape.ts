/** What cryptogen and configtxgen are told. Both read YAML, of which JSON is a part. */

import { join } from "node:path";

export interface OrganizationShape {
  /** MSP id is the name with `MSP` behind it; the domain its lower case before `.example.com`. */
  readonly name: string;
  readonly peers: number;
  /** Of its peers' signing keys; everything else stays ECDSA, as with an operator who moves over. */
  readonly keys?: "ecdsa" | "ed25519";
}

export interface NetworkShape {
  readonly organizations: readonly OrganizationShape[];
  /** Organizations with crypto material that are not in the channel yet. */
  readonly later: readonly OrganizationShape[];
  readonly consensus: "raft" | "bft";
  readonly orderers: number;
  /** Of the channel. */
  readonly capability: "V2_0" | "V3_0";
  /** How many transactions the orderer waits for, `batchTimeout` at most, before it makes a block. */
  readonly maxMessageCount: number;
  /** By organization, which of its peers is its anchor; one that is not named has none. @default peer 0 of each */
  readonly anchors?: Readonly<Record<string, number>>;
  /** Whether peers and orderers demand a TLS certificate of whoever comes. @default false */
  readonly clientAuthRequired?: boolean;
}

export const org1: OrganizationShape = { name: "Org1", peers: 5 };
export const org2: OrganizationShape = { name: "Org2", peers: 5 };
export const org3: OrganizationShape = { name: "Org3", peers: 2 };

/** Two organizations of five peers and one Raft orderer. */
export const twoOrganizations: NetworkShape = {
  organizations: [org1, org2],
  later: [],
  consensus: "raft",
  orderers: 1,
  capability: "V2_0",
  maxMessageCount: 1,
};

/** `host` and `port` of everything that the channel's configuration names. */
export interface Places {
  readonly orderers: readonly number[];
  /** By organization: the anchor peer's port. */
  readonly anchors: ReadonlyMap<string, number>;
}

export const host = "127.0.0.1";
export const domainOf = (organization: string) => `${organization.toLowerCase()}.example.com`;
export const mspIdOf = (organization: string) => `${organization}MSP`;
export const ordererName = (index: number) => `orderer${index}.example.com`;
export const peerName = (organization: string, index: number) => `peer${index}.${domainOf(organization)}`;

export function cryptogenConfig({ organizations, later, orderers }: NetworkShape) {
  const sans = ["localhost", host];
  return {
    OrdererOrgs: [
      {
        Name: "Orderer",
        Domain: "example.com",
        EnableNodeOUs: true,
        Specs: Array.from({ length: orderers }, (_, index) => ({ Hostname: `orderer${index}`, SANS: sans })),
      },
    ],
    PeerOrgs: [...organizations, ...later].map(({ name, peers, keys = "ecdsa" }) => ({
      Name: name,
      Domain: domainOf(name),
      EnableNodeOUs: true,
      // v2.5 does not know the key.
      Template: { Count: peers, SANS: sans, ...(keys === "ecdsa" ? {} : { PublicKeyAlgorithm: keys }) },
      Users: { Count: 1 },
    })),
  };
}

const implicit = (rule: string) => ({ Type: "ImplicitMeta", Rule: rule });
const signature = (rule: string) => ({ Type: "Signature", Rule: rule });

/** The profile in what `configtxConfig` makes. */
export const profile = "Channel";

export function configtxConfig(shape: NetworkShape, organizationsDir: string, places: Places) {
  const ordererOrg = {
    Name: "OrdererOrg",
    ID: "OrdererMSP",
    MSPDir: join(organizationsDir, "ordererOrganizations", "example.com", "msp"),
    Policies: {
      Readers: signature("OR('OrdererMSP.member')"),
      Writers: signature("OR('OrdererMSP.member')"),
      Admins: signature("OR('OrdererMSP.admin')"),
    },
    OrdererEndpoints: places.orderers.map((port) => `${host}:${port}`),
  };
  const peerOrgs = (organizations: readonly OrganizationShape[]) =>
    organizations.map(({ name }) => peerOrg(name, organizationsDir, places));
  const policies = {
    Readers: implicit("ANY Readers"),
    Writers: implicit("ANY Writers"),
    Admins: implicit("MAJORITY Admins"),
  };
  return {
    Organizations: peerOrgs([...shape.organizations, ...shape.later]),
    Profiles: {
      [profile]: {
        Capabilities: { [shape.capability]: true },
        Policies: policies,
        Orderer: {
          BatchTimeout: "500ms",
          BatchSize: { MaxMessageCount: shape.maxMessageCount, AbsoluteMaxBytes: "99 MB", PreferredMaxBytes: "512 KB" },
          Organizations: [ordererOrg],
          Policies: { ...policies, BlockValidation: implicit("ANY Writers") },
          Capabilities: { V2_0: true },
          ...consensus(shape, organizationsDir, places),
        },
        Application: {
          Organizations: peerOrgs(shape.organizations),
          Policies: {
            ...policies,
            LifecycleEndorsement: implicit("MAJORITY Endorsement"),
            Endorsement: implicit("MAJORITY Endorsement"),
          },
          Capabilities: { V2_5: true },
        },
      },
    },
  };
}

function peerOrg(name: string, organizationsDir: string, { anchors }: Places) {
  const id = mspIdOf(name);
  const anchor = anchors.get(name);
  return {
    Name: id,
    ID: id,
    MSPDir: join(organizationsDir, "peerOrganizations", domainOf(name), "msp"),
    Policies: {
      Readers: signature(`OR('${id}.admin','${id}.peer','${id}.client')`),
      Writers: signature(`OR('${id}.admin','${id}.client')`),
      Admins: signature(`OR('${id}.admin')`),
      Endorsement: signature(`OR('${id}.peer')`),
    },
    ...(anchor === undefined ? {} : { AnchorPeers: [{ Host: host, Port: anchor }] }),
  };
}

function consensus(shape: NetworkShape, organizationsDir: string, { orderers }: Places) {
  const folder = (index: number) =>
    join(organizationsDir, "ordererOrganizations", "example.com", "orderers", ordererName(index));
  const consenters = orderers.map((port, index) => ({
    Host: host,
    Port: port,
    ClientTLSCert: join(folder(index), "tls", "server.crt"),
    ServerTLSCert: join(folder(index), "tls", "server.crt"),
  }));
  if (shape.consensus === "raft") return { OrdererType: "etcdraft", EtcdRaft: { Consenters: consenters } };
  return {
    OrdererType: "BFT",
    ConsenterMapping: consenters.map((consenter, index) => ({
      ...consenter,
      ID: index + 1,
      MSPID: "OrdererMSP",
      Identity: join(folder(index), "msp", "signcerts", `${ordererName(index)}-cert.pem`),
    })),
    SmartBFT: {
      RequestBatchMaxInterval: "200ms",
      RequestForwardTimeout: "5s",
      RequestComplainTimeout: "20s",
      RequestAutoRemoveTimeout: "3m0s",
      ViewChangeResendInterval: "5s",
      ViewChangeTimeout: "20s",
      LeaderHeartbeatTimeout: "1m0s",
      CollectTimeout: "1s",
      IncomingMessageBufferSize: 200,
      RequestPoolSize: 100000,
      LeaderHeartbeatCount: 10,
    },
  };
}
