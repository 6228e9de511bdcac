import { setMaxListeners } from "node:events";
import { blockHash, createSigner, Ed25519Crypto, readGenesisBlock } from "@gossip/crypto";
import { createLedger } from "@gossip/ledger";
import { orgId } from "@gossip/proto";
import type { ChannelConfig } from "@gossip/proto/ed25519";
import { readBlock, readSerializedIdentity } from "@gossip/proto/fabric";
import {
  errorText,
  GossipError,
  noMetrics,
  silentLogger,
  systemClock,
  systemRandom,
  systemWallClock,
} from "@gossip/runtime";
import type { Orderer, OrdererOptions } from "./api.js";
import { broadcastService } from "./broadcast-service.js";
import { type LimitsConfig, resolveBatchConfig, resolveLimitsConfig } from "./config.js";
import { deliverService } from "./deliver-service.js";
import { type GrpcServer, openGrpcServer } from "./grpc-server.js";
import { OrderingChannel } from "./ordering-channel.js";
import { RecentTransactions, restoreRecent } from "./recent-transactions.js";

/**
 * Starts an orderer: opens its ledgers, which begin with the genesis blocks, and serves `orderer.AtomicBroadcast`.
 *
 * @example
 * const orderer = await createOrderer({
 *   listenAddress: "127.0.0.1:7050",
 *   fileSystemPath: "orderer-data",
 *   identity,
 *   privateKey,
 *   genesisBlocks: [makeGenesisBlock(config)],
 * });
 * @throws GossipError `invalid-config`, `conflict` (port or folder taken), `malformed` (a genesis block), `corrupt` (a
 * ledger), `storage`: one line each; nothing stays open then.
 */
export async function createOrderer(options: OrdererOptions): Promise<Orderer> {
  const { clock = systemClock, wall = systemWallClock, random = systemRandom, metrics = noMetrics } = options;
  const log = (options.log ?? silentLogger).child("orderer");
  const batch = resolveBatchConfig(options.batch);
  const limits = resolveLimitsConfig(options.limits, batch);
  const genesis = readGenesisBlocks(options.genesisBlocks);
  const crypto = createTrust({ ...options, wall }, genesis);
  const sign = createSigner(options.privateKey);
  const channels = new Map<string, OrderingChannel>();
  const closing = new AbortController();
  // Every stream listens; there are maxStreams at most, and Node would take more than ten for a leak.
  setMaxListeners(0, closing.signal);
  let server: GrpcServer | undefined;

  async function openChannel(id: string, block: Uint8Array): Promise<OrderingChannel> {
    const { fileSystemPath, identity } = options;
    const { ledger, recent } = await openLedger({ dir: fileSystemPath, id, genesis: block, limits, log });
    const onFault = (error: unknown) => log.error("ordering has ended", { channel: id, error: errorText(error) });
    return new OrderingChannel({
      id,
      ledger,
      recent,
      batch,
      limits,
      identity,
      sign,
      clock,
      random,
      log,
      metrics,
      onFault,
    });
  }

  async function closeAll(): Promise<void> {
    closing.abort();
    for (const channel of channels.values()) await channel.drain();
    await server?.close();
    for (const channel of channels.values()) await channel.close();
  }

  try {
    for (const { config, block } of genesis) {
      channels.set(config.channelId, await openChannel(config.channelId, block));
    }
    server = await openGrpcServer({
      listenAddress: options.listenAddress,
      tls: options.tls,
      maxStreams: limits.maxStreams,
      clock,
      onBroadcast: broadcastService({
        channels,
        crypto,
        maxBytes: batch.absoluteMaxBytes,
        maxPendingPerStream: limits.maxPendingPerStream,
        log,
        metrics,
        closing: closing.signal,
      }),
      onDeliver: deliverService({ channels, crypto, wall, log, metrics, closing: closing.signal }),
    });
  } catch (error) {
    await closeAll();
    throw error;
  }
  const { endpoint } = server;
  const heights = Object.fromEntries([...channels].map(([id, { height }]) => [id, height]));
  log.info("orderer started", { name: options.name ?? "orderer", endpoint, heights });

  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= closeAll();
    return closed;
  };
  return { endpoint, channels, close, [Symbol.asyncDispose]: close };
}

interface Genesis {
  readonly config: ChannelConfig;
  readonly block: Uint8Array;
}

function readGenesisBlocks(blocks: readonly Uint8Array[]): readonly Genesis[] {
  if (blocks.length === 0) throw new GossipError("invalid-config", "expected at least one genesis block, got none");
  const seen = new Set<string>();
  return blocks.map((block) => {
    const config = readGenesisBlock(block);
    if (seen.has(config.channelId)) {
      throw new GossipError("invalid-config", `expected one genesis block per channel, got two of ${config.channelId}`);
    }
    seen.add(config.channelId);
    return { config, block };
  });
}

/** Who may submit and read, and that our own blocks will be believed. */
function createTrust(
  { identity, privateKey, wall }: Pick<OrdererOptions, "identity" | "privateKey"> & { wall: typeof systemWallClock },
  genesis: readonly Genesis[],
): Ed25519Crypto {
  const own = readSerializedIdentity(identity);
  if (!own.ok)
    throw new GossipError("invalid-config", `expected identity to be a serialized identity, got: ${own.detail}`);
  const { mspId } = own.value;
  const organizations = genesis.map(({ config }) => {
    const organization = config.ordererOrganizations.find(({ id }) => id === mspId);
    if (organization !== undefined) return { id: orgId(mspId), rootPublicKey: organization.rootPublicKey };
    throw new GossipError(
      "invalid-config",
      `expected an identity of an orderer organization of channel ${config.channelId}, got one of ${mspId}`,
    );
  });
  const crypto = new Ed25519Crypto({ identity, privateKey, organizations, wall });
  for (const { config } of genesis) crypto.setChannel(config);
  const verdict = crypto.validateIdentity(identity);
  if (!verdict.ok) throw new GossipError("invalid-config", `expected a valid identity, got: ${verdict.detail}`);
  return crypto;
}

interface OpenLedgerOptions {
  readonly dir: string;
  readonly id: string;
  readonly genesis: Uint8Array;
  readonly limits: LimitsConfig;
  readonly log: ReturnType<typeof silentLogger.child>;
}

async function openLedger({ dir, id, genesis, limits, log }: OpenLedgerOptions) {
  // Peers have the blocks that were lost; others under the same numbers would split the channel.
  const ledger = await createLedger({ dir, channel: id, log, refetchable: false });
  try {
    if (ledger.height === 0n) await ledger.commit(0n, genesis);
    await requireGenesis(await ledger.read(0n), genesis, id);
    const recent = new RecentTransactions(limits);
    await restoreRecent(recent, limits, ledger.height, async (number) => {
      const bytes = await ledger.read(number);
      const block = bytes === undefined ? undefined : readBlock(bytes);
      return block?.ok === true ? block.value.data : [];
    });
    return { ledger, recent };
  } catch (error) {
    await ledger.close();
    throw error;
  }
}

function requireGenesis(stored: Uint8Array | undefined, genesis: Uint8Array, id: string): void {
  const [held, given] = [headerHash(stored), headerHash(genesis)];
  if (held === given) return;
  throw new GossipError(
    "invalid-config",
    `expected the ledger of channel ${id} to begin with block ${given}, got ${held}`,
  );
}

function headerHash(bytes: Uint8Array | undefined): string {
  const block = bytes === undefined ? undefined : readBlock(bytes);
  return block?.ok === true ? Buffer.from(blockHash(block.value.header)).toString("hex") : "(none)";
}
