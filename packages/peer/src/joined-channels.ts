import { mkdir, open, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { readBlock, readPayload, readSignedEnvelope } from "@gossip/proto/fabric";
import { errorText, GossipError } from "@gossip/runtime";
import type { PeerChannelConfig } from "./config.js";

const suffix = ".block";

/** Names of channels are file names too (protocol page 13 §4.3); what is none is not written. */
const channelName = /^[a-z][a-z0-9.-]{0,248}$/;

/** The channels that were joined by command: their blocks 0, in a folder of the peer's, so that the next start joins them as well. */
export class JoinedChannels {
  readonly #folder: string;

  /** `folder` is the peer's; it may not exist yet. */
  constructor(folder: string) {
    this.#folder = join(folder, "channels");
  }

  /**
   * The given channels, and the remembered ones that are not among them.
   *
   * @throws GossipError `storage` when the folder cannot be read.
   */
  async with(given: readonly PeerChannelConfig[]): Promise<readonly PeerChannelConfig[]> {
    const named = new Set(given.map(({ genesisBlock }) => channelOf(genesisBlock)));
    const remembered: PeerChannelConfig[] = [];
    for (const file of await this.#files()) {
      if (named.has(file.slice(0, -suffix.length))) continue;
      const path = join(this.#folder, file);
      remembered.push({ genesisBlock: await this.#read(path), origin: path });
    }
    return [...given, ...remembered];
  }

  /**
   * Keeps a channel's block 0 for later starts, wholly or not at all.
   *
   * @throws GossipError `storage`; `invalid-argument` when the channel's name cannot be a file's.
   */
  async remember(channel: string, genesisBlock: Uint8Array): Promise<void> {
    if (!channelName.test(channel)) {
      throw new GossipError("invalid-argument", `expected the name of a channel, got ${JSON.stringify(channel)}`);
    }
    const path = join(this.#folder, `${channel}${suffix}`);
    try {
      await mkdir(this.#folder, { recursive: true });
      const file = await open(`${path}.new`, "w", 0o600);
      try {
        await file.writeFile(genesisBlock);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${path}.new`, path);
    } catch (error) {
      throw new GossipError("storage", `expected to write ${path}, got ${errorText(error)}`, { cause: error });
    }
  }

  async #files(): Promise<readonly string[]> {
    try {
      return (await readdir(this.#folder)).filter((file) => file.endsWith(suffix)).sort();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw new GossipError("storage", `expected to read ${this.#folder}, got ${errorText(error)}`, { cause: error });
    }
  }

  async #read(path: string): Promise<Uint8Array> {
    try {
      return new Uint8Array(await readFile(path));
    } catch (error) {
      throw new GossipError("storage", `expected to read ${path}, got ${errorText(error)}`, { cause: error });
    }
  }
}

/** The channel that a block's first transaction names; undefined when it is no such block, which others will say better. */
function channelOf(bytes: Uint8Array): string | undefined {
  const block = readBlock(bytes);
  const [first] = block.ok ? block.value.data : [];
  const envelope = first === undefined ? undefined : readSignedEnvelope(first);
  const payload = envelope?.ok === true ? readPayload(envelope.value.payload) : undefined;
  return payload?.ok === true ? payload.value.channelHeader.channelId : undefined;
}
