import { request } from "node:https";
import { createTlsAuthority, type TlsAuthority, type TlsPair } from "@gossip/comm/grpc";
import { GossipError, silentLogger } from "@gossip/runtime";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { OperationsTls } from "./config.js";
import { createLogger } from "./logger.js";
import { prometheusMetrics } from "./metrics.js";
import { type Operations, serveOperations } from "./operations.js";

const bytes = (text: string) => new TextEncoder().encode(text);

let authority: TlsAuthority;
let server: TlsPair;
let client: TlsPair;
let stranger: TlsPair;
const open: Operations[] = [];

beforeAll(async () => {
  authority = await createTlsAuthority({ name: "operations-ca" });
  server = await authority.issue({ name: "peer0", hosts: ["127.0.0.1"] });
  client = await authority.issue({ name: "operator", hosts: [] });
  stranger = await (await createTlsAuthority({ name: "another-ca" })).issue({ name: "stranger", hosts: [] });
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((operations) => operations.close()));
});

async function serve(tls: Partial<OperationsTls> = {}): Promise<Operations> {
  const operations = await serveOperations("127.0.0.1:0", silentLogger, {
    cert: bytes(server.cert),
    key: bytes(server.key),
    clientRootCas: [bytes(authority.cert)],
    clientAuthRequired: false,
    ...tls,
  });
  open.push(operations);
  operations.show({
    version: "1.2.3",
    metrics: prometheusMetrics(),
    log: createLogger({ destination: { write() {} } }),
    checks: () => [],
    members: () => ({}) as never,
    channels: () => ({ channels: [] }),
    blocks: () => undefined,
  });
  return operations;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly requestId: string | undefined;
}

/** `undefined` when the connection ends without an answer. */
async function ask(
  { endpoint }: Operations,
  path: string,
  as?: TlsPair,
  { method = "GET", body = "", maxVersion = "TLSv1.3" as "TLSv1.3" | "TLSv1.2" } = {},
): Promise<Answer | undefined> {
  const options = {
    method,
    agent: false as const,
    ca: authority.cert,
    headers: { "X-Request-Id": "asked" },
    maxVersion,
    minVersion: maxVersion,
    ...(as === undefined ? {} : { cert: as.cert, key: as.key }),
  };
  return await new Promise((resolve) => {
    const asked = request(`https://${endpoint}${path}`, options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).toString(),
          requestId: response.headers["x-request-id"]?.toString(),
        }),
      );
      response.on("error", () => resolve(undefined));
    });
    asked.on("error", () => resolve(undefined));
    asked.end(body);
  });
}

describe("12.8a: the operations service with TLS", () => {
  it.each([
    ["/healthz", 200],
    ["/version", 200],
    ["/metrics", 401],
    ["/logspec", 401],
    ["/gossip/members", 401],
    ["/gossip/channels", 401],
    ["/gossip/channels/demo/blocks", 401],
    ["/elsewhere", 404],
  ])("answers %s without a client certificate with %d", async (path, status) => {
    const answer = await ask(await serve(), path);
    expect(answer).toMatchObject({ status, requestId: "asked" });
    if (status === 401) expect(answer?.body).toBe("");
  });

  it.each([
    ["/healthz", 200],
    ["/metrics", 200],
    ["/logspec", 200],
    ["/gossip/channels", 200],
  ])("answers %s with a client certificate of a known authority with %d", async (path, status) => {
    expect(await ask(await serve(), path, client)).toMatchObject({ status });
  });

  it("changes log levels for no caller without a certificate", async () => {
    const operations = await serve();
    const change = { method: "PUT", body: '{"spec":"debug"}' };
    expect(await ask(operations, "/logspec", undefined, change)).toMatchObject({ status: 401 });
    expect(await ask(operations, "/logspec", client)).toMatchObject({ body: '{"spec":"info"}\n' });
    expect(await ask(operations, "/logspec", client, change)).toMatchObject({ status: 204 });
    expect(await ask(operations, "/logspec", client)).toMatchObject({ body: '{"spec":"debug"}\n' });
  });

  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "hangs up on a certificate of an unknown authority, over %s",
    async (version) => {
      const operations = await serve();
      expect(await ask(operations, "/healthz", stranger, { maxVersion: version })).toBeUndefined();
      expect(await ask(operations, "/healthz", client, { maxVersion: version })).toMatchObject({ status: 200 });
    },
  );

  it("knows nobody when it is given no authorities", async () => {
    const operations = await serve({ clientRootCas: [] });
    expect(await ask(operations, "/metrics")).toMatchObject({ status: 401 });
    expect(await ask(operations, "/metrics", client)).toBeUndefined();
  });

  it("asks everybody for a certificate when it is required, on every page", async () => {
    const operations = await serve({ clientAuthRequired: true });
    expect(await ask(operations, "/healthz")).toBeUndefined();
    expect(await ask(operations, "/healthz", stranger)).toBeUndefined();
    expect(await ask(operations, "/healthz", client)).toMatchObject({ status: 200 });
  });

  it("refuses a key that is not the certificate's", async () => {
    await expect(serve({ key: bytes(client.key) })).rejects.toSatisfy(
      (error) =>
        error instanceof GossipError &&
        error.code === "invalid-config" &&
        error.message.startsWith("expected operations.tls to have a certificate and its key, got "),
    );
  });
});
