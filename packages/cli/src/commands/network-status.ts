import { readNetworkFile } from "../network/network-file.js";
import { networkStatus } from "../network/status.js";
import { printLine, type Terminal } from "../terminal.js";
import { renderNetwork } from "../view/network-view.js";
import { paintFor } from "../view/paint.js";

/** `gossip network status`. */
export async function showStatus(
  options: { readonly dir: string; readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const status = await networkStatus(await readNetworkFile(options.dir));
  if (options.json === true) {
    printLine(terminal, JSON.stringify(status, undefined, 2));
    return 0;
  }
  const { stdout } = terminal;
  for (const line of renderNetwork(status, {
    paint: paintFor(stdout),
    width: stdout.isTTY ? stdout.columns : undefined,
  })) {
    printLine(terminal, line);
  }
  return 0;
}
