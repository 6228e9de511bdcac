import { readFile } from "node:fs/promises";
import { decodeRevocationLists, Ed25519Crypto, type Ed25519CryptoOptions, readGenesisBlock } from "@gossip/crypto";
import { orgId } from "@gossip/proto";
import type { ChannelConfig } from "@gossip/proto/ed25519";
import { errorText, GossipError, type WallClock } from "@gossip/runtime";
import type { Ed25519Trust, PeerConfig } from "./config.js";
import { FileWatch } from "./file-watch.js";
import { overridden, refuseChannel, type Trust, type TrustedChannel } from "./trust.js";

/** Trust in organizations of Ed25519 keys, whose channels are fixed by their genesis blocks. */
export async function openEd25519Trust(
  config: PeerConfig & { readonly trust: Ed25519Trust },
  wall: WallClock,
): Promise<Trust> {
  const { identity, privateKey, organizations, revocationsFile } = config.trust;
  const crypto = createCrypto({ identity, privateKey, organizations, wall });
  const channels = config.channels.map(({ genesisBlock, origin }, at) => {
    try {
      const channel = readGenesisBlock(genesisBlock);
      crypto.setChannel(channel);
      return fixedChannel(channel, genesisBlock, config);
    } catch (error) {
      throw refuseChannel(at, origin, errorText(error), error);
    }
  });
  const revocations = revocationsFile === undefined ? undefined : new RevocationsFile(revocationsFile, crypto);
  await revocations?.refresh();
  // Whoever begins without what it was told to heed would let in whom others keep out.
  const [refusal] = revocations?.refusals ?? [];
  if (refusal !== undefined) throw new GossipError("invalid-config", refusal);
  return {
    identity,
    crypto,
    channels,
    peerTlsRoots: [],
    get warnings() {
      return revocations === undefined ? [] : [...revocations.refusals, ...revocations.strangers];
    },
    refresh: async () => (await revocations?.refresh()) ?? "same",
  };
}

/** The file of revocation lists; those that were in force stay so until later ones replace them. */
class RevocationsFile {
  readonly #path: string;
  readonly #crypto: Ed25519Crypto;
  readonly #watch: FileWatch;
  /** What is wrong with the file as it is now. */
  refusals: readonly string[] = [];
  /** Lists of organizations that we have nothing to do with. */
  strangers: readonly string[] = [];

  constructor(path: string, crypto: Ed25519Crypto) {
    this.#path = path;
    this.#crypto = crypto;
    this.#watch = new FileWatch(path);
  }

  async refresh(): Promise<"same" | "changed" | "refused"> {
    if (!(await this.#watch.hasChanged())) return "same";
    const refusals: string[] = [];
    const strangers: string[] = [];
    let isChanged = false;
    for (const list of await this.#read(refusals)) {
      try {
        if (this.#crypto.setRevocationList(list)) isChanged = true;
      } catch (error) {
        const isStranger = error instanceof GossipError && error.code === "not-found";
        (isStranger ? strangers : refusals).push(`peer.revocations.file: ${errorText(error)} (${this.#path})`);
      }
    }
    this.refusals = refusals;
    this.strangers = strangers;
    if (isChanged) return "changed";
    return refusals.length + strangers.length > 0 ? "refused" : "same";
  }

  async #read(refusals: string[]): Promise<readonly Uint8Array[]> {
    try {
      return decodeRevocationLists(await readFile(this.#path, "utf8"));
    } catch (error) {
      refusals.push(`peer.revocations.file: expected a readable file with revocation lists: ${errorText(error)}`);
      return [];
    }
  }
}

function fixedChannel(
  channel: ChannelConfig,
  genesisBlock: Uint8Array,
  { tls, deliveryClient }: PeerConfig,
): TrustedChannel {
  const { channelId, organizations, ordererOrganizations } = channel;
  const tlsRoots = tls === undefined ? {} : { tlsRoots: tls.rootCerts };
  const orderers = ordererOrganizations.flatMap(({ id, endpoints }) =>
    endpoints.map((address) => ({ address, org: id, ...tlsRoots })),
  );
  return {
    id: channelId,
    genesisBlock,
    terms: {
      organizations: organizations.map(({ id }) => orgId(id)),
      anchors: organizations.flatMap(({ id, anchors }) => anchors.map((endpoint) => ({ org: orgId(id), endpoint }))),
      orderers: orderers.map((orderer) => overridden(orderer, deliveryClient?.addressOverrides)),
    },
    restore: async () => {},
    isConfig: () => false,
    apply: () => false,
  };
}

/** Says in the words of the configuration which of its files is meant. */
function createCrypto(options: Ed25519CryptoOptions): Ed25519Crypto {
  try {
    return new Ed25519Crypto(options);
  } catch (error) {
    throw new GossipError("invalid-config", `peer.identity: ${errorText(error)}`, { cause: error });
  }
}
