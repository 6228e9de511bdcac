import { resolve } from "node:path";
import { readNetworkFile } from "../network/network-file.js";
import { stopNetwork } from "../network/stop.js";
import { printLine, type Terminal } from "../terminal.js";

/** `gossip network down`. Stopping what is stopped is no failure: what was asked for holds. */
export async function networkDown(options: { readonly dir: string }, terminal: Terminal): Promise<number> {
  const dir = resolve(options.dir);
  const stopped = await stopNetwork(dir, await readNetworkFile(dir));
  printLine(terminal, stopped.length === 0 ? "nothing was running" : `stopped ${stopped.join(", ")}`);
  return 0;
}
