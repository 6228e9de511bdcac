/** What a command may write to, and what it knows about who reads it. */
export interface Terminal {
  /** Results. */
  readonly stdout: NodeJS.WriteStream;
  /** Progress and errors. */
  readonly stderr: NodeJS.WriteStream;
  readonly stdin: NodeJS.ReadStream;
  /** Environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The terminal of this process. */
export const processTerminal: Terminal = {
  get stdout() {
    return process.stdout;
  },
  get stderr() {
    return process.stderr;
  },
  get stdin() {
    return process.stdin;
  },
  env: process.env,
};

/** Writes one line of a result. */
export function printLine(terminal: Terminal, line = ""): void {
  terminal.stdout.write(`${line}\n`);
}

/** Writes one line about what is going on. */
export function noteLine(terminal: Terminal, line: string): void {
  terminal.stderr.write(`${line}\n`);
}
