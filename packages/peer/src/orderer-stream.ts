import { type ClientTls, type ConnectOrderer, createDeliver, type Deliver, type DeliverOptions } from "@gossip/deliver";
import { type Clock, type Logger, type Metrics, type Random, type WallClock, wallMillis } from "@gossip/runtime";
import type { Ledger } from "@gossip/state";
import type { PeerConfig } from "./config.js";
import type { OrdererRefusals } from "./orderer-refusals.js";
import type { Trust, TrustedChannel } from "./trust.js";

/** What a stream from a channel's orderers needs of its peer. */
export interface OrdererStreamOptions {
  readonly config: PeerConfig;
  readonly trust: Trust;
  readonly trusted: TrustedChannel;
  readonly ledger: Ledger;
  readonly refusals: OrdererRefusals;
  readonly connectOrderer: ConnectOrderer | undefined;
  readonly clock: Clock;
  readonly wall: WallClock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  onFault(error: unknown): void;
}

/** Begins to pull a channel from its orderers, of which there is at least one, where the ledger ends. */
export function openOrdererStream(options: OrdererStreamOptions, onBlock: DeliverOptions["onBlock"]): Deliver {
  const { config, trust, trusted, ledger, refusals, connectOrderer, clock, wall, random, log, metrics } = options;
  const { addressOverrides: _, ...deliverConfig } = config.deliveryClient ?? {};
  const tls = clientTls(config);
  return createDeliver({
    channel: trusted.id,
    endpoints: trusted.terms.orderers,
    ...(tls === undefined ? {} : { tls }),
    identity: trust.identity,
    sign: (payload) => trust.crypto.sign(payload),
    position: { next: ledger.height, lastHash: ledger.lastHash },
    verify: (blockNumber, block) => trust.crypto.verifyBlock(trusted.id, blockNumber, block),
    onBlock,
    onRefused: (refusal) => refusals.add(trusted, refusal, wallMillis(wall)),
    onFault: (error) => options.onFault(error),
    config: deliverConfig,
    ...(connectOrderer === undefined ? {} : { connect: connectOrderer }),
    ...{ clock, wall, random, log, metrics },
  });
}

function clientTls({ tls }: PeerConfig): ClientTls | undefined {
  if (tls === undefined) return undefined;
  // Only where client certificates matter does the reference bind its requests to them (page 13 §6.5).
  return { cert: tls.clientCert ?? tls.cert, key: tls.clientKey ?? tls.key, bindRequests: tls.clientAuthRequired };
}
