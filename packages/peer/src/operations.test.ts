import { type IncomingHttpHeaders, request } from "node:http";
import { makeGenesisBlock, makeTransaction } from "@gossip/crypto";
import { makeFakeBlock } from "@gossip/crypto/testing";
import { orgId, pkiId } from "@gossip/proto";
import { GossipError, silentLogger } from "@gossip/runtime";
import { afterEach, describe, expect, it } from "vitest";
import { createLogger, type LeveledLogger } from "./logger.js";
import { prometheusMetrics } from "./metrics.js";
import { type Operations, type OperationsSubject, serveOperations } from "./operations.js";
import { showChannels, showHealth, showMembers } from "./show.js";
import { showBlocks } from "./show-block.js";
import { FakeChannel, FakeNode } from "./testing/fake-node.js";
import type { BlockEntry } from "./views.js";

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const open: Operations[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((operations) => operations.close()));
});

function quietLogger(): LeveledLogger {
  return createLogger({ destination: { write() {} } });
}

function subjectOf(node: FakeNode, overrides: Partial<OperationsSubject> = {}): OperationsSubject {
  return {
    version: "1.2.3",
    metrics: undefined,
    log: quietLogger(),
    checks: () => showHealth(node, node.channels),
    members: () => showMembers({ id: "peer0.org1", startedAt: "2024-01-02T03:04:05.000Z" }, node, []),
    channels: () => showChannels(node.channels, () => undefined),
    blocks(id, from) {
      const channel = node.channels.get(id);
      return channel && showBlocks(channel, from);
    },
    ...overrides,
  };
}

async function serve(subject: OperationsSubject): Promise<Operations> {
  const operations = await serveOperations("127.0.0.1:0", subject.log);
  open.push(operations);
  operations.show(subject);
  return operations;
}

