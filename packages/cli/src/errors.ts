import { errorText, GossipError } from "@gossip/runtime";
import { noteLine, type Terminal } from "./terminal.js";

/** Exit codes of the command. */
export const exitCodes = Object.freeze({ ok: 0, failure: 1, usage: 2, interrupted: 130 });

/** Ctrl-C or a request to end came before the command was done. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** Says on one line why the command fails. @returns the exit code */
export function noteFailure(terminal: Terminal, message: string): number {
  noteLine(terminal, `gossip: ${message}`);
  return exitCodes.failure;
}

/** What people read about the errors of the operating system that they can do something about. */
const systemErrors: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "no such file or directory"],
  ["EACCES", "permission denied"],
  ["EPERM", "operation not permitted"],
  ["EISDIR", "it is a directory"],
  ["ENOTDIR", "a part of the path is no directory"],
  ["ENOSPC", "no space left on the disk"],
  ["EDQUOT", "the disk quota is used up"],
  ["EROFS", "the file system is read-only"],
  ["EMFILE", "too many open files"],
  ["EADDRINUSE", "the address is taken"],
]);

/** The one line that tells a person what went wrong. */
export function describeError(error: unknown): string {
  if (error instanceof GossipError) {
    return oneLine(error.code === "internal" ? `internal error: ${error.message}` : error.message);
  }
  const { code, path, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : systemErrors.get(code);
  if (known === undefined) return oneLine(`internal error: ${errorText(error)}`);
  const what = path ?? syscall;
  return oneLine(what === undefined ? known : `${what}: ${known}`);
}

/** The stack with its causes, for whoever asked for it. */
export function describeStack(error: unknown): string {
  const parts: string[] = [];
  for (let current = error; current !== undefined && parts.length < 8; ) {
    parts.push(current instanceof Error ? (current.stack ?? current.message) : String(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join("\ncaused by: ");
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, "; ");
}
