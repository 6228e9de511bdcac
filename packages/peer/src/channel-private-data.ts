import type { Verdict } from "@gossip/crypto";
import type { PrivateDataPeer } from "@gossip/node";
import { createPrivateData, type PrivateData } from "@gossip/privdata";
import { readBlock, readPayload, readSignedEnvelope } from "@gossip/proto/fabric";
import type { Clock, Logger, MaybePromise, Metrics } from "@gossip/runtime";
import type { Ledger } from "@gossip/state";
import type { PrivateDataConfig } from "./config.js";

/** What opening a channel's private data needs. */
export interface ChannelPrivateDataOptions {
  /** Folder of all private data of the peer. */
  readonly dir: string;
  readonly channel: string;
  readonly ledger: Ledger;
  readonly config: PrivateDataConfig;
  mayRead(policy: Uint8Array, peer: PrivateDataPeer): MaybePromise<Verdict>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/**
 * Opens the private data of a channel, which finds transactions by their place in the channel's ledger.
 *
 * @throws GossipError `conflict`, `corrupt`, `storage`.
 */
export async function openChannelPrivateData(options: ChannelPrivateDataOptions): Promise<PrivateData> {
  const { dir, channel, ledger, config, clock, log, metrics } = options;
  const ids = new TransactionIds(ledger);
  return await createPrivateData({
    dir,
    channel,
    mayRead: (policy, peer) => options.mayRead(policy, peer),
    height: () => ledger.height,
    txIdAt: (blockNumber, seqInBlock) => ids.at(blockNumber, seqInBlock),
    limits: config,
    clock,
    log,
    metrics,
  });
}

/** Ids of the transactions of one block, the last that was asked for: requests go through a block in one sweep. */
class TransactionIds {
  readonly #ledger: Ledger;
  #blockNumber: bigint | undefined;
  #ids: readonly (string | undefined)[] = [];

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  async at(blockNumber: bigint, seqInBlock: bigint): Promise<string | undefined> {
    if (this.#blockNumber !== blockNumber) {
      const bytes = await this.#ledger.read(blockNumber);
      if (bytes === undefined) return undefined;
      this.#ids = idsOf(bytes);
      this.#blockNumber = blockNumber;
    }
    return seqInBlock < BigInt(this.#ids.length) ? this.#ids[Number(seqInBlock)] : undefined;
  }
}

function idsOf(bytes: Uint8Array): (string | undefined)[] {
  const block = readBlock(bytes);
  if (!block.ok) return [];
  return block.value.data.map((transaction) => {
    const envelope = readSignedEnvelope(transaction);
    const payload = envelope.ok ? readPayload(envelope.value.payload) : undefined;
    return payload?.ok === true ? payload.value.channelHeader.txId || undefined : undefined;
  });
}
