import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Verdict } from "@gossip/crypto";
import {
  type ChannelBundle,
  createChannelBundle,
  FabricCrypto,
  lastConfigIndex,
  type MspFolder,
  readConfigBlock,
  readMspFolder,
} from "@gossip/fabric";
import type { PrivateDataPeer } from "@gossip/node";
import { type Block, readBlock } from "@gossip/proto/fabric";
import { errorText, GossipError, type WallClock, wallMillis } from "@gossip/runtime";
import type { Ledger } from "@gossip/state";
import type { DeliveryClientConfig, FabricTrust, PeerConfig } from "./config.js";
import { isEndpoint } from "./endpoint.js";
import { FileWatch } from "./file-watch.js";
import { roleWarnings, tlsWarnings } from "./own-certificates.js";
import { type ChannelTerms, overridden, refuseChannel, type Trust, type TrustedChannel } from "./trust.js";

/** Trust as Fabric has it: an MSP folder, and channels whose config blocks change while they run (protocol page 13). */
export async function openFabricTrust(
  config: PeerConfig & { readonly trust: FabricTrust },
  wall: WallClock,
): Promise<Trust> {
  const { localMspId, trust, tls, channels } = config;
  const watch = new FileWatch(trust.mspConfigPath);
  await watch.hasChanged();
  let folder = await readFolder(trust.mspConfigPath, localMspId);
  let refusal: string | undefined;
  const crypto = new FabricCrypto({ folder, mspId: localMspId, wall });
  const trusted = channels.map(({ genesisBlock, origin }, at) => {
    try {
      return new FabricChannel(genesisBlock, crypto, config.deliveryClient);
    } catch (error) {
      throw refuseChannel(at, origin, errorText(error), error);
    }
  });
  return {
    identity: folder.identity,
    crypto,
    channels: trusted,
    get peerTlsRoots() {
      return distinct(trusted.flatMap(({ bundle }) => bundle.peerTlsRoots));
    },
    get warnings() {
      return [
        ...(refusal === undefined ? [] : [refusal]),
        ...folder.warnings,
        ...trusted.flatMap(({ id, bundle }) => [
          ...bundle.warnings.map((warning) => `channel ${id}: ${warning}`),
          ...bundle.organizations.flatMap(({ mspId, anchors }) =>
            anchors
              .filter((anchor) => !isEndpoint(anchor))
              .map((anchor) => `channel ${id}: anchor peer ${anchor} of ${mspId} cannot be dialled`),
          ),
          ...differingRoots(folder, bundle, localMspId),
        ]),
        ...roleWarnings(folder),
        ...(tls === undefined ? [] : tlsWarnings(config, tls, wallMillis(wall))),
      ];
    },
    /** A revocation list or another administrator came into the MSP folder, as a rule. */
    async refresh() {
      if (!(await watch.hasChanged())) return "same";
      try {
        const next = await readFolder(trust.mspConfigPath, localMspId);
        crypto.setLocalMsp(next);
        folder = next;
        refusal = undefined;
        return "changed";
      } catch (error) {
        refusal = `the MSP folder has changed, and is used as it was: ${errorText(error)}`;
        return "refused";
      }
    },
  };
}

/** Says in the words of the configuration which of its keys is meant. */
async function readFolder(path: string, mspId: string): Promise<MspFolder> {
  try {
    return await readMspFolder(path, mspId);
  } catch (error) {
    if (!(error instanceof GossipError)) throw error;
    // Without it nothing tells administrators from others, which is what is complained of then.
    const hint = existsSync(path) && !existsSync(join(path, "config.yaml")) ? " (the folder has no config.yaml)" : "";
    throw new GossipError(error.code, `peer.mspConfigPath: ${error.message}${hint}`, { cause: error });
  }
}

/** A channel of a Fabric network; its bundle is replaced with each config block. */
class FabricChannel implements TrustedChannel {
  readonly id: string;
  readonly genesisBlock: Uint8Array;
  readonly #crypto: FabricCrypto;
  readonly #overrides: DeliveryClientConfig["addressOverrides"];
  #bundle: ChannelBundle;
  /** Number of the config block that the bundle comes from. */
  #since = 0n;

