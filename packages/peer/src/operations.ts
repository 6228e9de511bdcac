import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { errorText, GossipError, type Logger } from "@gossip/runtime";
import type { OperationsTls } from "./config.js";
import { isLeveled } from "./logger.js";
import type { PrometheusMetrics } from "./metrics.js";
import { bindServer, isAuthorized } from "./operations-server.js";
import type { BlockEntry, ChannelsView, HealthCheck, HealthView, MembersView } from "./views.js";

// Fabric's operations service (protocol page 12 §5), with read-only pages of our own under /gossip. As plain HTTP it knows
// no callers and belongs on loopback; with TLS, all pages but /healthz and /version are for callers with a certificate.
// Seven fixed routes need no framework.

/** What the operations service shows. */
export interface OperationsSubject {
  readonly version: string;
  /** `/metrics` exists only with it. */
  readonly metrics: PrometheusMetrics | undefined;
  /** `/logspec` exists only when its levels can be changed. */
  readonly log: Logger;
  checks(): readonly HealthCheck[];
  members(): MembersView;
  channels(): ChannelsView;
  /** Committed blocks of a channel from a number to its newest; `undefined` for a channel that is not joined. */
  blocks(channel: string, from: bigint): AsyncIterable<BlockEntry> | undefined;
}

/** A running operations service. */
export interface Operations {
  /** `host:port` it is bound to. */
  readonly endpoint: string;
  /** Begins to answer; until then every request gets 503. */
  show(subject: OperationsSubject): void;
  /** Ends requests in flight after a short grace. Idempotent. */
  close(): Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  /** A body that is made as it is read is sent in pieces. */
  readonly body?: string | AsyncIterable<string>;
}

/** What a path leads to. */
type Router = (path: string) => Route;

type Handler = (request: IncomingMessage) => Reply | Promise<Reply>;

/** Pages with a channel's name in their path. */
const blocksPath = /^\/gossip\/channels\/([^/]+)\/blocks$/;

interface Route {
  readonly methods: Readonly<Record<string, Handler>>;
  /** What another method gets; Fabric differs from route to route. */
  readonly otherwise: Handler;
  /** Whether a caller needs no certificate where there is TLS. */
  readonly isOpen?: boolean;
}

const maxBodyBytes = 64 * 1024;

/**
 * Binds the address of a peer's operations service. It comes before the peer is open, so that a taken port is found out
 * before anything else happens.
 *
 * @param tls serves HTTPS
 * @throws GossipError `conflict` when the address is taken, `invalid-config` when it cannot be bound for another reason.
 */
export async function serveOperations(listenAddress: string, log: Logger, tls?: OperationsTls): Promise<Operations> {
  let routes: Router | undefined;
  const server = await bindServer(listenAddress, tls, (request, response) => {
    void answer(routes, log, request, response);
  });
  return {
    endpoint: server.endpoint,
    show(subject) {
      routes = routesOf(subject, log);
    },
    close: async () => await server.close(),
  };
}

function routesOf(subject: OperationsSubject, ownLog: Logger): Router {
  const { log, metrics, version } = subject;
  const routes = new Map<string, Route>([
    [
      "/healthz",
      { isOpen: true, methods: { GET: () => healthReply(subject.checks()) }, otherwise: methodNotAllowed("GET") },
    ],
    [
      "/version",
      {
        isOpen: true,
        methods: { GET: () => json(200, { Version: version }) },
        otherwise: ({ method }) => json(400, { Error: `expected method GET, got ${method}` }),
      },
    ],
    ["/gossip/members", { methods: { GET: () => json(200, subject.members()) }, otherwise: methodNotAllowed("GET") }],
    ["/gossip/channels", { methods: { GET: () => json(200, subject.channels()) }, otherwise: methodNotAllowed("GET") }],
  ]);
  if (metrics !== undefined) {
    const expose = async () => ({ status: 200, contentType: metrics.contentType, body: await metrics.expose() });
    routes.set("/metrics", { methods: { GET: expose }, otherwise: methodNotAllowed("GET") });
  }
  if (isLeveled(log)) {
    routes.set("/logspec", {
      methods: {
        GET: () => json(200, { spec: log.spec }),
        PUT: async (request) => {
          log.setSpec(await readSpec(request));
          return { status: 204 };
        },
      },
      otherwise: ({ method }) => json(400, { error: `expected method GET or PUT, got ${method}` }),
    });
  }
  return (path) => {
    const [, channel] = blocksPath.exec(path) ?? [];
    if (channel === undefined)
      return routes.get(path) ?? notFound([...routes.keys(), "/gossip/channels/CHANNEL/blocks"]);
    return {
      methods: { GET: (request) => blocksReply(subject, channel, request, ownLog) },
      otherwise: methodNotAllowed("GET"),
    };
  };
}

