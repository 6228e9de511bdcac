import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { transactionData } from "@gossip/crypto";
import { type Block, type DeliverResponse, readBlock } from "@gossip/proto/fabric";
import { afterEach } from "vitest";
import { createOrderer, type Orderer, type OrdererOptions } from "../src/index.js";
import {
  connectTestClient,
  createTestOrdering,
  type TestClient,
  type TestClientTls,
  type TestOrdering,
  type TestStream,
} from "../src/testing/index.js";

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Closes something after the test. */
export function atEnd(close: () => Promise<unknown> | unknown): void {
  closers.push(close);
}

/** A folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gossip-orderer-"));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export interface Scene {
  readonly ordering: TestOrdering;
  readonly orderer: Orderer;
  readonly client: TestClient;
  readonly folder: string;
}

/** An orderer of channel demo on loopback, that cuts quickly, and a client. */
export async function openScene(
  options: Partial<OrdererOptions> & { readonly ordering?: TestOrdering; readonly clientTls?: TestClientTls } = {},
): Promise<Scene> {
  const { ordering = createTestOrdering(), clientTls, ...overrides } = options;
  const folder = options.fileSystemPath ?? (await temporaryFolder());
  const orderer = await createOrderer({
    ...ordering.options,
    listenAddress: "127.0.0.1:0",
    fileSystemPath: folder,
    ...overrides,
    batch: { batchTimeoutMs: 10, ...options.batch },
  });
  atEnd(() => orderer.close());
  const client = connect(orderer.endpoint, clientTls);
  return { ordering, orderer, client, folder };
}

export function connect(endpoint: string, tls?: TestClientTls): TestClient {
  const client = connectTestClient(endpoint, tls);
  atEnd(() => client.close());
  return client;
}

/** Sends transactions and gives the statuses of the answers, in order. */
export async function broadcast(
  client: TestClient,
  transactions: readonly Uint8Array[],
): Promise<(number | undefined)[]> {
  const stream = client.broadcast();
  for (const transaction of transactions) stream.send(transaction);
  const statuses: (number | undefined)[] = [];
  for (const _ of transactions) statuses.push((await stream.next())?.status);
  stream.halfClose();
  return statuses;
}

/** All blocks that an orderer has, from number 0 on. */
export async function readChain(client: TestClient, ordering: TestOrdering): Promise<Block[]> {
  const stream = client.deliver();
  stream.send(ordering.seek());
  const blocks: Block[] = [];
  for (;;) {
    const response = await stream.next();
    if (response?.type !== "block") break;
    blocks.push(decoded(response.block));
  }
  stream.cancel();
  return blocks;
}

/** The texts of all transactions of blocks, in order. */
export function textsOf(blocks: readonly Block[]): string[] {
  return blocks
    .flatMap(({ data }) => data.map(transactionData))
    .flatMap((data) => (data === undefined ? [] : new TextDecoder().decode(data)));
}

export function decoded(bytes: Uint8Array): Block {
  const block = readBlock(bytes);
  if (!block.ok) throw new Error(block.detail);
  return block.value;
}

/** The next responses of a Deliver stream in short: block numbers and statuses. */
export async function take(
  stream: TestStream<DeliverResponse>,
  count: number,
): Promise<(bigint | number | undefined)[]> {
  const taken: (bigint | number | undefined)[] = [];
  for (let at = 0; at < count; at++) {
    const response = await stream.next();
    taken.push(response?.type === "block" ? decoded(response.block).header.number : response?.status);
  }
  return taken;
}

/** Resolves when the condition holds; looks at it whenever the event loop has turned. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
