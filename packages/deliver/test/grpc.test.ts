import { X509Certificate } from "node:crypto";
import { sha256 } from "@gossip/crypto";
import { encodeBroadcastResponse, encodeDeliverResponse, readPayload, readSignedEnvelope } from "@gossip/proto/fabric";
import { Server, ServerCredentials, type ServerDuplexStream, type ServiceDefinition } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { connectByGrpc } from "../src/grpc.js";
import {
  type ClientTls,
  createBroadcaster,
  createDeliver,
  type DeliverOptions,
  deliverDefaults,
} from "../src/index.js";
import { fixture } from "./certificates.js";
import { chain, crypto, genesis, leader, positionAfter } from "./chain.js";

type Call = ServerDuplexStream<Buffer, Buffer>;

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function method(name: string) {
  const same = (bytes: Buffer) => bytes;
  return {
    path: `/orderer.AtomicBroadcast/${name}`,
    requestStream: true,
    responseStream: true,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

/** A gRPC server with mutual TLS that does with its streams what a test says. */
async function serve(handlers: {
  readonly certificate?: string;
  onDeliver?: (call: Call) => void;
  onBroadcast?: (call: Call) => void;
}): Promise<string> {
  const { certificate = "server" } = handlers;
  const server = new Server({
    "grpc.max_receive_message_length": 100 * 1024 * 1024,
    "grpc.max_send_message_length": -1,
  });
  const definition: ServiceDefinition = { Deliver: method("Deliver"), Broadcast: method("Broadcast") };
  server.addService(definition, {
    Deliver: handlers.onDeliver ?? (() => {}),
    Broadcast: handlers.onBroadcast ?? (() => {}),
  });
  const pair = {
    cert_chain: Buffer.from(fixture(`${certificate}.pem`)),
    private_key: Buffer.from(fixture(`${certificate}.key`)),
  };
  const credentials = ServerCredentials.createSsl(Buffer.from(fixture("ca.pem")), [pair], true);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  closers.push(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

function tlsOf(name: string): ClientTls {
  return { cert: fixture(`${name}.pem`), key: fixture(`${name}.key`) };
}

function startDelivery(address: string, options: Partial<DeliverOptions>) {
  const deliver = createDeliver({
    channel: "demo",
    endpoints: [{ address, tlsRoots: [fixture("ca.pem")] }],
    tls: tlsOf("client"),
    identity: leader.identity,
    sign: (payload) => leader.sign(payload),
    position: positionAfter([genesis]),
    verify: (blockNumber, block) => crypto.verifyBlock("demo", blockNumber, block),
    onBlock: async () => {},
    ...options,
  });
  closers.push(() => deliver.stop());
  return deliver;
}

/** A promise and what settles it. */
function pending<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Resolves when the condition holds; looks at it whenever the event loop has turned. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

function response(block: Uint8Array): Buffer {
  return Buffer.from(encodeDeliverResponse({ type: "block", block }));
}

describe("createDeliver over gRPC with mutual TLS", () => {
  it("09/D1, 9.4: delivers blocks and binds its request to its certificate", async () => {
    const blocks = chain(4);
    const request = pending<Buffer>();
    const address = await serve({
      onDeliver: (call) =>
        call.once("data", (bytes: Buffer) => {
          request.resolve(bytes);
          for (const block of blocks.slice(1)) call.write(response(block));
        }),
    });
    const numbers: bigint[] = [];
    const deliver = startDelivery(address, {
      onBlock: async (number) => {
        numbers.push(number);
      },
    });
    await until(() => numbers.length === 3);
    expect(numbers).toEqual([1n, 2n, 3n]);
    const envelope = readSignedEnvelope(await request.promise);
    const payload = envelope.ok ? readPayload(envelope.value.payload) : envelope;
    const hash = sha256(new X509Certificate(fixture("client.pem")).raw);
    expect(payload).toMatchObject({ ok: true });
    if (payload.ok) expect(Buffer.compare(payload.value.channelHeader.tlsCertHash, hash)).toBe(0);
    expect(deliver.status).toMatchObject({ state: "streaming", endpoint: address, next: 4n });
  });

  it("9.11: leaves an orderer's blocks with the orderer while one is not in good hands", async () => {
    const blockBytes = 4 * 1024 * 1024;
    const blocks = chain(21, blockBytes);
    let written = 0;
    const address = await serve({
      onDeliver: (call) =>
        call.once("data", async () => {
          for (const block of blocks.slice(1)) {
            await new Promise<void>((resolve) => call.write(response(block), () => resolve()));
            written++;
          }
        }),
    });
    const first = pending<void>();
    const held = pending<void>();
    let delivered = 0;
    startDelivery(address, {
      onBlock: async () => {
        delivered++;
        first.resolve();
        if (delivered === 1) await held.promise;
      },
    });
    await first.promise;
    const heldSince = performance.now();
    await until(() => performance.now() - heldSince > 300);
    // One in hand, what the flow-control window takes (8 MiB), and what sockets hold.
    expect(written).toBeLessThan(10);
    held.resolve();
    await until(() => delivered === 20);
  });

  it("09/C3: reports why an orderer cannot be reached, and goes on trying", async () => {
    const address = await serve({});
    await Promise.all(closers.splice(0).map((close) => close()));
    const deliver = startDelivery(address, {});
    await until(() => deliver.status.failures >= 2);
    expect(deliver.status.lastFailure).toBe(`connect ECONNREFUSED ${address}`);
  });

  it("9.6: refuses an orderer whose authority it does not trust", async () => {
    const address = await serve({});
    const endpoints = [{ address, tlsRoots: [fixture("stranger-ca.pem")] }];
    const deliver = startDelivery(address, { endpoints });
    await until(() => deliver.status.lastFailure !== undefined);
    expect(deliver.status.lastFailure).toMatch(/certificate/);
  });

  it("refuses the certificate of another host", async () => {
    const address = await serve({ certificate: "elsewhere" });
    const deliver = startDelivery(address, {});
    await until(() => deliver.status.lastFailure !== undefined);
    expect(deliver.status.lastFailure).toMatch(/127\.0\.0\.1 is not in the cert/);
  });

  it("9.6: does not take the authorities of the operating system when it has none", async () => {
    const deliver = startDelivery("127.0.0.1:1", { endpoints: [{ address: "127.0.0.1:1" }] });
    await until(() => deliver.status.lastFailure !== undefined);
    expect(deliver.status.lastFailure).toBe("expected TLS roots for orderer 127.0.0.1:1, got none");
  });

  it("fails when its own certificate is refused", async () => {
    const address = await serve({});
    const deliver = startDelivery(address, { tls: tlsOf("stranger") });
    await until(() => deliver.status.lastFailure !== undefined);
    expect(deliver.status.failures).toBeGreaterThan(0);
  });

  it("stops within a second, with a stream open", async () => {
    const opened = pending<void>();
    const cancelled = pending<void>();
    const address = await serve({
      onDeliver: (call) => {
        call.once("data", () => opened.resolve());
        call.once("cancelled", () => cancelled.resolve());
      },
    });
    const deliver = startDelivery(address, {});
    await opened.promise;
    const stoppedAt = performance.now();
    await deliver.stop();
    await cancelled.promise;
    expect(performance.now() - stoppedAt).toBeLessThan(1_000);
  });
});

describe("createBroadcaster over gRPC with mutual TLS", () => {
  it("submits thousands of transactions on one stream, in order", async () => {
    const seen: number[] = [];
    const address = await serve({
      onBroadcast: (call) =>
        call.on("data", (bytes: Buffer) => {
          seen.push(bytes.readUInt32BE());
          call.write(Buffer.from(encodeBroadcastResponse({ status: 200, info: "" })));
        }),
    });
    const broadcaster = createBroadcaster({
      endpoint: { address, tlsRoots: [fixture("ca.pem")] },
      tls: tlsOf("client"),
    });
    closers.push(() => broadcaster.close());
    const count = 5_000;
    const acknowledged: Promise<void>[] = [];
    for (let id = 0; id < count; id++) {
      await broadcaster.ready();
      const transaction = Buffer.alloc(200);
      transaction.writeUInt32BE(id);
      acknowledged.push(broadcaster.submit(transaction));
    }
    await Promise.all(acknowledged);
    expect(seen).toEqual(Array.from({ length: count }, (_, id) => id));
  });
});

describe("connectByGrpc", () => {
  it("calls no handler after close", async () => {
    const address = await serve({});
    const calls: string[] = [];
    const connection = connectByGrpc(
      { address, tlsRoots: [fixture("ca.pem")] },
      "Deliver",
      { tls: tlsOf("client"), config: deliverDefaults },
      { onOpen: () => calls.push("open"), onMessage: () => calls.push("message"), onEnd: () => calls.push("end") },
    );
    await until(() => calls.length > 0);
    connection.close();
    connection.close();
    connection.send(new Uint8Array(1));
    const closedAt = performance.now();
    await until(() => performance.now() - closedAt > 100);
    expect(calls).toEqual(["open"]);
  });
});
