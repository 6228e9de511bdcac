/**
 * A peer's place in one channel.
 *
 *     member   the node has joined the channel: blocks come from peers, and a leader's from the orderers as well
 *     waiting  the configuration that is in force does not name our organization: a leader takes blocks from the orderers
 *              straight into the ledger, which they serve as soon as their own configuration names us
 *
 *     waiting -> member    a config block names our organization: at the first start of one that came to the channel
 *                          later, or when it came back
 *     member  -> waiting   a config block names it no more
 *
 * Who takes blocks from the orderers: a leader by its operator's word always; a candidate while it leads, and while it waits,
 * for nobody else in its organization can be asked then; others never. A leader that reaches no orderer for a while gives up
 * where another might do better.
 *
 * Config blocks are put in force here, in both states, before the next block is judged. One stream from the orderers
 * serves both: it stands still while a config block that it brought is not in force.
 */
import type { Deliver, DeliverOptions } from "@gossip/deliver";
import type { Channel, GossipNode } from "@gossip/node";
import type { PrivateData } from "@gossip/privdata";
import type { Block } from "@gossip/proto/fabric";
import type { Logger, Millis, Timer } from "@gossip/runtime";
import { type OrdererStreamOptions, openOrdererStream } from "./orderer-stream.js";

/** How often an elected leader looks whether it reaches an orderer. */
const watchMs = 1_000;
const defaultOrdererTimeoutMs = 30_000;

/** What a seat needs of its peer. */
export interface ChannelSeatOptions extends OrdererStreamOptions {
  readonly privateData: PrivateData | undefined;
  /** The terms are others now, so what they say of TLS may be, too. */
  onTerms(): void;
}

export class ChannelSeat {
  readonly #options: ChannelSeatOptions;
  readonly #log: Logger;
  #node: GossipNode | undefined;
  #channel: Channel | undefined;
  /** Done when the channel that was left is closed. */
  #left: Promise<void> = Promise.resolve();
  #deliver: Deliver | undefined;
  /** Done when the last stream that was ended hands over nothing any more. */
  #ended: Promise<void> = Promise.resolve();
  #watch: Timer | undefined;
  /** Since when no orderer is to be reached. */
  #unreachableSince: Millis | undefined;
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

  /** Why the channel is not joined; `undefined` when it is. */
  get absence(): string | undefined {
    if (this.#channel !== undefined) return undefined;
    const { localMspId, orgLeader } = this.#options.config;
    const isFollowing = orgLeader === true || this.#options.config.leaderElection === true;
    const how = isFollowing ? "following its orderers" : "set peer.gossip.orgLeader to follow its orderers";
    const failure = this.#deliver?.status.lastFailure;
    const last = failure === undefined ? "" : `; they say: ${failure}`;
    return `${localMspId} is not among its organizations as of block ${this.#inForce}: ${how} until it is${last}`;
  }

  /** Takes the seat: as a member, or waiting to be one. */
  async take(node: GossipNode): Promise<void> {
    const { config, trusted, metrics } = this.#options;
    this.#node = node;
    metrics
      .gauge({ name: "gossip_leader_election_leader", help: "1 on a leader, 0 on a follower", labels: ["channel"] })
      .set(config.orgLeader === true ? 1 : 0, { channel: trusted.id });
    if (this.#isMember) await this.#join(node);
    else {
      this.#log.warn("own organization is not in the channel: waiting for it, in vain if peer.localMspId is wrong", {
        ...this.#fields(),
        organization: config.localMspId,
        organizations: trusted.terms.organizations,
      });
    }
    this.#followOrderers();
  }

