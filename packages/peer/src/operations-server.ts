import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { TLSSocket } from "node:tls";
import { errorText, GossipError } from "@gossip/runtime";
import type { OperationsTls } from "./config.js";
import { joinEndpoint, splitEndpoint } from "./endpoint.js";

/** As of a Fabric peer (protocol page 12 §5). */
const readTimeoutMs = 10_000;
const writeTimeoutMs = 120_000;

const maxConnections = 128;
const closeGraceMs = 500;

/** The HTTP server of the operations service, bound to `listenAddress`, and where that is. */
export interface BoundServer {
  /** `host:port`. */
  readonly endpoint: string;
  /** Ends requests in flight after a short grace. Idempotent. */
  close(): Promise<void>;
}

/**
 * Binds an HTTP server, or an HTTPS server with `tls`.
 *
 * @throws GossipError `conflict` when the address is taken, `invalid-config` when it cannot be bound for another reason or
 * the TLS files do not serve.
 */
export async function bindServer(
  listenAddress: string,
  tls: OperationsTls | undefined,
  onRequest: RequestListener,
): Promise<BoundServer> {
  const options = { requestTimeout: readTimeoutMs, headersTimeout: readTimeoutMs };
  const server = tls === undefined ? createServer(options, onRequest) : secureServer(tls, options, onRequest);
  server.maxConnections = maxConnections;
  server.setTimeout(writeTimeoutMs);
  const endpoint = await listen(server, listenAddress);
  return { endpoint, close: async () => await closeServer(server) };
}

/** Whether pages for authorized callers are open to this one: where there is no TLS, they are open to all. */
export function isAuthorized({ socket }: IncomingMessage): boolean {
  return !(socket instanceof TLSSocket) || socket.authorized;
}

function secureServer(
  { cert, key, clientRootCas, clientAuthRequired }: OperationsTls,
  options: { readonly requestTimeout: number; readonly headersTimeout: number },
  onRequest: RequestListener,
): Server {
  const pem = (bytes: Uint8Array) => Buffer.from(bytes);
  try {
    const server = createSecureServer(
      {
        ...options,
        cert: pem(cert),
        key: pem(key),
        // An empty list trusts nobody, while none at all would trust whom browsers trust.
        ca: clientRootCas.map(pem),
        minVersion: "TLSv1.2",
        handshakeTimeout: readTimeoutMs,
        requestCert: true,
        rejectUnauthorized: clientAuthRequired,
      },
      onRequest,
    );
    // A certificate need not be shown, but one that is shown must be good, as for a Fabric peer.
    server.on("secureConnection", (socket) => {
      if (!socket.authorized && socket.getPeerX509Certificate() !== undefined) socket.destroy();
    });
    return server;
  } catch (error) {
    const message = `expected operations.tls to have a certificate and its key, got ${errorText(error)}`;
    throw new GossipError("invalid-config", message, { cause: error });
  }
}

async function listen(server: Server, listenAddress: string): Promise<string> {
  const address = splitEndpoint(listenAddress);
  if (address === undefined) {
    throw new GossipError(
      "invalid-config",
      `expected operations.listenAddress to be host:port, got "${listenAddress}"`,
    );
  }
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === "EADDRINUSE";
      const got = isTaken ? `${listenAddress}, which is taken` : `${listenAddress}: ${error.message}`;
      const expected = "expected operations.listenAddress to be an address that can be bound";
      reject(new GossipError(isTaken ? "conflict" : "invalid-config", `${expected}, got ${got}`, { cause: error }));
    });
    server.listen(address.port, address.host, resolve);
  });
  const bound = server.address();
  // Only a pipe has a text for an address, and nothing but a closed server none.
  return typeof bound === "object" && bound !== null ? joinEndpoint(address.host, bound.port) : listenAddress;
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), closeGraceMs);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}
