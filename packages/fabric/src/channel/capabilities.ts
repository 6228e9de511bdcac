import { type ConfigGroup, readCapabilities } from "@gossip/proto/fabric";
import type { MspVersion } from "../api.js";
import { malformed, readValue } from "./config-tree.js";

/** What a channel, its applications and its orderers may demand of us, by the names of Fabric (page 13 §4.3). */
const known = {
  Channel: ["V1_1", "V1_3", "V1_4_2", "V1_4_3", "V2_0", "V3_0"],
  Application: [
    ...["V1_1", "V1_2", "V1_3", "V1_4_2", "V2_0", "V2_5"],
    ...["V1_1_PVTDATA_EXPERIMENTAL", "V1_1_RESOURCETREE_EXPERIMENTAL"],
  ],
  Orderer: ["V1_1", "V1_4_2", "V2_0"],
} as const;

/** Capabilities of a channel with which its MSPs have the rules that we know (page 13 §3.1). */
const withFourRoles = ["V1_4_3", "V2_0", "V3_0"];

/**
 * The capabilities that a group demands.
 *
 * @throws GossipError `malformed` naming one that we do not have: to go on would be to guess what it changes.
 */
export function capabilitiesOf(path: keyof typeof known, group: ConfigGroup): readonly string[] {
  const { names } = readValue(group, "Capabilities", path, readCapabilities);
  const unknown = names.find((name) => !known[path].some((one) => one === name));
  if (unknown === undefined) return names;
  const what = path === "Channel" ? "/Channel" : `/Channel/${path}`;
  throw malformed(`capabilities of ${what} that are known (${known[path].join(", ")})`, JSON.stringify(unknown));
}

/**
 * By which rules the MSPs of a channel judge.
 *
 * @throws GossipError `malformed` for a channel of rules before V1_4_3, which are not here.
 */
export function mspVersionOf(capabilities: readonly string[]): MspVersion {
  if (capabilities.includes("V3_0")) return "v3";
  if (capabilities.some((name) => withFourRoles.includes(name))) return "v1.4.3";
  const got = capabilities.length === 0 ? "none" : capabilities.join(", ");
  throw malformed("capability V1_4_3, V2_0 or V3_0 of /Channel, for older rules of MSPs are not supported", got);
}
