/** Changes a channel's configuration as an operator does: fetch, decode, edit, compute the update, sign, submit. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FabricNetwork } from "./network.js";
import type { FabricPeer } from "./peer.js";
import { runTool } from "./processes.js";
import { host, mspIdOf } from "./shape.js";

/** As configtxlator shows it. */
export interface ConfigGroupJson {
  readonly groups: Record<string, ConfigGroupJson>;
  readonly values: Record<string, { mod_policy: string; value: unknown; version?: string }>;
}

export interface ConfigJson {
  readonly channel_group: ConfigGroupJson;
}

/**
 * Edits the channel's configuration; `admins` of as many organizations as the policies ask for sign it. Resolves when
 * the orderer has taken it: the config block is the next one.
 */
export async function updateConfig(
  network: FabricNetwork,
  admins: readonly FabricPeer[],
  edit: (config: ConfigJson) => void,
): Promise<void> {
  const [first] = admins;
  if (first === undefined) throw new Error("expected at least one administrator");
  const before = await currentConfig(network);
  const after = structuredClone(before);
  edit(after);
  const file = (name: string) => join(network.configDir, name);
  writeFileSync(file("before.pb"), await encode(network, "common.Config", before));
  writeFileSync(file("after.pb"), await encode(network, "common.Config", after));
  const change = ["--original", file("before.pb"), "--updated", file("after.pb"), "--channel_id", network.channel];
  const update = await translate(network, ["compute_update", ...change]);
  const envelope = {
    payload: {
      header: { channel_header: { channel_id: network.channel, type: 2 } },
      data: { config_update: await decode(network, "common.ConfigUpdate", update) },
    },
  };
  const unsigned = file("update.pb");
  writeFileSync(unsigned, await encode(network, "common.Envelope", envelope));
  for (const admin of admins) await admin.cli(["channel", "signconfigtx", "-f", unsigned]);
  await first.cli(["channel", "update", "-f", unsigned, "-c", network.channel, ...network.ordererFlags(first)]);
}

/** An organization of the network's `later` ones, as configtxgen defines it. */
export async function organizationGroup(network: FabricNetwork, organization: string): Promise<ConfigGroupJson> {
  const args = ["-configPath", network.configDir, "-printOrg", mspIdOf(organization)];
  const env = { FABRIC_LOGGING_SPEC: "error" };
  const said = await runTool([join(network.binaries.bin, "configtxgen"), ...args], { cwd: network.dir, env });
  return JSON.parse(said.toString("utf8")) as ConfigGroupJson;
}

/** The group of an organization in the channel. */
export function applicationGroup({ channel_group }: ConfigJson, organization: string): ConfigGroupJson {
  const found = channel_group.groups["Application"]?.groups[mspIdOf(organization)];
  if (found === undefined) throw new Error(`expected ${organization} in the channel`);
  return found;
}

/** Makes `peers` the anchor peers of the organization that has `group`. */
export function setAnchors(group: ConfigGroupJson, peers: readonly FabricPeer[]): void {
  const anchor_peers = peers.map(({ endpoint }) => ({ host, port: Number(endpoint.split(":")[1]) }));
  group.values["AnchorPeers"] = { mod_policy: "Admins", value: { anchor_peers } };
}

/** Adds a revocation list, PEM, to the MSP of the organization that has `group`. */
export function addRevocationList(group: ConfigGroupJson, pem: Uint8Array): void {
  const msp = group.values["MSP"] as { value: { config: { revocation_list?: string[] } } } | undefined;
  if (msp === undefined) throw new Error("expected the organization to have an MSP");
  const { config } = msp.value;
  config.revocation_list = [...(config.revocation_list ?? []), Buffer.from(pem).toString("base64")];
}

async function currentConfig(network: FabricNetwork): Promise<ConfigJson> {
  const block = await network.fetchBlock("config");
  const decoded = (await decode(network, "common.Block", block)) as {
    data: { data: { payload: { data: { config: ConfigJson } } }[] };
  };
  const [entry] = decoded.data.data;
  if (entry === undefined) throw new Error("expected a config block to hold a configuration");
  return entry.payload.data.config;
}

async function decode(network: FabricNetwork, type: string, bytes: Uint8Array): Promise<unknown> {
  const input = join(network.configDir, "decode.pb");
  writeFileSync(input, bytes);
  return JSON.parse((await translate(network, ["proto_decode", "--type", type, "--input", input])).toString("utf8"));
}

async function encode(network: FabricNetwork, type: string, value: unknown): Promise<Buffer> {
  const input = join(network.configDir, "encode.json");
  writeFileSync(input, JSON.stringify(value));
  return await translate(network, ["proto_encode", "--type", type, "--input", input]);
}

async function translate(network: FabricNetwork, args: readonly string[]): Promise<Buffer> {
  const output = join(network.configDir, "translated");
  const command = [join(network.binaries.bin, "configtxlator"), ...args, "--output", output];
  await runTool(command, { cwd: network.dir });
  return readFileSync(output);
}
