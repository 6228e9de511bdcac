import { join } from "node:path";

/** Where the parts of a network folder lie. One list, since what is written by one command is found by another. */
export interface NetworkPaths {
  readonly dir: string;
  /** What the process of this name has to say. */
  readonly log: (name: string) => string;
  /** Serialized block 0 of the channel. */
  readonly genesisBlock: (channel: string) => string;
  /** Everything of one orderer, peer or client: configuration, identity, keys and data. */
  readonly member: (kind: MemberKind, name: string) => MemberPaths;
  /** Root key of an organization. Whoever has it can make members of it. */
  readonly rootKey: (org: string) => string;
  /** Certificates of all TLS authorities of the network, in one file. */
  readonly tlsRoots: string;
  /** Lists of the identities that organizations have revoked, in one file; every peer looks into it. */
  readonly revocations: string;
  /** There while keys are being made: what lies beside it is not complete. */
  readonly unfinished: string;
}

export type MemberKind = "orderer" | "peer" | "client";

export interface MemberPaths {
  readonly dir: string;
  readonly config: string;
  readonly identity: string;
  readonly key: string;
  readonly tlsCert: string;
  readonly tlsKey: string;
  readonly data: string;
}

/** The member that submits transactions on behalf of whoever sits at the command. */
export const clientName = (org: string): string => `user0.${org}`;

export function networkPaths(dir: string): NetworkPaths {
  return {
    dir,
    log: (name) => join(dir, "logs", `${name}.log`),
    genesisBlock: (channel) => join(dir, "channels", `${channel}.block`),
    member: (kind, name) => memberPaths(join(dir, `${kind}s`, name), `${kind}.yaml`),
    rootKey: (org) => join(dir, "organizations", org, "root.key"),
    tlsRoots: join(dir, "tls-roots.crt"),
    revocations: join(dir, "revocations.pem"),
    unfinished: join(dir, "unfinished"),
  };
}

function memberPaths(dir: string, config: string): MemberPaths {
  return {
    dir,
    config: join(dir, config),
    identity: join(dir, "identity"),
    key: join(dir, "identity.key"),
    tlsCert: join(dir, "tls.crt"),
    tlsKey: join(dir, "tls.key"),
    data: join(dir, "data"),
  };
}
