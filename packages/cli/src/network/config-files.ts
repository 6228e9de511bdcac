import { relative } from "node:path";
import type { NetworkLayout, PeerLayout } from "./layout.js";
import type { MemberPaths, NetworkPaths } from "./paths.js";

/**
 * What `gossip peer start` reads: Fabric's keys where Fabric has one. Paths are relative to the file, so that a network
 * folder can be moved as a whole while it is down.
 */
export function peerConfig(layout: NetworkLayout, peer: PeerLayout, paths: NetworkPaths): Record<string, unknown> {
  const own = paths.member("peer", peer.name);
  const from = fromFile(own);
  return {
    peer: {
      id: peer.name,
      localMspId: peer.org,
      listenAddress: peer.endpoint,
      address: peer.endpoint,
      fileSystemPath: from(own.data),
      trust: "ed25519",
      identity: { file: from(own.identity), keyFile: from(own.key) },
      revocations: { file: from(paths.revocations) },
      tls: {
        enabled: true,
        cert: { file: from(own.tlsCert) },
        key: { file: from(own.tlsKey) },
        rootcert: { file: from(paths.tlsRoots) },
        clientAuthRequired: true,
      },
      gossip: {
        bootstrap: peer.bootstrap,
        externalEndpoint: peer.endpoint,
        orgLeader: peer.isLeader,
        useLeaderElection: layout.election === "dynamic",
        ...livelyGossip,
      },
      // Fabric waits up to an hour for an orderer that was away; here somebody is watching.
      deliveryclient: { reConnectBackoffThreshold: "2s" },
    },
    operations: { listenAddress: peer.operations },
    metrics: { provider: "prometheus" },
    channels: [{ genesisBlock: from(paths.genesisBlock(layout.channel)) }],
    logging: { spec: "info", format: "console" },
  };
}

/**
 * Fabric's defaults are made for networks that run for months. On one machine, in front of a person, a peer that went
 * away should be seen within seconds, and one that returns should have caught up within seconds; the cost, a few small
 * messages per second, does not matter here. What is not named keeps Fabric's default.
 */
const livelyGossip = Object.freeze({
  aliveTimeInterval: "1s",
  aliveExpirationTimeout: "5s",
  reconnectInterval: "2s",
  publishStateInfoInterval: "1s",
  requestStateInfoInterval: "2s",
  membershipTrackerInterval: "1s",
  election: {
    startupGracePeriod: "3s",
    membershipSampleInterval: "200ms",
    leaderAliveThreshold: "2s",
    leaderElectionDuration: "500ms",
    ordererTimeout: "10s",
  },
  state: { enabled: true, checkInterval: "1s" },
});

/** What `gossip orderer start` reads. */
export function ordererConfig(layout: NetworkLayout, paths: NetworkPaths): Record<string, unknown> {
  const { orderer } = layout;
  const own = paths.member("orderer", orderer.name);
  const from = fromFile(own);
  return {
    name: orderer.name,
    listenAddress: orderer.endpoint,
    fileSystemPath: from(own.data),
    identity: { file: from(own.identity), keyFile: from(own.key) },
    tls: { certFile: from(own.tlsCert), keyFile: from(own.tlsKey), clientRootCasFiles: [from(paths.tlsRoots)] },
    channels: [{ genesisFile: from(paths.genesisBlock(layout.channel)) }],
  };
}

function fromFile(own: MemberPaths): (path: string) => string {
  return (path) => relative(own.dir, path);
}
