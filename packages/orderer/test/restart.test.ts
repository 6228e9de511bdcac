import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, stat, truncate } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { blockHash, makeGenesisBlock } from "@gossip/crypto";
import { createTestOrganization, testChannelConfig } from "@gossip/crypto/testing";
import { seededRandom } from "@gossip/runtime";
import { describe, expect, it } from "vitest";
import { createOrderer, type OrdererOptions } from "../src/index.js";
import { createTestOrdering, type TestOrdering } from "../src/testing/index.js";
import { fixture } from "./certificates.js";
import { atEnd, broadcast, connect, openScene, readChain, temporaryFolder, textsOf } from "./scene.js";

const ordering = createTestOrdering();

describe("An orderer that is started again", () => {
  it("9.24: continues its chain, and knows what it ordered before", async () => {
    const fileSystemPath = await temporaryFolder();
    const [a, b, c] = ["a", "b", "c"].map((text) => ordering.transaction(text)) as [Uint8Array, Uint8Array, Uint8Array];
    const first = await openScene({ ordering, fileSystemPath });
    expect(await broadcast(first.client, [a, b])).toEqual([200, 200]);
    const { height } = first.orderer.channels.get("demo") ?? {};
    await first.orderer.close();

    const second = await openScene({ ordering, fileSystemPath });
    expect(second.orderer.channels.get("demo")?.height).toBe(height);
    expect(await broadcast(second.client, [b, c, a])).toEqual([200, 200, 200]);
    const blocks = await readChain(second.client, ordering);
    expect(textsOf(blocks)).toEqual(["a", "b", "c"]);
    for (const [at, { header }] of blocks.entries()) {
      const before = blocks[at - 1];
      if (before !== undefined) expect(Buffer.compare(header.previousHash, blockHash(before.header))).toBe(0);
    }
  });
});

describe("An orderer that is killed while clients submit", () => {
  it("has lost nothing that it acknowledged and doubles nothing that is sent again", { timeout: 60_000 }, async () => {
    const fileSystemPath = await temporaryFolder();
    const texts = Array.from({ length: 600 }, (_, at) => `transaction ${at}`);
    const transactions = texts.map((text) => ordering.transaction(text));
    let acknowledged = 0;
    let kills = 0;
    const random = seededRandom(1);
    // The client resubmits from the first transaction without an answer, as any client must.
    while (acknowledged < transactions.length) {
      const { child, endpoint } = await startProcess(fileSystemPath);
      const client = connect(endpoint);
      const before = textsOf(await readChain(client, ordering));
      expect(before.slice(0, acknowledged)).toEqual(texts.slice(0, acknowledged));
      const stream = client.broadcast();
      for (const transaction of transactions.slice(acknowledged)) stream.send(transaction);
      const killAfter = kills < 4 ? 1 + random.below(100) : Number.POSITIVE_INFINITY;
      for (let answers = 0; answers < killAfter && acknowledged < transactions.length; answers++) {
        const response = await stream.next();
        if (response === undefined) break;
        expect(response.status).toBe(200);
        acknowledged++;
      }
      kills++;
      await kill(child);
    }
    expect(kills).toBe(5);
    const { client } = await openScene({ ordering, fileSystemPath });
    expect(textsOf(await readChain(client, ordering))).toEqual(texts);
  });
});

