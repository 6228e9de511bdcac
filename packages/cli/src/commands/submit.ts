import { errorText, GossipError } from "@gossip/runtime";
import { exitCodes, noteFailure } from "../errors.js";
import { submitLines } from "../network/submit-lines.js";
import { listenForStop } from "../signals.js";
import { printLine, type Terminal } from "../terminal.js";
import { openInput } from "./input.js";

/** `gossip submit`. */
export async function submit(
  options: { readonly dir: string; readonly file: string; readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const input = await openInput(options.file, terminal);
  const stop = listenForStop();
  const progress = { submitted: 0, acknowledged: 0 };
  const interrupted = new Promise<never>((_, reject) => {
    stop.signal.addEventListener("abort", () => reject(stop.signal.reason), { once: true });
  });
  interrupted.catch(() => {});
  try {
    const submitting = submitLines(options.dir, input.bytes, progress);
    const { transactions, sha256 } = await Promise.race([submitting, interrupted]);
    const text = `${counted(transactions)} acknowledged, SHA-256 ${sha256}`;
    printLine(terminal, options.json === true ? JSON.stringify({ transactions, sha256 }) : text);
    return 0;
  } catch (error) {
    if (progress.submitted === 0) throw error;
    // Who submits again must know what is in the ledger already.
    const done = `${counted(progress.acknowledged)} of ${progress.submitted} submitted were acknowledged before`;
    if (stop.signal.aborted) {
      noteFailure(terminal, `interrupted; ${done}`);
      return exitCodes.interrupted;
    }
    const code = error instanceof GossipError ? error.code : "closed";
    throw new GossipError(code, `${errorText(error)}; ${done}`, { cause: error });
  } finally {
    stop.release();
    await input.close();
  }
}

function counted(transactions: number): string {
  return transactions === 1 ? "1 transaction" : `${transactions} transactions`;
}
