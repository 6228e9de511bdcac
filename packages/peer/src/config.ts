import type { TrustedOrganization } from "@gossip/crypto";
import type { DeliverConfig } from "@gossip/deliver";
import type { GossipOptions } from "@gossip/node";
import type { OrgId } from "@gossip/proto";

/** What `createPeer` needs: one peer, resolved. `readPeerConfig` makes one from a file; a program may write it by hand. */
export interface PeerConfig {
  /** Name of the peer for people, in logs and views, e.g. `peer0.org1` (`peer.id`). */
  readonly id: string;
  /** The organization of this peer (`peer.localMspId`); its identity must be one of it. */
  readonly localMspId: OrgId;
  /** Folder of everything durable: ledgers and the last incarnation (`peer.fileSystemPath`). One process at a time. */
  readonly fileSystemPath: string;
  /** `host:port` the gossip server binds (`peer.listenAddress`); port 0 takes a free one. */
  readonly listenAddress: string;
  /** `host:port` that peers of the own organization dial (`peer.gossip.endpoint`, else `peer.address`). @default the bound address */
  readonly endpoint?: string;
  /** `host:port` shown to other organizations (`peer.gossip.externalEndpoint`). @default "" which hides the peer from them */
  readonly externalEndpoint?: string;
  /** Endpoints of own-organization peers dialled first (`peer.gossip.bootstrap`). @default none */
  readonly bootstrap?: readonly string[];
  /** Who we are and whom we believe. */
  readonly trust: Ed25519Trust | FabricTrust;
  /** Mutually authenticated TLS for gossip (`peer.tls`). @default none: plain connections, for trials only */
  readonly tls?: PeerTls;
  /** What differs from `gossipDefaults` of `@gossip/node` (`peer.gossip.*`). */
  readonly gossip?: GossipOptions;
  /** Static leader of its organization: pulls blocks from the orderers and pushes them (`peer.gossip.orgLeader`). @default false */
  readonly orgLeader?: boolean;
  /** Stands for election as leader of its organization in each channel (`peer.gossip.useLeaderElection`). Not beside `orgLeader`. @default false */
  readonly leaderElection?: boolean;
  /**
   * Milliseconds without any orderer after which an elected leader gives up, if there are others who might lead
   * (`peer.gossip.election.ordererTimeout`). @default 30_000
   */
  readonly ordererTimeoutMs?: number;
  /** Whether a leader pushes the blocks that it pulls (`peer.deliveryclient.blockGossipEnabled`). @default true */
  readonly blockGossip?: boolean;
  /** How a leader pulls from orderers (`peer.deliveryclient`). */
  readonly deliveryClient?: DeliveryClientConfig;
  /** Channels joined at start. */
  readonly channels: readonly PeerChannelConfig[];
  /** Pings on silent connections between peers (`peer.keepalive`). */
  readonly keepalive?: PeerKeepalive;
  /** The service for operators (`operations`). @default none */
  readonly operations?: OperationsConfig;
  /** `prometheus` serves `/metrics`; `disabled` counts nothing (`metrics.provider`). @default "disabled" */
  readonly metricsProvider?: "prometheus" | "disabled";
  /** @default level info, for people */
  readonly logging?: LoggingConfig;
  /** `peer.gossip.pvtData.*`. */
  readonly privateData?: PrivateDataConfig;
  /** What the reader of the file wants the operator to know; logged once when the peer starts. */
  readonly warnings?: readonly string[];
}

/** Organizations whose Ed25519 root keys sign compact identity certificates (`peer.trust: ed25519`). */
export interface Ed25519Trust {
  readonly type: "ed25519";
  /** Own serialized identity (`peer.identity.file`). */
  readonly identity: Uint8Array;
  /** 32-byte seed of the own key (`peer.identity.keyFile`). */
  readonly privateKey: Uint8Array;
  /** Trusted besides those that the channels' genesis blocks name (`peer.organizations`). */
  readonly organizations: readonly TrustedOrganization[];
  /**
   * File with the lists of identities that organizations have revoked, read again when it changes (`peer.revocations.file`).
   *
   * @default none: nobody is revoked
   */
  readonly revocationsFile?: string;
}