function notFound(paths: readonly string[]): Route {
  return { isOpen: true, methods: {}, otherwise: () => json(404, { error: `expected one of ${paths.join(", ")}` }) };
}

function blocksReply(subject: OperationsSubject, encoded: string, { url = "" }: IncomingMessage, log: Logger): Reply {
  const from = new URL(url, "http://localhost").searchParams.get("from") ?? "0";
  if (!/^\d{1,20}$/.test(from)) return json(400, { error: `expected from to be a block number, got ${from}` });
  const channel = decoded(encoded);
  const blocks = channel === undefined ? undefined : subject.blocks(channel, BigInt(from));
  if (blocks === undefined) return json(404, { error: `expected a channel of this peer, got ${encoded}` });
  const onError = (error: unknown) => log.error("blocks cannot be shown", { channel, error: errorText(error) });
  return { status: 200, contentType: "application/x-ndjson", body: lines(blocks, onError) };
}

function decoded(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

/** An error that comes when the status is sent already, such as a damaged block, is told by a last line of its own. */
async function* lines(
  values: AsyncIterable<unknown>,
  onError: (error: unknown) => void,
): AsyncGenerator<string, void, void> {
  try {
    for await (const value of values) yield `${JSON.stringify(value)}\n`;
  } catch (error) {
    onError(error);
    yield `${JSON.stringify({ error: errorText(error) })}\n`;
  }
}

async function answer(
  routes: Router | undefined,
  log: Logger,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.setHeader("X-Request-Id", requestId(request));
  response.setHeader("Cache-Control", "no-store");
  response.setHeader("X-Content-Type-Options", "nosniff");
  const { status, headers = {}, contentType, body = "" } = await replyTo(routes, log, request);
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (contentType !== undefined) response.setHeader("Content-Type", contentType);
  // A body that was refused is not read on; the connection cannot serve another request then.
  if (!request.complete) response.setHeader("Connection", "close");
  response.writeHead(status);
  if (typeof body === "string") {
    response.end(body);
    return;
  }
  // The reader may go away at any line.
  await pipeline(Readable.from(body), response).catch((error) =>
    log.debug("answer cut short", { error: errorText(error) }),
  );
}

async function replyTo(routes: Router | undefined, log: Logger, request: IncomingMessage): Promise<Reply> {
  if (routes === undefined) return json(503, { error: "the peer is starting" });
  const [path = ""] = (request.url ?? "").split("?");
  const route = routes(path);
  if (route.isOpen !== true && !isAuthorized(request)) {
    log.debug("a caller without a certificate of a known authority", { path });
    return { status: 401 };
  }
  const handler = Object.hasOwn(route.methods, request.method ?? "") ? route.methods[request.method ?? ""] : undefined;
  try {
    return await (handler ?? route.otherwise)(request);
  } catch (error) {
    const code = error instanceof GossipError ? error.code : "internal";
    if (code === "invalid-argument") return json(400, { error: errorText(error) });
    if (code === "too-large") return json(413, { error: errorText(error) });
    log.error("operations request failed", { path, error: errorText(error) });
    return json(500, { error: "internal error" });
  }
}

function healthReply(checks: readonly HealthCheck[]): Reply {
  const failed = checks.filter(({ ok }) => !ok).map(({ component, detail }) => ({ component, reason: detail }));
  const time = new Date().toISOString();
  const view: HealthView =
    failed.length === 0
      ? { status: "OK", time, checks }
      : { status: "Service Unavailable", time, failed_checks: failed, checks };
  return json(failed.length === 0 ? 200 : 503, view);
}

function methodNotAllowed(allowed: string): Handler {
  return ({ method }) => ({
    ...json(405, { error: `expected method ${allowed}, got ${method}` }),
    headers: { Allow: allowed },
  });
}

function json(status: number, value: unknown): Reply {
  return { status, contentType: "application/json", body: `${JSON.stringify(value)}\n` };
}

/** The caller's, when it is fit for a header and a log line; else a new one. */
function requestId(request: IncomingMessage): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && /^[\x21-\x7e]{1,128}$/.test(given) ? given : randomUUID();
}

async function readSpec(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBodyBytes) throw new GossipError("too-large", `expected a body of at most ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  const expected = 'expected a body such as {"spec":"info"}';
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (error) {
    throw new GossipError("invalid-argument", `${expected}, got no JSON`, { cause: error });
  }
  // Go reads names in any case.
  const [, spec] = Object.entries(body ?? {}).find(([name]) => name.toLowerCase() === "spec") ?? [];
  if (typeof spec !== "string") throw new GossipError("invalid-argument", `${expected}, got no spec`);
  return spec;
}
