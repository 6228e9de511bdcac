import { blockHash } from "@gossip/crypto";
import { readBlock, readDeliverResponse } from "@gossip/proto/fabric";
import {
  errorText,
  GossipError,
  isPromise,
  type MaybePromise,
  noMetrics,
  run,
  silentLogger,
  systemClock,
  systemRandom,
  systemWallClock,
} from "@gossip/runtime";
import type { Deliver, DeliverOptions, OrdererEndpoint } from "./api.js";
import { resolveDeliverConfig } from "./config.js";
import { type DeliverInput, DeliverMachine, type DeliverOutput } from "./deliver-machine.js";
import { connectByGrpc } from "./grpc.js";
import type { OrdererConnection } from "./orderer-connection.js";
import { makeSeekRequest } from "./seek.js";
import { clientCertHash } from "./tls-hash.js";

/**
 * Begins to pull a channel's blocks from its orderers, and goes on until stopped.
 *
 * @example
 * const deliver = createDeliver({
 *   channel: "payments",
 *   endpoints: [{ address: "orderer.example.com:7050", tlsRoots: [ordererCa] }],
 *   tls: { cert, key },
 *   identity,
 *   sign: (payload) => crypto.sign(payload),
 *   position: { next: ledger.height, lastHash: ledger.lastHash },
 *   verify: (blockNumber, block) => crypto.verifyBlock("payments", blockNumber, block),
 *   onBlock: (blockNumber, bytes) => channel.publish(blockNumber, bytes),
 * });
 * @throws GossipError `invalid-config`.
 */