/** Membership as Hyperledger Fabric has it: X.509 certificates, judged by an MSP folder and by the channels' config blocks. */
export interface FabricTrust {
  readonly type: "fabric";
  /** Path of the MSP folder with the own key, certificate and authorities (`peer.mspConfigPath`). */
  readonly mspConfigPath: string;
}

/** PEM contents for `peer.tls.*`. The client pair is the server pair unless given. */
export interface PeerTls {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
  readonly clientCert?: Uint8Array;
  readonly clientKey?: Uint8Array;
  /** Authorities of the servers we dial. */
  readonly rootCerts: readonly Uint8Array[];
  /** Authorities of client certificates, beside `rootCerts`; used when `clientAuthRequired`. */
  readonly clientRootCas: readonly Uint8Array[];
  /** Whether a client certificate must be issued by a known authority; one must be presented in any case. */
  readonly clientAuthRequired: boolean;
}

/** A channel that the peer joins at its start; all that differs between channels is in the genesis block. */
export interface PeerChannelConfig {
  /** Serialized block 0; the channel's name, organizations, anchors and orderers are read from it. */
  readonly genesisBlock: Uint8Array;
  /**
   * Whether the channel is joined at later starts too, without being named again: its block is kept in the peer's folder.
   *
   * @default false
   */
  readonly remember?: boolean;
  /** Where the block comes from, for messages, e.g. `--channel-block FILE`. @default its place in `channels` */
  readonly origin?: string;
}

/** `peer.deliveryclient.*` and `peer.keepalive.deliveryClient.*`, in milliseconds; see `DeliverConfig` of `@gossip/deliver`. */
export interface DeliveryClientConfig extends Partial<DeliverConfig> {
  /** Other addresses for orderers of the genesis block (`addressOverrides`). @default none */
  readonly addressOverrides?: readonly {
    readonly from: string;
    readonly to: string;
    /** PEM: the authorities of its TLS certificate (`caCertsFile`). @default those that the channel names */
    readonly caCerts?: readonly Uint8Array[];
  }[];
}

/** `peer.keepalive.*` between peers, in milliseconds; what is absent has the default of the gRPC transport. */
export interface PeerKeepalive {
  /** Silence after which we ping a peer that we dialled (`client.interval`). At least 60000, or stock peers hang up. */
  readonly clientIntervalMs?: number;
  /** How long it may leave that unanswered (`client.timeout`). */
  readonly clientTimeoutMs?: number;
  /** Silence after which we ping a peer that dialled us (`interval`). */
  readonly serverIntervalMs?: number;
  /** How long it may leave that unanswered (`timeout`). */
  readonly serverTimeoutMs?: number;
}

/** Where and how the operations service is served. */
export interface OperationsConfig {
  /** `host:port` (`operations.listenAddress`); port 0 takes a free one. */
  readonly listenAddress: string;
  /** HTTPS (`operations.tls`). @default none: plain HTTP, for the machine itself */
  readonly tls?: OperationsTls;
}

/** PEM contents for `operations.tls.*`. */
export interface OperationsTls {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
  /** Authorities of the client certificates that open the pages which need one. */
  readonly clientRootCas: readonly Uint8Array[];
  /** Whether a connection without such a certificate ends in the TLS handshake, whatever page it is for. */
  readonly clientAuthRequired: boolean;
}

/** How long pushed private data is kept. */
export interface PrivateDataConfig {
  /** In blocks (`transientstoreMaxBlockRetention`). @default 20000 */
  readonly retentionBlocks?: number;
}

/** What the peer logs and in which form, with the names and environment variables of Fabric. */
export interface LoggingConfig {
  /** Levels per logger in Fabric's grammar, e.g. `gossip.comm=debug:info` (`logging.spec`, `FABRIC_LOGGING_SPEC`). @default "info" */
  readonly spec?: string;
  /** One JSON object per line, or a line for people (`logging.format`, `FABRIC_LOGGING_FORMAT`). @default "console" */
  readonly format?: "json" | "console";
}
