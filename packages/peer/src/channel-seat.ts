import { type ClientTls, type ConnectOrderer, createDeliver, type Deliver } from "@gossip/deliver";
import type { Channel, GossipNode } from "@gossip/node";
import type { PrivateData } from "@gossip/privdata";
import type { Block } from "@gossip/proto/fabric";
import { type Clock, type Logger, type Metrics, type Random, type WallClock, wallMillis } from "@gossip/runtime";
import type { Ledger } from "@gossip/state";
import type { PeerConfig } from "./config.js";
import type { OrdererRefusals } from "./orderer-refusals.js";
import type { Trust, TrustedChannel } from "./trust.js";

/** What a seat needs of its peer. */
export interface ChannelSeatOptions {
  readonly config: PeerConfig;
  readonly trust: Trust;
  readonly trusted: TrustedChannel;
  readonly ledger: Ledger;
  readonly privateData: PrivateData | undefined;
  readonly refusals: OrdererRefusals;
  readonly connectOrderer: ConnectOrderer | undefined;
  readonly clock: Clock;
  readonly wall: WallClock;
  readonly random: Random;
  /** For the parts, which name themselves. */
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The terms are others now, so what they say of TLS may be, too. */
  onTerms(): void;
  onFault(error: unknown): void;
}

/** A peer's place in one channel: config blocks are put in force here, and a leader's stream from the orderers begins here. */
export class ChannelSeat {
  readonly #options: ChannelSeatOptions;
  readonly #log: Logger;
  #channel: Channel | undefined;
  #deliver: Deliver | undefined;
  /** The newest block that is committed and, if it was a config block, in force. */
  #inForce: bigint;
  /** Whoever waits for a config block to be in force. */
  #waiting: (() => void)[] = [];
  #isClosed = false;

  constructor(options: ChannelSeatOptions) {
    this.#options = options;
    this.#log = options.log.child("peer");
    this.#inForce = options.ledger.height - 1n;
  }

  get deliver(): Deliver | undefined {
    return this.#deliver;
  }

  async join(node: GossipNode): Promise<void> {
    const { config, trusted, ledger, privateData, metrics } = this.#options;
    const { orgLeader = false, blockGossip = true } = config;
    const { organizations, anchors } = trusted.terms;
    this.#channel = await node.join(trusted.id, {
      ledger,
      organizations,
      anchors,
      leader: orgLeader,
      blockGossip,
      onCommitted: (blockNumber, block) => this.#onCommitted(blockNumber, block),
      ...(privateData === undefined ? {} : { privateData }),
    });
    metrics
      .gauge({ name: "gossip_leader_election_leader", help: "1 on a leader, 0 on a follower", labels: ["channel"] })
      .set(orgLeader ? 1 : 0, { channel: trusted.id });
    if (orgLeader) this.#pull(this.#channel);
  }

  /** Ends the stream from the orderers. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#release();
    await this.#deliver?.stop();
  }

  #pull(channel: Channel): void {
    const { config, trust, trusted, ledger, refusals, wall, connectOrderer, log } = this.#options;
    const { addressOverrides: _, ...deliverConfig } = config.deliveryClient ?? {};
    if (trusted.terms.orderers.length === 0) {
      this.#log.warn("a leader without orderers: the channel's configuration names none", { channel: trusted.id });
      return;
    }
    const tls = clientTls(config);
    this.#deliver = createDeliver({
      channel: trusted.id,
      endpoints: trusted.terms.orderers,
      ...(tls === undefined ? {} : { tls }),
      identity: trust.identity,
      sign: (payload) => trust.crypto.sign(payload),
      position: { next: ledger.height, lastHash: ledger.lastHash },
      verify: (blockNumber, block) => trust.crypto.verifyBlock(trusted.id, blockNumber, block),
      onBlock: (blockNumber, bytes, block) => this.#onDelivered(channel, blockNumber, bytes, block),
      onRefused: (refusal) => refusals.add(trusted, refusal, wallMillis(wall)),
      onFault: (error) => this.#options.onFault(error),
      config: deliverConfig,
      ...(connectOrderer === undefined ? {} : { connect: connectOrderer }),
      clock: this.#options.clock,
      wall,
      random: this.#options.random,
      log,
      metrics: this.#options.metrics,
    });
  }

  /** The block after a config block is judged by what that one says, so it has to be in force first. */
  async #onDelivered(channel: Channel, blockNumber: bigint, bytes: Uint8Array, block: Block): Promise<void> {
    await channel.publish(blockNumber, bytes);
    if (!this.#options.trusted.isConfig(block)) return;
    while (this.#inForce < blockNumber && !this.#isClosed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #onCommitted(blockNumber: bigint, block: Uint8Array): "trust-changed" | undefined {
    const { trusted } = this.#options;
    const isConfig = trusted.apply(block);
    void this.#options.privateData?.purge();
    this.#inForce = blockNumber;
    if (!isConfig) return undefined;
    const { organizations, orderers } = trusted.terms;
    this.#log.info("config block in force", { channel: trusted.id, blockNumber, organizations });
    this.#options.onTerms();
    if (organizations.includes(this.#options.config.localMspId)) {
      this.#channel?.updateConfig(trusted.terms);
      this.#deliver?.setEndpoints(orderers);
    } else {
      this.#log.error("own organization is no longer in the channel: leaving it", { channel: trusted.id, blockNumber });
      void this.#deliver?.stop();
      this.#channel?.leave();
    }
    this.#release();
    return "trust-changed";
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function clientTls({ tls }: PeerConfig): ClientTls | undefined {
  if (tls === undefined) return undefined;
  // Only where client certificates matter does the reference bind its requests to them (page 13 §6.5).
  return { cert: tls.clientCert ?? tls.cert, key: tls.clientKey ?? tls.key, bindRequests: tls.clientAuthRequired };
}