export function createDeliver(options: DeliverOptions): Deliver {
  const { channel, tls, onFault, random = systemRandom, clock = systemClock, wall = systemWallClock } = options;
  const config = resolveDeliverConfig(options.config);
  const connect = options.connect ?? connectByGrpc;
  const log = (options.log ?? silentLogger).child("deliveryClient");
  const count = counters(options);
  const tlsCertHash = clientCertHash(tls);
  if (options.endpoints.length === 0)
    throw new GossipError("invalid-config", "expected at least one orderer endpoint, got none");
  let endpoints = byAddress(options.endpoints);
  let connection: OrdererConnection | undefined;

  const machine = new DeliverMachine({ endpoints: [...endpoints.keys()], position: options.position, config, random });
  const running = run<DeliverInput, DeliverOutput>(machine, {
    clock,
    perform,
    onFault(error) {
      connection?.close();
      if (onFault === undefined) throw error;
      onFault(error);
    },
  });
  running.push({ type: "start" });

  function perform(output: DeliverOutput): void {
    switch (output.type) {
      case "dial":
        dial(output.attempt, output.endpoint);
        return;
      case "seek":
        seek(output.attempt, output.from);
        return;
      case "read":
        connection?.read();
        return;
      case "verify":
        verify(output);
        return;
      case "hand-over":
        handOver(output);
        return;
      case "close":
        connection?.close();
        connection = undefined;
        return;
      case "refused": {
        const { endpoint, blockNumber, reason, detail } = output;
        count.refused(reason);
        log.warn("block from orderer refused", { channel, endpoint, blockNumber, reason, detail });
        options.onRefused?.({ endpoint, blockNumber, reason, detail });
        return;
      }
      case "retry":
        report(output);
        return;
      case "dropped":
        count.dropped(output.reason);
        log.debug("dropped", { channel, reason: output.reason, input: output.input });
        return;
    }
  }

  function dial(attempt: number, address: string): void {
    const endpoint = endpoints.get(address) ?? { address };
    log.debug("connecting to orderer", { channel, endpoint: address, next: machine.position.next });
    connection = connect(
      endpoint,
      "Deliver",
      { tls, config },
      {
        onOpen: () => running.push({ type: "connected", attempt }),
        onMessage: (bytes) => running.push(readResponse(attempt, bytes)),
        onEnd: (detail) => running.push({ type: "failed", attempt, detail }),
      },
    );
  }

  function seek(attempt: number, from: bigint): void {
    const stream = connection;
    log.info("asking orderer for blocks", { channel, endpoint: machine.endpoint, from });
    settle(
      () =>
        makeSeekRequest({ channel, from, identity: options.identity, tlsCertHash, sign: options.sign, wall, random }),
      (request) => stream?.send(request),
      (detail) => running.push({ type: "failed", attempt, detail: `the request could not be signed: ${detail}` }),
    );
  }

  function verify({ attempt, blockNumber, block }: DeliverOutput & { type: "verify" }): void {
    settle(
      () => options.verify(blockNumber, block),
      (verdict) => running.push({ type: "verdict", attempt, verdict }),
      (detail) => running.push({ type: "failed", attempt, detail: `a block could not be verified: ${detail}` }),
    );
  }

  function handOver({ blockNumber, received }: DeliverOutput & { type: "hand-over" }): void {
    settle(
      () => options.onBlock(blockNumber, received.bytes, received.block),
      () => {
        count.delivered();
        running.push({ type: "handed-over", blockNumber });
      },
      (detail) => running.push({ type: "hand-over-failed", blockNumber, detail }),
    );
  }

  function report({ endpoint, failures, waitMs, detail }: DeliverOutput & { type: "retry" }): void {
    count.failed(endpoint === undefined ? "hand-over" : "orderer");
    const fields = { channel, endpoint, failures, waitMs: Math.round(waitMs), detail };
    const text = endpoint === undefined ? "block could not be handed over" : "orderer failed";
    // An outage of an hour is a dozen lines: every doubling is worth one.
    if (Number.isInteger(Math.log2(failures))) log.warn(text, fields);
    else log.debug(text, fields);
  }

  function stop(): Promise<void> {
    running.push({ type: "stop" });
    return Promise.resolve();
  }

  return {
    get status() {
      const { state, endpoint, position, failures, lastFailure } = machine;
      return { state: state === "idle" ? "waiting" : state, endpoint, next: position.next, failures, lastFailure };
    },
    setEndpoints(next) {
      endpoints = byAddress(next);
      running.push({ type: "endpoints", endpoints: [...endpoints.keys()] });
    },
    rewind(position) {
      running.push({ type: "rewind", position });
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** A response as the machine takes it; whatever does not decode is the orderer's fault. */
function readResponse(attempt: number, bytes: Uint8Array): DeliverInput {
  const response = readDeliverResponse(bytes);
  if (!response.ok) return { type: "undecodable", attempt, detail: `response does not decode: ${response.detail}` };
  if (response.value.type === "status") return { type: "status", attempt, status: response.value.status };
  const block = readBlock(response.value.block);
  if (!block.ok) return { type: "undecodable", attempt, detail: `block does not decode: ${block.detail}` };
  const hash = blockHash(block.value.header);
  return { type: "block", attempt, received: { bytes: response.value.block, block: block.value, hash } };
}

/** Calls what others wrote, which answers at once or later, and may throw or reject. */
function settle<T>(
  action: () => MaybePromise<T>,
  onValue: (value: T) => void,
  onError: (detail: string) => void,
): void {
  let result: MaybePromise<T>;
  try {
    result = action();
  } catch (error) {
    onError(errorText(error));
    return;
  }
  if (isPromise(result)) result.then(onValue, (error) => onError(errorText(error)));
  else onValue(result);
}

function byAddress(endpoints: readonly OrdererEndpoint[]): ReadonlyMap<string, OrdererEndpoint> {
  return new Map(endpoints.map((endpoint) => [endpoint.address, endpoint]));
}

function counters({ channel, metrics = noMetrics }: DeliverOptions) {
  const delivered = metrics.counter({
    name: "gossip_deliver_blocks_delivered",
    help: "Blocks from orderers, verified and handed over",
    labels: ["channel"],
  });
  const refused = metrics.counter({
    name: "gossip_deliver_blocks_refused",
    help: "Blocks from orderers refused, by reason",
    labels: ["channel", "reason"],
  });
  const failed = metrics.counter({
    name: "gossip_deliver_failures",
    help: "Failed attempts, at an orderer or at handing over",
    labels: ["channel", "what"],
  });
  const dropped = metrics.counter({
    name: "gossip_deliver_inputs_dropped",
    help: "Late or unexpected events, by reason",
    labels: ["channel", "reason"],
  });
  return {
    delivered: () => delivered.add(1, { channel }),
    refused: (reason: string) => refused.add(1, { channel, reason }),
    failed: (what: "orderer" | "hand-over") => failed.add(1, { channel, what }),
    dropped: (reason: string) => dropped.add(1, { channel, reason }),
  };
}
