import { noteFailure } from "../errors.js";
import type { NetworkShape } from "../network/defaults.js";
import { firstDifference, type RunProgress, type RunResult, runNetwork } from "../network/run.js";
import { listenForStop } from "../signals.js";
import { noteLine, printLine, type Terminal } from "../terminal.js";
import { paintFor } from "../view/paint.js";
import { renderTable } from "../view/table.js";
import { openInput } from "./input.js";

export interface NetworkRunOptions extends Partial<NetworkShape> {
  readonly input: string;
  readonly json?: boolean;
  readonly keep?: boolean;
}

/** `gossip network run`. */
export async function networkRun(options: NetworkRunOptions, terminal: Terminal): Promise<number> {
  const input = await openInput(options.input, terminal);
  const stop = listenForStop();
  const bar = await progressBar(terminal);
  if (terminal.stderr.isTTY) noteLine(terminal, "starting a network of its own");
  try {
    const { orgs, peers, channel } = options;
    const result = await runNetwork({
      input: input.bytes,
      shape: {
        ...(orgs !== undefined && { orgs }),
        ...(peers !== undefined && { peers }),
        ...(channel !== undefined && { channel }),
      },
      keep: options.keep,
      onProgress: bar.show,
      signal: stop.signal,
    });
    bar.stop();
    if (options.json === true) printLine(terminal, JSON.stringify(result));
    else for (const line of renderResult(result, terminal)) printLine(terminal, line);
    const difference = firstDifference(result);
    return difference === undefined ? 0 : noteFailure(terminal, difference);
  } finally {
    bar.stop();
    stop.release();
    await input.close();
  }
}

/** Progress on a terminal; nothing elsewhere. */
async function progressBar(terminal: Terminal): Promise<{ show(progress: RunProgress): void; stop(): void }> {
  const { stderr } = terminal;
  if (stderr.isTTY !== true) return { show() {}, stop() {} };
  const { default: progress } = await import("cli-progress");
  const bar = new progress.SingleBar({
    stream: stderr,
    format: "{step} [{bar}] {value} of {total} transactions on every peer, {duration_formatted}",
    barCompleteChar: "=",
    barIncompleteChar: " ",
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
  });
  let isShown = false;
  return {
    show({ step, submitted, committed }) {
      // Before there is anything to count, an empty bar would look like a full one.
      if (submitted === 0) return;
      if (!isShown) bar.start(submitted, committed, { step });
      isShown = true;
      bar.setTotal(submitted);
      bar.update(committed, { step });
    },
    stop: () => bar.stop(),
  };
}

function renderResult(result: RunResult, terminal: Terminal): readonly string[] {
  const { input, peers, blocks, seconds } = result;
  const columns = [
    { title: "PEER" },
    { title: "ORG" },
    { title: "ENDPOINT" },
    { title: "HEIGHT", align: "right" },
    { title: "TRANSACTIONS", align: "right" },
    { title: "SHA-256" },
  ] as const;
  const rows = peers.map(({ name, org, endpoint, height, transactions, sha256 }) =>
    [name, org, endpoint, String(height), String(transactions), sha256].map((text) => ({ text })),
  );
  // Hashes are what this command is for, so they are not cut to a terminal's width.
  return [
    ...renderTable(columns, rows, { heading: paintFor(terminal.stdout).bold }),
    "",
    `input: ${input.transactions} transactions, SHA-256 ${input.sha256}`,
    `${blocks} ${blocks === 1 ? "block" : "blocks"} in ${seconds.toFixed(1)} seconds`,
  ];
}
