import { resolve } from "node:path";
import { errorText, GossipError } from "@gossip/runtime";
import { readLines } from "../lines.js";
import { openClient } from "../network/client.js";
import { readNetworkFile } from "../network/network-file.js";
import { submitAll } from "../network/submit.js";
import { listenForStop } from "../signals.js";
import { printLine, type Terminal } from "../terminal.js";
import { openInput } from "./input.js";

/** `gossip submit`. */
export async function submit(
  options: { readonly dir: string; readonly file: string; readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const dir = resolve(options.dir);
  const client = await openClient(dir, await readNetworkFile(dir));
  const input = await openInput(options.file, terminal);
  const broadcaster = client.submitter();
  const stop = listenForStop();
  const progress = { submitted: 0, acknowledged: 0 };
  const interrupted = new Promise<never>((_, reject) => {
    stop.signal.addEventListener("abort", () => reject(stop.signal.reason), { once: true });
  });
  interrupted.catch(() => {});
  try {
    const lines = readLines(input.bytes, { maxLineBytes: client.maxDataBytes });
    const { transactions, sha256 } = await Promise.race([submitAll(lines, client, broadcaster, progress), interrupted]);
    printLine(
      terminal,
      options.json === true
        ? JSON.stringify({ transactions, sha256 })
        : `${counted(transactions)} acknowledged, SHA-256 ${sha256}`,
    );
    return 0;
  } catch (error) {
    // Who submits again must know what is in the ledger already.
    const done = `; ${counted(progress.acknowledged)} of ${progress.submitted} submitted were acknowledged before`;
    const code = error instanceof GossipError ? error.code : "closed";
    const text = stop.signal.aborted ? "interrupted" : errorText(error);
    throw new GossipError(code, `${text}${done}`, { cause: error });
  } finally {
    stop.release();
    await broadcaster.close();
    await input.close();
  }
}

function counted(transactions: number): string {
  return transactions === 1 ? "1 transaction" : `${transactions} transactions`;
}