async function ask(
  operations: Operations,
  method: string,
  path: string,
  { body = "", headers = {} }: { readonly body?: string; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const asked = request(`http://${operations.endpoint}${path}`, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
      response.on("error", reject);
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** A channel of three blocks; those after the first hold one transaction that is text and one that is not. */
async function channelWithBlocks(): Promise<FakeChannel> {
  const channel = new FakeChannel("demo");
  const sign = () => new Uint8Array([1]);
  const transaction = (data: Uint8Array) =>
    makeTransaction({
      channelId: "demo",
      data,
      identity: new Uint8Array([1]),
      sign,
      nonce: new Uint8Array([2]),
      timestampNanos: 1n,
    });
  for (let number = 0n; number < 3n; number++) {
    const data =
      number === 0n
        ? [new Uint8Array([1])]
        : [new TextEncoder().encode("grüezi"), new Uint8Array([0xff])].map(transaction);
    await channel.publish(number, makeFakeBlock({ channel: "demo", number, data }));
  }
  return channel;
}

describe("the operations service", () => {
  it("streams a channel's blocks, a line each, from the number that is asked for", async () => {
    const node = new FakeNode();
    node.channels.set("demo", await channelWithBlocks());
    const operations = await serve(subjectOf(node));
    const { status, headers, body } = await ask(operations, "GET", "/gossip/channels/demo/blocks?from=1");
    expect([status, headers["content-type"]]).toEqual([200, "application/x-ndjson"]);
    const blocks = body
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as BlockEntry);
    expect(blocks.map(({ number }) => number)).toEqual(["1", "2"]);
    const txId = expect.stringMatching(/^[0-9a-f]{64}$/);
    expect(blocks[0]?.transactions).toEqual([
      { type: "message", txId, size: 7, sha256: expect.stringMatching(/^[0-9a-f]{64}$/), text: "grüezi" },
      { type: "message", txId, size: 1, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
    const all = await ask(operations, "GET", "/gossip/channels/demo/blocks");
    expect(all.body.trimEnd().split("\n")).toHaveLength(3);
  });

  it("ends with a line that says so when a block cannot be read, and logs it", async () => {
    const node = new FakeNode();
    const channel = await channelWithBlocks();
    const detail = "block 1 of channel demo is damaged";
    const read = channel.block.bind(channel);
    channel.block = async (number) => {
      if (number === 1n) throw new GossipError("corrupt", detail);
      return await read(number);
    };
    node.channels.set("demo", channel);
    const logged: string[] = [];
    const log = createLogger({ destination: { write: (line) => void logged.push(line) } });
    const operations = await serve(subjectOf(node, { log }));
    const { status, body } = await ask(operations, "GET", "/gossip/channels/demo/blocks");
    const lines = body
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect([status, lines.length, lines[0]?.["number"], lines[1]]).toEqual([200, 2, "0", { error: detail }]);
    expect(logged.join("")).toContain(detail);
  });

  it("refuses blocks of another channel, from no number, and by another method", async () => {
    const node = new FakeNode();
    node.channels.set("demo", await channelWithBlocks());
    const operations = await serve(subjectOf(node));
    const statuses = [];
    for (const path of ["other/blocks", "%zz/blocks", "demo/blocks?from=x", "demo/nothing"]) {
      statuses.push((await ask(operations, "GET", `/gossip/channels/${path}`)).status);
    }
    expect(statuses).toEqual([404, 404, 400, 404]);
    expect((await ask(operations, "POST", "/gossip/channels/demo/blocks")).status).toBe(405);
  });

  it("says that the peer is healthy, and what it looked at", async () => {
    const node = new FakeNode();
    const channel = new FakeChannel("demo");
    node.channels.set("demo", channel);
    const { status, body } = await ask(await serve(subjectOf(node)), "GET", "/healthz");
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual({
      status: "OK",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      checks: [
        { component: "gossip", ok: true, detail: "0 members alive, 0 dead" },
        { component: "channel/demo", ok: true, detail: "height 0" },
      ],
    });
  });

  it("12.9: says which channel cannot commit", async () => {
    const node = new FakeNode();
    const channel = new FakeChannel("demo");
    channel.health = { ok: false, detail: "block 7: no space left on device" };
    node.channels.set("demo", channel);
    const { status, body } = await ask(await serve(subjectOf(node)), "GET", "/healthz");
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({
      status: "Service Unavailable",
      failed_checks: [{ component: "channel/demo", reason: "block 7: no space left on device" }],
    });
  });

  it("shows members, connections, drops and refusals", async () => {
    const node = new FakeNode();
    const member = {
      pkiId: pkiId("bb"),
      org: orgId("Org1"),
      endpoint: "",
      internalEndpoint: "127.0.0.1:7052",
      metadata: new Uint8Array(),
      state: "alive",
      incarnation: 2n ** 64n - 1n,
      sequence: 9n,
      lastSeenMs: 12.4,
      expiresAtWallMs: 1_800_000_000_000,
    } as const;
    node.members = [member, { ...member, pkiId: pkiId("aa"), org: undefined }];
    node.deadMembers = [{ ...member, pkiId: pkiId("01"), state: "dead" }];
    node.connections = [
      { pkiId: pkiId("bb"), direction: "inbound", remoteAddress: "127.0.0.1:40000", queuedMessages: 1, queuedBytes: 2 },
    ];
    node.drops.set("gate/duplicate", 3).set("comm/queue-full", 1);
    node.refusals = [
      {
        atWallMs: Date.UTC(2024, 0, 2),
        what: "handshake",
        from: "127.0.0.1:40001",
        org: "Org9",
        reason: "unknown-organization",
        detail: "expected a known organization, got Org9",
        count: 2,
      },
    ];
    const { status, headers, body } = await ask(await serve(subjectOf(node)), "GET", "/gossip/members");
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe("application/json");
    const shown = {
      endpoint: "",
      internalEndpoint: "127.0.0.1:7052",
      incarnation: "18446744073709551615",
      sequence: "9",
      lastSeenMs: 12,
      expiresAt: "2027-01-15T08:00:00.000Z",
    };
    expect(JSON.parse(body)).toEqual({
      self: {
        id: "peer0.org1",
        expiresAt: null,
        pkiId: "00ff",
        org: "Org1",
        endpoint: "127.0.0.1:7051",
        incarnation: "1700000000000000001",
        startedAt: "2024-01-02T03:04:05.000Z",
      },
      members: [
        { ...shown, pkiId: "aa", org: null, state: "alive" },
        { ...shown, pkiId: "bb", org: "Org1", state: "alive" },
        { ...shown, pkiId: "01", org: "Org1", state: "dead" },
      ],
      connections: [
        { pkiId: "bb", direction: "inbound", remoteAddress: "127.0.0.1:40000", queuedMessages: 1, queuedBytes: 2 },
      ],
      drops: { "comm/queue-full": 1, "gate/duplicate": 3 },
      refusals: [
        {
          at: "2024-01-02T00:00:00.000Z",
          what: "handshake",
          from: "127.0.0.1:40001",
          org: "Org9",
          reason: "unknown-organization",
          detail: "expected a known organization, got Org9",
          count: 2,
        },
      ],
    });
  });

  it("12.10: shows channels with heights, members and the orderer in use", async () => {
    const node = new FakeNode();
    const genesis = makeGenesisBlock({ channelId: "demo", sequence: 0n, organizations: [], ordererOrganizations: [] });
    const demo = new FakeChannel("demo", true);
    await demo.publish(0n, genesis);
    demo.buffered = { blocks: 2, bytes: 300 };
    demo.members = [
      {
        pkiId: pkiId("bb"),
        org: orgId("Org1"),
        endpoint: "",
        internalEndpoint: "127.0.0.1:7052",
        metadata: new Uint8Array(),
        state: "alive",
        incarnation: 1n,
        sequence: 1n,
        lastSeenMs: 5,
        expiresAtWallMs: undefined,
        properties: { ledgerHeight: 2n ** 60n, leftChannel: false, chaincodes: [] },
      },
    ];
    node.channels.set("demo", demo).set("another", new FakeChannel("another"));
    const deliver = {
      status: { state: "waiting", endpoint: undefined, next: 1n, failures: 3, lastFailure: "connection refused" },
      setEndpoints() {},
      rewind() {},
      async stop() {},
      async [Symbol.asyncDispose]() {},
    } as const;
    const channels = () => showChannels(node.channels, (id) => (id === "demo" ? deliver : undefined));
    const { body } = await ask(await serve(subjectOf(node, { channels })), "GET", "/gossip/channels");
    expect(JSON.parse(body)).toEqual({
      channels: [
        {
          channel: "another",
          height: "0",
          leader: false,
          leaders: [],
          leadership: { mode: "none", leader: null, yielding: false, history: [] },
          lastBlock: null,
          buffered: { blocks: 0, bytes: 0 },
          health: { ok: true },
          members: [],
          deliver: null,
        },
        {
          channel: "demo",
          height: "1",
          leader: true,
          leaders: [],
          leadership: { mode: "none", leader: null, yielding: false, history: [] },
          lastBlock: { number: "0", hash: Buffer.from(demo.lastBlock?.hash ?? []).toString("hex") },
          buffered: { blocks: 2, bytes: 300 },
          health: { ok: true },
          members: [
            {
              pkiId: "bb",
              org: "Org1",
              endpoint: "",
              internalEndpoint: "127.0.0.1:7052",
              state: "alive",
              height: "1152921504606846976",
              lastSeenMs: 5,
            },
          ],
          deliver: { state: "waiting", endpoint: null, next: "1", failures: 3, lastFailure: "connection refused" },
        },
      ],
    });
    expect(demo.lastBlock?.hash).toHaveLength(32);
  });

  it("exposes metrics only when they are kept", async () => {
    const metrics = prometheusMetrics();
    metrics.counter({ name: "gossip_comm_messages_sent", help: "Envelopes written." }).add(1);
    const with_ = await ask(await serve(subjectOf(new FakeNode(), { metrics })), "GET", "/metrics");
    expect(with_.status).toBe(200);
    expect(with_.headers["content-type"]).toBe(metrics.contentType);
    expect(with_.body).toContain("gossip_comm_messages_sent 1\n");
    const without = await ask(await serve(subjectOf(new FakeNode())), "GET", "/metrics");
    expect(without.status).toBe(404);
  });

  it("12.11, 12.14: shows and changes log levels, and keeps the old ones when the new are wrong", async () => {
    const log = quietLogger();
    const operations = await serve(subjectOf(new FakeNode(), { log }));
    expect(await ask(operations, "GET", "/logspec")).toMatchObject({ status: 200, body: '{"spec":"info"}\n' });
    const put = (body: string) => ask(operations, "PUT", "/logspec", { body });
    expect(await put('{"spec":"chaincode=debug:info"}')).toMatchObject({ status: 204, body: "" });
    expect((await ask(operations, "GET", "/logspec")).body).toBe('{"spec":"chaincode=debug:info"}\n');
    expect(await put('{"spec":"loud"}')).toMatchObject({
      status: 400,
      body: `${JSON.stringify({ error: 'expected a level such as debug, info, warning or error in logging specification "loud", got "loud"' })}\n`,
    });
    expect(await put("nonsense")).toMatchObject({
      status: 400,
      body: `${JSON.stringify({ error: 'expected a body such as {"spec":"info"}, got no JSON' })}\n`,
    });
    for (const body of ["null", "{}", '{"spec":5}', "[]"]) expect((await put(body)).status).toBe(400);
    expect((await put(`{"spec":"${"a".repeat(100_000)}"}`)).status).toBe(413);
    expect(log.spec).toBe("chaincode=debug:info");
  });

  it("has no log levels to change when the host program logs in its own way", async () => {
    const { status } = await ask(await serve(subjectOf(new FakeNode(), { log: silentLogger })), "GET", "/logspec");
    expect(status).toBe(404);
  });

  it.each([
    ["GET", "/version", 200, { Version: "1.2.3" }],
    ["POST", "/version", 400, { Error: "expected method GET, got POST" }],
    ["POST", "/healthz", 405, { error: "expected method GET, got POST" }],
    ["DELETE", "/gossip/members", 405, { error: "expected method GET, got DELETE" }],
    ["PUT", "/gossip/channels?x=1", 405, { error: "expected method GET, got PUT" }],
    ["POST", "/logspec", 400, { error: "expected method GET or PUT, got POST" }],
    [
      "GET",
      "/elsewhere",
      404,
      {
        error:
          "expected one of /healthz, /version, /gossip/members, /gossip/channels, /logspec, /gossip/channels/CHANNEL/blocks",
      },
    ],
  ])("answers %s %s with %d", async (method, path, status, body) => {
    const answer = await ask(await serve(subjectOf(new FakeNode())), method, path);
    expect([answer.status, JSON.parse(answer.body)]).toEqual([status, body]);
    expect(answer.headers.allow).toBe(status === 405 ? "GET" : undefined);
  });

  it("12.8: returns the caller's request id, and makes one otherwise", async () => {
    const operations = await serve(subjectOf(new FakeNode()));
    const given = await ask(operations, "GET", "/version", { headers: { "X-Request-Id": "abc-1" } });
    expect(given.headers["x-request-id"]).toBe("abc-1");
    const made = await ask(operations, "GET", "/none");
    expect(made.headers["x-request-id"]).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    const unfit = await ask(operations, "GET", "/version", { headers: { "X-Request-Id": "a b" } });
    expect(unfit.headers["x-request-id"]).toMatch(/^[0-9a-f]{8}-/);
  });

  it("asks for patience until there is something to show", async () => {
    const operations = await serveOperations("127.0.0.1:0", silentLogger);
    open.push(operations);
    const { status, body } = await ask(operations, "GET", "/healthz");
    expect([status, body]).toEqual([503, '{"error":"the peer is starting"}\n']);
  });

  it("hides the details of a defect from the caller", async () => {
    const broken = () => {
      throw new TypeError("secret detail");
    };
    const { status, body } = await ask(
      await serve(subjectOf(new FakeNode(), { members: broken })),
      "GET",
      "/gossip/members",
    );
    expect([status, body]).toEqual([500, '{"error":"internal error"}\n']);
  });

  it("says that its port is taken", async () => {
    const { endpoint } = await serve(subjectOf(new FakeNode()));
    await expect(serveOperations(endpoint, silentLogger)).rejects.toThrow(
      new GossipError(
        "conflict",
        `expected operations.listenAddress to be an address that can be bound, got ${endpoint}, which is taken`,
      ),
    );
  });

  it("closes with a request in flight, and twice", async () => {
    const operations = await serve(subjectOf(new FakeNode()));
    const hanging = new Promise<void>((resolve) => {
      const asked = request(`http://${operations.endpoint}/logspec`, {
        method: "PUT",
        headers: { "Content-Length": "10" },
      });
      asked.on("error", () => resolve());
      asked.write("{");
      asked.on("socket", (socket) => socket.on("connect", () => void operations.close()));
    });
    await hanging;
    await operations.close();
    await expect(ask(operations, "GET", "/version")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});
