import { GossipError } from "@gossip/runtime";

/** How a leader pulls blocks: `peer.deliveryclient.*` and `peer.keepalive.deliveryClient.*` (protocol page 12 §3), in milliseconds. */
export interface DeliverConfig {
  /**
   * How long one orderer may take to accept a connection (`connTimeout`). Less gives up on slow networks, more delays the
   * next orderer's turn.
   * @default 3000
   */
  readonly connTimeoutMs: number;
  /**
   * Pause after the first failure of an orderer (`minimalReconnectInterval`); each further one waits 1.2 times longer.
   * @default 100
   */
  readonly minimalReconnectIntervalMs: number;
  /**
   * Longest pause between attempts at one orderer (`reConnectBackoffThreshold`). The reference waits up to an hour, so that
   * an organization may need an hour to return after an outage (page 09, weakness 10). Must not be below
   * `minimalReconnectIntervalMs`.
   * @default 30000
   */
  readonly reconnectBackoffThresholdMs: number;
  /** Largest message taken from an orderer. @default 104857600, as a Fabric peer's */
  readonly maxMessageBytes: number;
  /** Silence after which the connection is probed (`interval`); orderers punish less than 60 s (page 01 §1.3). @default 60000 */
  readonly keepaliveIntervalMs: number;
  /** How long a probe may stay unanswered (`timeout`). @default 20000 */
  readonly keepaliveTimeoutMs: number;
}

/** The values of {@link DeliverConfig} when nothing else is said. */
export const deliverDefaults: DeliverConfig = Object.freeze({
  connTimeoutMs: 3_000,
  minimalReconnectIntervalMs: 100,
  reconnectBackoffThresholdMs: 30_000,
  maxMessageBytes: 104_857_600,
  keepaliveIntervalMs: 60_000,
  keepaliveTimeoutMs: 20_000,
});

/** How a client submits transactions; its connection behaves as {@link DeliverConfig} says. */
export interface BroadcastConfig extends DeliverConfig {
  /**
   * Most transactions sent and not yet acknowledged. An orderer acknowledges with the block, so fewer than a block takes
   * makes every block wait for its timeout.
   * @default 2000
   */
  readonly maxInFlight: number;
  /** The same in bytes; one larger transaction is sent alone. @default 33554432 */
  readonly maxInFlightBytes: number;
  /** Most transactions held, sent or waiting to be sent; `submit` refuses more. @default 100000 */
  readonly maxQueued: number;
  /** The same in bytes. @default 536870912 */
  readonly maxQueuedBytes: number;
  /** How long no acknowledgement may come before all that is held is given up as `unavailable`. @default 60000 */
  readonly giveUpAfterMs: number;
}

/** The values of {@link BroadcastConfig} when nothing else is said. */
export const broadcastDefaults: BroadcastConfig = Object.freeze({
  ...deliverDefaults,
  maxInFlight: 2_000,
  maxInFlightBytes: 32 * 1024 * 1024,
  maxQueued: 100_000,
  maxQueuedBytes: 512 * 1024 * 1024,
  giveUpAfterMs: 60_000,
});

/**
 * Fills in defaults and checks each value and their relations.
 *
 * @throws GossipError `invalid-config`.
 */
export function resolveDeliverConfig(config: Partial<DeliverConfig> = {}): DeliverConfig {
  const resolved = { ...deliverDefaults, ...config };
  checkConnection(resolved);
  return resolved;
}

/**
 * Fills in defaults and checks each value and their relations.
 *
 * @throws GossipError `invalid-config`.
 */
export function resolveBroadcastConfig(config: Partial<BroadcastConfig> = {}): BroadcastConfig {
  const resolved = { ...broadcastDefaults, ...config };
  checkConnection(resolved);
  for (const name of ["maxInFlight", "maxInFlightBytes", "maxQueued", "maxQueuedBytes", "giveUpAfterMs"] as const) {
    checkWhole(name, resolved[name]);
  }
  if (resolved.maxQueued < resolved.maxInFlight) {
    throw refusal(`maxQueued of at least maxInFlight (${resolved.maxInFlight})`, resolved.maxQueued);
  }
  if (resolved.maxQueuedBytes < resolved.maxInFlightBytes) {
    throw refusal(
      `maxQueuedBytes of at least maxInFlightBytes (${resolved.maxInFlightBytes})`,
      resolved.maxQueuedBytes,
    );
  }
  return resolved;
}

function checkConnection(config: DeliverConfig): void {
  checkWhole("connTimeoutMs", config.connTimeoutMs);
  checkWhole("minimalReconnectIntervalMs", config.minimalReconnectIntervalMs);
  checkWhole("reconnectBackoffThresholdMs", config.reconnectBackoffThresholdMs);
  checkWhole("maxMessageBytes", config.maxMessageBytes);
  checkWhole("keepaliveIntervalMs", config.keepaliveIntervalMs);
  checkWhole("keepaliveTimeoutMs", config.keepaliveTimeoutMs);
  if (config.reconnectBackoffThresholdMs < config.minimalReconnectIntervalMs) {
    throw refusal(
      `reconnectBackoffThresholdMs of at least minimalReconnectIntervalMs (${config.minimalReconnectIntervalMs})`,
      config.reconnectBackoffThresholdMs,
    );
  }
}

function checkWhole(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1 || value > 2 ** 31 - 1) {
    throw refusal(`${name} to be an integer from 1 to ${2 ** 31 - 1}`, value);
  }
}

function refusal(expected: string, got: number): GossipError {
  return new GossipError("invalid-config", `expected ${expected}, got ${got}`);
}