  constructor(genesisBlock: Uint8Array, crypto: FabricCrypto, deliveryClient: DeliveryClientConfig | undefined) {
    const block = parse(genesisBlock);
    if (block.header.number !== 0n) {
      throw new GossipError("invalid-config", `expected block 0 of a channel, got block ${block.header.number}`);
    }
    this.#crypto = crypto;
    this.#overrides = deliveryClient?.addressOverrides;
    this.#bundle = bundleOf(block);
    this.id = this.#bundle.channelId;
    this.genesisBlock = genesisBlock;
    crypto.setChannel(this.#bundle);
  }

  get bundle(): ChannelBundle {
    return this.#bundle;
  }

  get terms(): ChannelTerms {
    const { organizations, orderers } = this.#bundle;
    return {
      // Several groups of a channel may be of one organization.
      organizations: [...new Set(organizations.map(({ mspId }) => mspId))],
      // Nobody checks what an organization writes there; what cannot be dialled is told in a warning.
      anchors: organizations.flatMap(({ mspId, anchors }) =>
        anchors.filter(isEndpoint).map((endpoint) => ({ org: mspId, endpoint })),
      ),
      orderers: orderers.map((orderer) => overridden(orderer, this.#overrides)),
    };
  }

  async restore(ledger: Ledger): Promise<void> {
    if (ledger.height <= 1n) return;
    const newest = await this.#read(ledger, ledger.height - 1n);
    const index = lastConfigIndex(newest);
    if (index === 0n) return;
    const block = await this.#read(ledger, index);
    this.#use(
      this.#follow(index, () => bundleOf(block)),
      index,
    );
  }

  isConfig(block: Block): boolean {
    return isConfigBlock(readConfigBlock(block));
  }

  apply(bytes: Uint8Array): boolean {
    const block = parse(bytes);
    const read = readConfigBlock(block);
    if (!isConfigBlock(read)) return false;
    // What is done with the terms may fail and be done again.
    if (block.header.number === this.#since) return true;
    const next = this.#follow(block.header.number, () => {
      if (!read.ok) throw new GossipError("malformed", `expected a configuration, got ${read.detail}`);
      return this.#bundle.next(read.value.envelope);
    });
    this.#use(next, block.header.number);
    return true;
  }

  /** Says which block is meant, and what the operator can do: orderers have accepted it, so the others go on with it. */
  #follow(blockNumber: bigint, make: () => ChannelBundle): ChannelBundle {
    try {
      return make();
    } catch (error) {
      throw new GossipError(
        "invalid-config",
        `channel ${this.id}: expected a configuration in block ${blockNumber} that this release can follow: ${errorText(error)}; install a release that can, it goes on with the ledger as it is`,
        { cause: error },
      );
    }
  }

  mayReadCollection(policy: Uint8Array, peer: PrivateDataPeer): Verdict {
    return this.#crypto.judge(this.id, policy, peer);
  }

  #use(bundle: ChannelBundle, blockNumber: bigint): void {
    this.#bundle = bundle;
    this.#since = blockNumber;
    this.#crypto.setChannel(bundle);
  }

  async #read(ledger: Ledger, blockNumber: bigint): Promise<Block> {
    const bytes = await ledger.read(blockNumber);
    if (bytes === undefined) {
      throw new GossipError("corrupt", `expected block ${blockNumber} in the ledger of ${this.id}, got none`);
    }
    return parse(bytes);
  }
}

/** Each content once: organizations are in several channels, and a server names all of these to each client. */
function distinct(pems: readonly Uint8Array[]): readonly Uint8Array[] {
  return [...new Map(pems.map((pem) => [Buffer.from(pem).toString("latin1"), pem])).values()];
}

function parse(bytes: Uint8Array): Block {
  const block = readBlock(bytes);
  if (!block.ok) throw new GossipError("malformed", `expected a block, got ${block.detail}`);
  return block.value;
}

/** One that cannot be read is a config block too. */
function isConfigBlock(read: ReturnType<typeof readConfigBlock>): boolean {
  return read.ok || read.reason !== "no-content";
}

function bundleOf(block: Block): ChannelBundle {
  const config = readConfigBlock(block);
  if (!config.ok) {
    throw new GossipError(
      "invalid-config",
      `expected block ${block.header.number} to be a config block: ${config.detail}`,
    );
  }
  return createChannelBundle(config.value.channelId, config.value.envelope.config);
}

/** A folder that trusts other authorities than the channel does ends in peers that see the organization differently. */
function differingRoots(folder: MspFolder, bundle: ChannelBundle, mspId: string): string[] {
  const inChannel = bundle.msps.msps.get(mspId as never);
  if (inChannel === undefined) return [];
  return sameCertificates(folder.config.rootCerts, inChannel.rootCerts)
    ? []
    : [`the root certificates of ${mspId} differ between the MSP folder and channel ${bundle.channelId}`];
}

function sameCertificates(some: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  const names = (pems: readonly Uint8Array[]) =>
    pems
      .map((pem) => new X509Certificate(pem).fingerprint256)
      .sort()
      .join();
  return names(some) === names(others);
}
