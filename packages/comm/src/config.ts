import { GossipError } from "@gossip/runtime";

/** Bounds and times of the communication layer. Times are milliseconds. */
export interface CommConfig {
  /**
   * TCP, TLS and HTTP/2 until a stream is open. More reaches slow networks, less reports a dead peer sooner.
   * @default 3000
   */
  readonly dialTimeoutMs: number;
  /**
   * The wait for the other side's ConnEstablish, and for the answer to a ping. A stock peer allows 2 s.
   * @default 2000
   */
  readonly connTimeoutMs: number;
  /**
   * Messages waiting per lane and peer. More rides out longer stalls, less drops sooner.
   * @default 200
   */
  readonly sendBufferSize: number;
  /**
   * Bytes waiting per peer over all lanes; at least `maxMessageBytes`, or the largest message could never be sent.
   * @default 134217728 (128 MiB)
   */
  readonly sendBufferBytes: number;
  /**
   * Bytes waiting for all peers together; at least `sendBufferBytes`. Beyond it the peer for which most waits loses its least
   * urgent messages. More rides out more slow peers at one time, less bounds memory.
   * @default 536870912 (512 MiB)
   */
  readonly maxQueuedBytes: number;
  /**
   * Messages of one connection that are given out and not yet `done`; at this number its stream is paused.
   * @default 20
   */
  readonly recvBufferSize: number;
  /**
   * Bytes of the same; a single larger message still passes, alone.
   * @default 8388608 (8 MiB)
   */
  readonly recvBufferBytes: number;
  /**
   * Largest envelope sent; the transport refuses larger ones it receives.
   * @default 104857600 (100 MiB), as a Fabric peer
   */
  readonly maxMessageBytes: number;
  /**
   * Open connections; beyond it the least recently used idle one is closed, which a later send undoes.
   * @default 512
   */
  readonly maxConnections: number;
  /**
   * Handshakes of inbound streams in progress at one time (one address may hold half of them), and as many dials.
   * Each costs a signature and a verification.
   * @default 128
   */
  readonly maxPendingHandshakes: number;
  /**
   * Handshakes that one remote address may begin per second, and ten times as many at once. A stock peer begins a few when
   * it starts, and then one in minutes; behind one address there may be many.
   * @default 50
   */
  readonly maxHandshakesPerSecond: number;
  /**
   * Acknowledgements that are awaited at one time, each of one peer for one message; further ones are refused at once.
   * @default 10000
   */
  readonly maxPendingAcks: number;
}

/** Fabric's values where Fabric has one (protocol page 03 §2); the send buffer is that of the shipped `core.yaml`. */
export const commDefaults: CommConfig = Object.freeze({
  dialTimeoutMs: 3000,
  connTimeoutMs: 2000,
  sendBufferSize: 200,
  sendBufferBytes: 128 * 1024 * 1024,
  maxQueuedBytes: 512 * 1024 * 1024,
  recvBufferSize: 20,
  recvBufferBytes: 8 * 1024 * 1024,
  maxMessageBytes: 100 * 1024 * 1024,
  maxConnections: 512,
  maxPendingHandshakes: 128,
  maxHandshakesPerSecond: 50,
  maxPendingAcks: 10_000,
});

/**
 * Checks each option and the relations between them.
 *
 * @throws GossipError `invalid-config` naming the option.
 */
export function checkCommConfig(config: CommConfig): CommConfig {
  for (const name of Object.keys(commDefaults) as (keyof CommConfig)[]) {
    const value = config[name];
    if (!Number.isInteger(value) || value < 1) {
      throw new GossipError("invalid-config", `expected ${name} to be an integer of at least 1, got ${value}`);
    }
  }
  if (config.sendBufferBytes < config.maxMessageBytes) {
    throw new GossipError(
      "invalid-config",
      `expected sendBufferBytes to be at least maxMessageBytes (${config.maxMessageBytes}), got ${config.sendBufferBytes}`,
    );
  }
  if (config.maxQueuedBytes < config.sendBufferBytes) {
    throw new GossipError(
      "invalid-config",
      `expected maxQueuedBytes to be at least sendBufferBytes (${config.sendBufferBytes}), got ${config.maxQueuedBytes}`,
    );
  }
  return config;
}
