import { createServer } from "node:net";

// Below the range that operating systems give to outgoing connections, or a peer that dials could take the port of
// another that starts after it.
const lowest = 15_000;
const highest = 32_000;
const attempts = 1_000;

const given = new Set<number>();

/** A loopback port that nobody listens on, never given twice by this process. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error(`expected a free port between ${lowest} and ${highest}, found none in ${attempts} attempts`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