describe("An orderer does not start", () => {
  const other = createTestOrdering(["other"]);
  const base = { ...ordering.options, listenAddress: "127.0.0.1:0" };

  async function failureOf(options: Partial<OrdererOptions>): Promise<{ code: string; message: string }> {
    const fileSystemPath = await temporaryFolder();
    try {
      const orderer = await createOrderer({ ...base, fileSystemPath, ...options });
      await orderer.close();
    } catch (error) {
      return error as { code: string; message: string };
    }
    throw new Error("expected it not to start");
  }

  it("on a port in use, and leaves its ledgers closed", async () => {
    const taken = createServer();
    taken.listen(0, "127.0.0.1");
    await once(taken, "listening");
    atEnd(() => taken.close());
    const address = taken.address();
    const port = typeof address === "object" ? address?.port : 0;
    const fileSystemPath = await temporaryFolder();
    expect(await failureOf({ listenAddress: `127.0.0.1:${port}`, fileSystemPath })).toMatchObject({
      code: "conflict",
      message: `expected 127.0.0.1:${port} to be free, got a port in use`,
    });
    const orderer = await createOrderer({ ...base, fileSystemPath });
    await orderer.close();
  });

  it("on a folder that another orderer uses", async () => {
    const { folder } = await openScene({ ordering });
    expect(await failureOf({ fileSystemPath: folder })).toMatchObject({ code: "conflict" });
  });

  it("9.28: with a ledger that has lost blocks, however often it is tried", async () => {
    const { folder, orderer, client } = await openScene({ ordering });
    for (const text of ["a", "b", "c"]) expect(await broadcast(client, [ordering.transaction(text)])).toEqual([200]);
    await orderer.close();
    const blocks = join(folder, "demo", "blocks");
    const [log = ""] = (await readdir(blocks)).filter((name) => name.endsWith(".log"));
    const { size } = await stat(join(blocks, log));
    await truncate(join(blocks, log), size - 10);
    for (let start = 0; start < 2; start++) {
      expect(await failureOf({ fileSystemPath: folder })).toMatchObject({
        code: "corrupt",
        message: `block 3 of channel demo is damaged: expected 4 blocks, found 3; restore ${join(folder, "demo")} from a copy, since nobody else can give these blocks back`,
      });
    }
  });

  it("9.28: with a ledger that began with another genesis block", async () => {
    const { folder, orderer } = await openScene({ ordering });
    await orderer.close();
    const [org1, org2] = ["Org1MSP", "Org2MSP"].map(createTestOrganization) as [TestOrganizationOf, TestOrganizationOf];
    const changed = makeGenesisBlock(testChannelConfig("demo", [org1, org2], [createTestOrganization("OrdererMSP")]));
    expect(await failureOf({ fileSystemPath: folder, genesisBlocks: [changed] })).toMatchObject({
      code: "invalid-config",
      message: expect.stringMatching(
        /^expected the ledger of channel demo to begin with block [0-9a-f]{64}, got [0-9a-f]{64}$/,
      ),
    });
  });

  const client = ordering.client;
  const cases: readonly (readonly [string, Partial<OrdererOptions>, string, RegExp])[] = [
    ["without a channel", { genesisBlocks: [] }, "invalid-config", /^expected at least one genesis block, got none$/],
    ["with bytes for a genesis block", { genesisBlocks: [new Uint8Array([1])] }, "malformed", /genesis block/],
    ["with a channel twice", { genesisBlocks: twice(ordering) }, "invalid-config", /got two of demo$/],
    [
      "with a client's identity",
      { identity: client.identity, privateKey: client.privateKey },
      "invalid-config",
      /^expected an identity of an orderer organization of channel demo, got one of Org1MSP$/,
    ],
    [
      "with somebody else's key",
      { privateKey: client.privateKey },
      "invalid-config",
      /expected the private key of identity orderer0/,
    ],
    [
      "with bytes for an identity",
      { identity: new Uint8Array([1]) },
      "invalid-config",
      /^expected identity to be a serialized identity/,
    ],
    [
      "on an address that is none",
      { listenAddress: "7050" },
      "invalid-config",
      /^expected listenAddress as host:port, got 7050$/,
    ],
    [
      "with bytes for certificates",
      { tls: { cert: new Uint8Array(1), key: new Uint8Array(1), clientRootCas: [] } },
      "invalid-config",
      /^expected tls to be a PEM certificate/,
    ],
    [
      "with client authorities that are none",
      {
        tls: { cert: fixture("server.pem"), key: fixture("server.key"), clientRootCas: [new Uint8Array(1)] },
      },
      "invalid-config",
      /^expected tls.clientRootCas to be certificates in PEM, got: /,
    ],
    ["with limits that contradict its batches", { limits: { maxRecentBytes: 1 } }, "invalid-config", /maxRecentBytes/],
  ];
  for (const [what, options, code, message] of cases) {
    it(what, async () => {
      const failure = await failureOf(options);
      expect(failure).toMatchObject({ code, message: expect.stringMatching(message) });
      expect(failure.message).not.toContain("\n");
    });
  }

  it("and with several channels, each has its ledger", async () => {
    const genesisBlocks = [...ordering.options.genesisBlocks, ...other.options.genesisBlocks];
    const { orderer } = await openScene({ ordering, genesisBlocks });
    expect([...orderer.channels.values()].map(({ id, height }) => [id, height])).toEqual([
      ["demo", 1n],
      ["other", 1n],
    ]);
  });
});

type TestOrganizationOf = ReturnType<typeof createTestOrganization>;

function twice({ options }: TestOrdering): readonly Uint8Array[] {
  return [...options.genesisBlocks, ...options.genesisBlocks];
}

/** Starts an orderer in a process of its own; it is killed at the end at the latest. */
async function startProcess(fileSystemPath: string): Promise<{ child: ChildProcess; endpoint: string }> {
  const script = fileURLToPath(new URL("orderer-process.ts", import.meta.url));
  const root = fileURLToPath(new URL("../../..", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", script, fileSystemPath], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  atEnd(() => kill(child));
  for await (const endpoint of createInterface({ input: child.stdout })) return { child, endpoint };
  throw new Error("expected the orderer to print its endpoint");
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
