import { readdir, rm } from "node:fs/promises";
import { basename } from "node:path";
import { createTlsAuthority, type TlsAuthority } from "@gossip/comm/grpc";
import {
  encodePrivateKey,
  encodeRevocationLists,
  generateKeyPair,
  type KeyPair,
  makeGenesisBlock,
  makeRevocationList,
} from "@gossip/crypto";
import type { IdentityRole } from "@gossip/proto/ed25519";
import { GossipError } from "@gossip/runtime";
import { stringify } from "yaml";
import { ordererConfig, peerConfig } from "./config-files.js";
import { issue } from "./identities.js";
import { type NetworkLayout, peersOf } from "./layout.js";
import { type NetworkFile, networkFilePath, networkLockPath, writeNetworkFile } from "./network-file.js";
import { clientName, type MemberKind, type NetworkPaths, networkPaths } from "./paths.js";
import { makeFolder, save } from "./save.js";

/** The mode of a file that only its owner may read. */
const secret = 0o600;

/** An organization while its members are being made. */
interface Organization {
  readonly id: string;
  readonly root: KeyPair;
  readonly tls: TlsAuthority;
}

/**
 * Makes a network folder: keys, certificates, the genesis block and a configuration per process. `network.json` is
 * written last, so a folder that has it is complete; one that was left unfinished is made anew. MUST NOT be called twice
 * at once for the same folder.
 *
 * @throws GossipError `conflict` when the folder holds something else
 */
export async function makeNetwork(dir: string, layout: NetworkLayout): Promise<NetworkFile> {
  const paths = networkPaths(dir);
  await requireUsableFolder(paths);
  await makeFolder(dir, 0o700);
  await save(paths.unfinished, "gossip is making this network, or was interrupted while it did\n");

  const orderers = await makeOrganization(paths, layout.orderer.org);
  const organizations = await Promise.all(layout.organizations.map(({ id }) => makeOrganization(paths, id)));
  await save(paths.tlsRoots, [orderers, ...organizations].map(({ tls }) => tls.cert).join(""));
  await save(paths.revocations, encodeRevocationLists([orderers, ...organizations].map(nobodyRevoked)));
  await save(paths.genesisBlock(layout.channel), genesisBlock(layout, orderers, organizations));

  await makeMember(paths, orderers, { kind: "orderer", name: layout.orderer.name, role: "orderer" });
  await saveYaml(paths.member("orderer", layout.orderer.name).config, ordererConfig(layout, paths));
  for (const [index, { id, peers }] of layout.organizations.entries()) {
    const organization = organizations[index] ?? orderers;
    await makeMember(paths, organization, { kind: "client", name: clientName(id), role: "client" });
    for (const peer of peers) {
      await makeMember(paths, organization, { kind: "peer", name: peer.name, role: "peer" });
      await saveYaml(paths.member("peer", peer.name).config, peerConfig(layout, peer, paths));
    }
  }

  const file = networkFileOf(layout, dir);
  await writeNetworkFile(dir, file);
  await rm(paths.unfinished);
  return file;
}

/** What `network.json` says of a network none of whose processes run. */
export function networkFileOf(layout: NetworkLayout, dir: string): NetworkFile {
  const paths = networkPaths(dir);
  const { name, endpoint } = layout.orderer;
  const none = { pid: null, started: null };
  return {
    orderers: [{ name, ...none, endpoint, config: paths.member("orderer", name).config }],
    peers: peersOf(layout).map((peer) => ({
      name: peer.name,
      org: peer.org,
      ...none,
      endpoint: peer.endpoint,
      operations: peer.operations,
      config: paths.member("peer", peer.name).config,
    })),
    channels: [layout.channel],
    election: layout.election,
    up: null,
  };
}

/** @throws GossipError `conflict` when the folder holds something else than a network that is being made */
export async function requireUsableFolder(paths: NetworkPaths): Promise<void> {
  const all = await readdir(paths.dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const found = all.filter((name) => !name.startsWith(basename(networkLockPath(paths.dir))));
  if (found.length === 0 || found.includes(basename(paths.unfinished))) return;
  throw new GossipError(
    "conflict",
    `expected ${paths.dir} to be a network folder or empty, it holds ${found[0]} and no ${networkFilePath(".")}`,
  );
}

async function makeOrganization(paths: NetworkPaths, id: string): Promise<Organization> {
  const root = generateKeyPair();
  const tls = await createTlsAuthority({ name: `tls-ca.${id}` });
  await save(paths.rootKey(id), encodePrivateKey(root.privateKey), secret);
  return { id, root, tls };
}

async function makeMember(
  paths: NetworkPaths,
  organization: Organization,
  member: { readonly kind: MemberKind; readonly name: string; readonly role: IdentityRole },
): Promise<void> {
  const own = paths.member(member.kind, member.name);
  const { id: org, root } = organization;
  const { identity, privateKey } = issue({ org, name: member.name, role: member.role }, root.privateKey);
  await save(own.identity, identity);
  await save(own.key, encodePrivateKey(privateKey), secret);
  const tls = await organization.tls.issue({ name: member.name, hosts: ["localhost", "127.0.0.1"] });
  await save(own.tlsCert, tls.cert);
  await save(own.tlsKey, tls.key, secret);
}

function nobodyRevoked({ id, root }: Organization): Uint8Array {
  return makeRevocationList({ org: id, rootPrivateKey: root.privateKey, number: 1n, revoked: [] });
}

function genesisBlock(
  layout: NetworkLayout,
  orderers: Organization,
  organizations: readonly Organization[],
): Uint8Array {
  return makeGenesisBlock({
    channelId: layout.channel,
    sequence: 0n,
    organizations: organizations.map(({ id, root }, index) => ({
      id,
      rootPublicKey: root.publicKey,
      anchors: layout.organizations[index]?.peers.slice(0, 1).map(({ endpoint }) => endpoint) ?? [],
    })),
    ordererOrganizations: [
      { id: orderers.id, rootPublicKey: orderers.root.publicKey, endpoints: [layout.orderer.endpoint] },
    ],
  });
}

async function saveYaml(path: string, content: Record<string, unknown>): Promise<void> {
  await save(
    path,
    `# Written by gossip network up; read again at every start, so it may be changed.\n${stringify(content)}`,
  );
}
