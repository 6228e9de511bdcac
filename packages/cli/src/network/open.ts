import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { GossipError } from "@gossip/runtime";
import { defaultBasePort, defaultShape, type NetworkShape } from "./defaults.js";
import { withFileLock } from "./file-lock.js";
import { planNetwork, portOf } from "./layout.js";
import { makeNetwork, networkFileOf, requireUsableFolder } from "./make.js";
import { entriesOf, type NetworkFile, networkLockPath, readNetworkFile, updateNetworkFile } from "./network-file.js";
import { networkPaths } from "./paths.js";
import { type PortUse, requireFreePorts } from "./ports.js";
import { makeFolder } from "./save.js";

/** What a caller asks of a network; what is left out is as the folder says, or the default. */
export type WantedNetwork = { readonly [K in keyof NetworkShape]?: NetworkShape[K] | undefined } & {
  /** First port. @default 7050 */
  readonly basePort?: number | undefined;
};

/** Settings of a network that exists. */
interface NetworkSettings extends NetworkShape {
  readonly basePort: number;
}

/**
 * The network of a folder, made when there is none.
 *
 * @throws GossipError `conflict` when the folder's network was made with other settings, since keys, ports and the genesis
 * block cannot change under a ledger; or when a new one would get ports that are taken: then nothing is made, so that
 * other ports can be chosen.
 */
export async function openNetwork(dir: string, wanted: WantedNetwork): Promise<NetworkFile> {
  const folder = resolve(dir);
  const file = (await findNetwork(folder)) ?? (await makeOnce(folder, wanted));
  requireSameSettings(dir, settingsOf(file), wanted);
  return await refreshPaths(folder, file);
}

/** Two that find no network at once must not write over each other's keys: the second finds what the first has made. */
async function makeOnce(folder: string, wanted: WantedNetwork): Promise<NetworkFile> {
  const layout = planNetwork(shapeOf(wanted), wanted.basePort ?? defaultBasePort);
  await requireFreePorts(portsOf(networkFileOf(layout, folder)), "stop what uses it, or give another --base-port");
  await requireUsableFolder(networkPaths(folder));
  await makeFolder(folder, 0o700);
  return await withFileLock(
    networkLockPath(folder),
    async () => (await findNetwork(folder)) ?? (await makeNetwork(folder, layout)),
  );
}

async function findNetwork(dir: string): Promise<NetworkFile | undefined> {
  try {
    return await readNetworkFile(dir);
  } catch (error) {
    if (error instanceof GossipError && error.code === "not-found") return undefined;
    throw error;
  }
}

/** Every port of a network, and whose it is. */
export function portsOf(file: NetworkFile): readonly PortUse[] {
  return [
    ...entriesOf(file).map(({ name, endpoint }) => ({ port: portOf(endpoint), use: name })),
    ...file.peers.map(({ name, operations }) => ({ port: portOf(operations), use: `operations of ${name}` })),
  ];
}

/** The settings a network was made with. */
function settingsOf(file: NetworkFile): NetworkSettings {
  const orgs = new Set(file.peers.map(({ org }) => org)).size;
  return {
    orgs,
    peers: file.peers.length / Math.max(1, orgs),
    channel: file.channels[0] ?? "",
    election: file.election,
    basePort: portOf(file.orderers[0]?.endpoint ?? ":0"),
  };
}

function shapeOf(wanted: WantedNetwork): NetworkShape {
  return {
    orgs: wanted.orgs ?? defaultShape.orgs,
    peers: wanted.peers ?? defaultShape.peers,
    channel: wanted.channel ?? defaultShape.channel,
    election: wanted.election ?? defaultShape.election,
  };
}

function requireSameSettings(dir: string, made: NetworkSettings, wanted: WantedNetwork): void {
  const options = [
    ["--orgs", made.orgs, wanted.orgs],
    ["--peers", made.peers, wanted.peers],
    ["--channel", made.channel, wanted.channel],
    ["--election", made.election, wanted.election],
    ["--base-port", made.basePort, wanted.basePort],
  ] as const;
  for (const [option, is, want] of options) {
    if (want === undefined || want === is) continue;
    throw new GossipError(
      "conflict",
      `expected ${option} ${is}, with which the network in ${dir} was made, got ${want}: give another --dir, or remove that folder`,
    );
  }
}

/** A folder may have been moved since: then the configurations are where it is now. */
async function refreshPaths(dir: string, file: NetworkFile): Promise<NetworkFile> {
  const paths = networkPaths(dir);
  const isMoved = [
    ...file.orderers.map(({ name, config }) => config !== paths.member("orderer", name).config),
    ...file.peers.map(({ name, config }) => config !== paths.member("peer", name).config),
  ].includes(true);
  if (!isMoved) return file;
  return await updateNetworkFile(dir, (current) => ({
    ...current,
    orderers: current.orderers.map((entry) => ({ ...entry, config: paths.member("orderer", entry.name).config })),
    peers: current.peers.map((entry) => ({ ...entry, config: paths.member("peer", entry.name).config })),
  }));
}

/** The folder and entry of the network that a configuration file belongs to, if it belongs to one. */
export async function findNetworkOf(
  config: string,
): Promise<{ readonly dir: string; readonly config: string } | undefined> {
  const own = await realpath(config).catch(() => undefined);
  if (own === undefined) return undefined;
  // DIR/peers/NAME/peer.yaml
  for (const up of ["..", "../..", "../../.."]) {
    const dir = resolve(config, up);
    const file = await findNetwork(dir);
    for (const entry of file === undefined ? [] : entriesOf(file)) {
      if ((await realpath(entry.config).catch(() => undefined)) === own) return { dir, config: entry.config };
    }
  }
  return undefined;
}
