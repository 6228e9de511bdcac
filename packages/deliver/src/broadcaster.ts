import { readBroadcastResponse } from "@gossip/proto/fabric";
import { GossipError, run, silentLogger, systemClock, systemRandom } from "@gossip/runtime";
import type { Broadcaster, BroadcasterOptions } from "./api.js";
import { type BroadcastInput, BroadcastMachine, type BroadcastOutput } from "./broadcast-machine.js";
import { resolveBroadcastConfig } from "./config.js";
import { connectByGrpc } from "./grpc.js";
import type { OrdererConnection } from "./orderer-connection.js";
import { clientCertHash } from "./tls-hash.js";

interface Submission {
  readonly transaction: Uint8Array;
  resolve(): void;
  reject(error: GossipError): void;
}

/**
 * Makes a client that submits transactions. It connects with the first of them, and again whenever it must.
 *
 * @example
 * const broadcaster = createBroadcaster({ endpoint: { address: "127.0.0.1:7050", tlsRoots: [ordererCa] }, tls: { cert, key } });
 * await broadcaster.submit(transaction);
 * await broadcaster.close();
 * @throws GossipError `invalid-config`.
 */
export function createBroadcaster(options: BroadcasterOptions): Broadcaster {
  const { endpoint, tls, clock = systemClock, random = systemRandom, connect = connectByGrpc } = options;
  const config = resolveBroadcastConfig(options.config);
  const log = (options.log ?? silentLogger).child("broadcast");
  clientCertHash(tls);
  const submissions = new Map<number, Submission>();
  let lastId = 0;
  let closed = false;
  let connection: OrdererConnection | undefined;
  let room: { readonly promise: Promise<void>; resolve(): void } | undefined;

  const machine = new BroadcastMachine({ endpoint: endpoint.address, config, random });
  const running = run<BroadcastInput, BroadcastOutput>(machine, { clock, perform });

  function push(input: BroadcastInput): void {
    running.push(input);
    if (room !== undefined && (closed || machine.hasRoom)) {
      room.resolve();
      room = undefined;
    }
  }

  function perform(output: BroadcastOutput): void {
    switch (output.type) {
      case "dial":
        dial(output.attempt);
        return;
      case "send": {
        const submission = submissions.get(output.id);
        if (submission !== undefined) connection?.send(submission.transaction);
        return;
      }
      case "acknowledged":
        take(output.id)?.resolve();
        return;
      case "rejected":
        take(output.id)?.reject(new GossipError(output.code, output.detail));
        return;
      case "disconnect":
        connection?.close();
        connection = undefined;
        return;
      case "retry": {
        const { failures, waitMs, detail } = output;
        const fields = { endpoint: endpoint.address, failures, waitMs: Math.round(waitMs), detail };
        // As with delivery, every doubling is worth a line.
        if (Number.isInteger(Math.log2(failures))) log.warn("orderer failed", fields);
        else log.debug("orderer failed", fields);
        return;
      }
      case "dropped":
        log.debug("dropped", { reason: output.reason, input: output.input });
        return;
    }
  }

  function dial(attempt: number): void {
    const opened = connect(
      endpoint,
      "Broadcast",
      { tls, config },
      {
        onOpen() {
          push({ type: "connected", attempt });
          opened.read();
        },
        onMessage(bytes) {
          const response = readBroadcastResponse(bytes);
          if (response.ok) push({ type: "response", attempt, ...response.value });
          else push({ type: "failed", attempt, detail: `answer does not decode: ${response.detail}` });
          opened.read();
        },
        onEnd: (detail) => push({ type: "failed", attempt, detail }),
      },
    );
    connection = opened;
  }

  function take(id: number): Submission | undefined {
    const submission = submissions.get(id);
    submissions.delete(id);
    return submission;
  }

  function close(): Promise<void> {
    if (!closed) {
      closed = true;
      push({ type: "close" });
    }
    return Promise.resolve();
  }

  return {
    get pending() {
      return machine.pending;
    },
    submit(transaction) {
      if (closed) return Promise.reject(new GossipError("closed", "expected an open broadcaster, got a closed one"));
      if (transaction.length > config.maxMessageBytes) {
        const detail = `expected a transaction of at most ${config.maxMessageBytes} bytes, got ${transaction.length}`;
        return Promise.reject(new GossipError("too-large", detail));
      }
      return new Promise((resolve, reject) => {
        const id = ++lastId;
        submissions.set(id, { transaction, resolve, reject });
        push({ type: "submit", id, bytes: transaction.length });
      });
    },
    ready() {
      if (closed || machine.hasRoom) return Promise.resolve();
      if (room === undefined) {
        let resolve = () => {};
        const promise = new Promise<void>((done) => {
          resolve = done;
        });
        room = { promise, resolve };
      }
      return room.promise;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