  /** Ends the stream from the orderers. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#release();
    this.#watch?.cancel();
    this.#endStream();
    await this.#ended;
  }

  get #isMember(): boolean {
    const { config, trusted } = this.#options;
    return trusted.terms.organizations.includes(config.localMspId);
  }

  async #join(node: GossipNode): Promise<void> {
    const { config, trusted, ledger, privateData } = this.#options;
    const { orgLeader = false, leaderElection = false, blockGossip = true } = config;
    const { organizations, anchors } = trusted.terms;
    this.#channel = await node.join(trusted.id, {
      ledger,
      organizations,
      anchors,
      leader: orgLeader,
      ...(leaderElection && {
        election: true,
        onLeadership: (isLeader, reason) => this.#onLeadership(isLeader, reason),
      }),
      blockGossip,
      onCommitted: (blockNumber, block) => this.#onCommitted(blockNumber, block),
      onRefused: () => this.#deliver?.rewind({ next: ledger.height, lastHash: ledger.lastHash }),
      ...(privateData === undefined ? {} : { privateData }),
    });
  }

  #leave(): void {
    this.#log.error("own organization is no longer in the channel: leaving it", this.#fields());
    this.#left = this.#channel?.leave() ?? this.#left;
    this.#channel = undefined;
    this.#watch?.cancel();
  }

  /** Whether this peer takes blocks from the orderers itself, now. */
  get #isFollowing(): boolean {
    const { orgLeader, leaderElection } = this.#options.config;
    if (this.#isClosed) return false;
    return orgLeader === true || (leaderElection === true && (this.#channel?.isLeader ?? true));
  }

  /** Pulls from the orderers that the terms name, as long as that is ours to do. */
  #followOrderers(): void {
    if (!this.#isFollowing) return this.#endStream();
    const { trusted } = this.#options;
    const { orderers } = trusted.terms;
    if (orderers.length === 0) {
      this.#log.warn("a leader without orderers: the channel's configuration names none", { channel: trusted.id });
    }
    if (this.#deliver !== undefined) this.#deliver.setEndpoints(orderers);
    else if (orderers.length > 0) this.#deliver = openOrdererStream(this.#options, this.#onBlock);
  }

  readonly #onBlock: DeliverOptions["onBlock"] = (blockNumber, bytes, block) => {
    const channel = this.#channel;
    if (channel === undefined) return this.#onAlone(blockNumber, bytes);
    return this.#onDelivered(channel, { blockNumber, bytes, block });
  };

  #endStream(): void {
    const deliver = this.#deliver;
    if (deliver === undefined) return;
    this.#deliver = undefined;
    const ended = deliver.stop();
    this.#ended = Promise.all([this.#ended, ended]).then(() => {});
  }

  #onLeadership(isLeader: boolean, reason: string): void {
    this.#log.info(isLeader ? "leading: taking blocks from the orderers" : "leading no more", {
      ...this.#fields(),
      reason,
    });
    this.#watch?.cancel();
    this.#unreachableSince = undefined;
    if (isLeader) this.#watchOrderers();
    // One stream at a time; whoever has lost leadership again by then begins none.
    void this.#ended.then(() => this.#followOrderers());
    if (!isLeader) this.#endStream();
  }

  /** Gives up leadership when no orderer is to be reached for too long, if somebody else might reach one. */
  #watchOrderers(): void {
    const { clock, config } = this.#options;
    this.#watch = clock.schedule(clock.now() + watchMs, () => {
      if (this.#isClosed || this.#channel?.isLeader !== true) return;
      this.#watchOrderers();
      const now = clock.now();
      if (this.#deliver?.status.state === "streaming") this.#unreachableSince = undefined;
      else this.#unreachableSince ??= now;
      const isTooLong = now - (this.#unreachableSince ?? now) >= (config.ordererTimeoutMs ?? defaultOrdererTimeoutMs);
      if (!isTooLong || !this.#channel.members.some(({ org }) => org === config.localMspId)) return;
      this.#log.warn("no orderer is to be reached: leaving leadership to others", {
        ...this.#fields(),
        last: this.#deliver?.status.lastFailure,
      });
      this.#channel.leadership.yield("no-orderer");
    });
  }

  /** The block after a config block is judged by what that one says, so it has to be in force first. */
  async #onDelivered(
    channel: Channel,
    { blockNumber, bytes, block }: { readonly blockNumber: bigint; readonly bytes: Uint8Array; readonly block: Block },
  ): Promise<void> {
    await channel.publish(blockNumber, bytes);
    if (!this.#options.trusted.isConfig(block)) return;
    while (this.#inForce < blockNumber && !this.#isClosed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** While we wait, nobody else writes the ledger. A block whose hand-over failed on the way comes again. */
  async #onAlone(blockNumber: bigint, bytes: Uint8Array): Promise<void> {
    const { ledger } = this.#options;
    await this.#left;
    if (blockNumber >= ledger.height) await ledger.commit(blockNumber, bytes);
    if (blockNumber > this.#inForce) this.#putInForce(blockNumber, bytes);
    if (!this.#isMember || this.#node === undefined || this.#isClosed) return;
    this.#log.info("own organization is in the channel: joining the channel", this.#fields());
    await this.#join(this.#node);
  }

  #onCommitted(blockNumber: bigint, bytes: Uint8Array): "trust-changed" | undefined {
    if (!this.#putInForce(blockNumber, bytes)) return undefined;
    if (this.#isMember) this.#channel?.updateConfig(this.#options.trusted.terms);
    else this.#leave();
    this.#release();
    return "trust-changed";
  }

  /** Whether it was a config block. May fail, and be done again for the same block. */
  #putInForce(blockNumber: bigint, bytes: Uint8Array): boolean {
    const { trusted, privateData } = this.#options;
    const isConfig = trusted.apply(bytes);
    void privateData?.purge();
    if (isConfig) {
      this.#log.info("config block in force", {
        ...this.#fields(blockNumber),
        organizations: trusted.terms.organizations,
      });
      this.#options.onTerms();
      this.#followOrderers();
    }
    this.#inForce = blockNumber;
    return isConfig;
  }

  #fields(blockNumber = this.#inForce) {
    return { channel: this.#options.trusted.id, blockNumber };
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
