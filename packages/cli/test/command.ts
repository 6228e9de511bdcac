import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { executable } from "../src/executable.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Starts `gossip` in a process of its own, from the sources. Its output can be read as it comes. */
export function start(
  args: readonly string[],
  options: {
    readonly input?: Uint8Array;
    readonly stdin?: "pipe";
    readonly env?: Readonly<Record<string, string>>;
  } = {},
) {
  return execa(process.execPath, [...executable, ...args], {
    cwd: root,
    env: { TSX_TSCONFIG_PATH: `${root}/tsconfig.json`, NO_COLOR: "1", ...options.env },
    reject: false,
    ...(options.input === undefined ? { stdin: options.stdin ?? "ignore" } : { input: options.input }),
  });
}

/** Runs `gossip` to its end. */
export async function gossip(args: readonly string[], input?: Uint8Array) {
  const { exitCode, stdout, stderr } = await start(args, input === undefined ? {} : { input });
  return { exitCode, stdout, stderr };
}

/** Asks again and again until `question` has an answer. @throws Error that tells what it waited for */
export async function until<T>(
  what: string,
  question: () => Promise<T | undefined | false>,
  patienceMs = 30_000,
): Promise<T> {
  for (const end = performance.now() + patienceMs; ; ) {
    const answer = await question();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > end) throw new Error(`expected ${what} within ${patienceMs} ms`);
    await delay(100);
  }
}
