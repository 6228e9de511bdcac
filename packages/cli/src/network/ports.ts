import { createServer } from "node:net";
import { GossipError, type Random } from "@gossip/runtime";

/** A port somebody needs. */
export interface PortUse {
  readonly port: number;
  /** Who needs it, for the error. */
  readonly use: string;
}

const host = "127.0.0.1";

/**
 * Makes sure that nobody listens on these ports now.
 *
 * @param cure what a person can do about it, after "is taken: "
 * @throws GossipError `conflict` that names the first taken port
 */
export async function requireFreePorts(ports: readonly PortUse[], cure: string): Promise<void> {
  for (const { port, use } of ports) {
    const problem = await tryPort(port);
    if (problem === undefined) continue;
    throw new GossipError(
      "conflict",
      problem === "EADDRINUSE"
        ? `port ${port} (${use}) is taken: ${cure}`
        : `port ${port} (${use}) cannot be used (${problem}): ${cure}`,
    );
  }
}

/**
 * The first of `count` consecutive free ports. Taken from below the range that operating systems hand out to outgoing
 * connections, or a peer that dials could take the port of one that starts after it.
 *
 * @throws GossipError `conflict` when none is found
 */
export async function findFreePorts(count: number, random: Random): Promise<number> {
  const lowest = 15_000;
  const highest = 32_000;
  for (let attempt = 0; attempt < 100; attempt++) {
    const first = lowest + random.below(highest - lowest - count);
    if (await allFree(first, count)) return first;
  }
  throw new GossipError(
    "conflict",
    `expected ${count} free ports in a row between ${lowest} and ${highest}, found none`,
  );
}

async function allFree(first: number, count: number): Promise<boolean> {
  for (let port = first; port < first + count; port++) {
    if ((await tryPort(port)) !== undefined) return false;
  }
  return true;
}

/** Listens for a moment; the code of the error, if any. */
function tryPort(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
