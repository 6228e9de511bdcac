import { type OrgId, orgId } from "@gossip/proto";
import {
  type ConfigGroup,
  readAnchorPeers,
  readFabricMspConfig,
  readMspConfig,
  readOrdererAddresses,
} from "@gossip/proto/fabric";
import { errorText } from "@gossip/runtime";
import type { ApplicationOrganization, Msp, MspVersion } from "../api.js";
import { createMsp } from "../msp/msp.js";
import { malformed, noGroups, onlyValues, readValue } from "./config-tree.js";

/** `msp.MSPConfig.type` of an X.509 MSP; 1 is Idemix, which no peer can have. */
const x509Type = 0;

/** An MSP and what it was made of. */
interface MadeMsp {
  readonly msp: Msp;
  /** The serialized `FabricMSPConfig`. */
  readonly config: Uint8Array;
}

/**
 * Makes the MSPs of a channel, each once, though an organization may stand in two groups. MSPs of an earlier
 * configuration that have not changed are taken over with all that they remember.
 */
export class MspCollection {
  readonly #version: MspVersion;
  readonly #earlier: ReadonlyMap<OrgId, MadeMsp>;
  readonly #made = new Map<OrgId, MadeMsp>();

  constructor(version: MspVersion, earlier?: MspCollection) {
    this.#version = version;
    this.#earlier = earlier !== undefined && earlier.#version === version ? earlier.#made : new Map();
  }

  get msps(): readonly Msp[] {
    return [...this.#made.values()].map(({ msp }) => msp);
  }

  /**
   * The MSP of an organization's group.
   *
   * @throws GossipError `malformed` when it cannot be set up, or differs from one of the same id in another group.
   */
  mspOf(group: ConfigGroup, path: string): Msp {
    const { type, config } = readValue(group, "MSP", path, readMspConfig);
    if (type !== x509Type) throw malformed(`an X.509 MSP in group ${path}`, `an MSP of type ${type}`);
    const fabricConfig = readFabricMspConfig(config);
    if (!fabricConfig.ok) throw malformed(`an MSP in group ${path}`, `${fabricConfig.reason}: ${fabricConfig.detail}`);
    const id = orgId(fabricConfig.value.name);
    const other = this.#made.get(id);
    if (other !== undefined) {
      if (Buffer.compare(other.config, config) === 0) return other.msp;
      throw malformed(`one definition of MSP ${JSON.stringify(id)}`, `another one in group ${path}`);
    }
    const earlier = this.#earlier.get(id);
    const msp =
      earlier !== undefined && Buffer.compare(earlier.config, config) === 0
        ? earlier.msp
        : createOrRefuse(() => createMsp(fabricConfig.value, { version: this.#version }), path);
    this.#made.set(id, { msp, config });
    return msp;
  }
}

/**
 * An organization of the application group, and what of it is of no use.
 *
 * @throws GossipError `malformed` when its group is not one that Fabric would take.
 */
export function readApplicationOrganization(
  name: string,
  group: ConfigGroup,
  msps: MspCollection,
): { readonly organization: ApplicationOrganization; readonly msp: Msp; readonly warnings: readonly string[] } {
  const path = `/Channel/Application/${name}`;
  noGroups(group, path);
  onlyValues(group, path, ["AnchorPeers", "MSP"]);
  const { anchorPeers } = readValue(group, "AnchorPeers", path, readAnchorPeers);
  const msp = msps.mspOf(group, path);
  const anchors: string[] = [];
  const warnings: string[] = [];
  for (const { host, port } of anchorPeers) {
    if (host !== "" && port >= 1 && port <= 65_535) anchors.push(`${host}:${port}`);
    else warnings.push(`${path}: expected an anchor peer with host and port, got ${JSON.stringify(`${host}:${port}`)}`);
  }
  return { organization: { name, mspId: msp.id, anchors }, msp, warnings };
}

/** An organization of the orderer group. */
export interface OrdererOrganization {
  readonly name: string;
  readonly msp: Msp;
  /** `host:port` each. */
  readonly endpoints: readonly string[];
}

/**
 * An organization of the orderer group.
 *
 * @throws GossipError `malformed` when its group is not one that Fabric would take.
 */
export function readOrdererOrganization(name: string, group: ConfigGroup, msps: MspCollection): OrdererOrganization {
  const path = `/Channel/Orderer/${name}`;
  noGroups(group, path);
  onlyValues(group, path, ["Endpoints", "MSP"]);
  const { addresses } = readValue(group, "Endpoints", path, readOrdererAddresses);
  return { name, msp: msps.mspOf(group, path), endpoints: addresses };
}

function createOrRefuse(create: () => Msp, path: string): Msp {
  try {
    return create();
  } catch (error) {
    throw malformed(`an MSP in group ${path} that can be set up`, errorText(error), { cause: error });
  }
}
