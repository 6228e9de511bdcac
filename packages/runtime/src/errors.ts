/**
 * Why an operation failed, as a value a program can test.
 *
 * | Code | Meaning |
 * | --- | --- |
 * | `invalid-argument` | the caller passed what the documentation forbids |
 * | `invalid-config` | an option is out of range, or two options contradict each other |
 * | `malformed` | bytes do not decode to what they claim to be |
 * | `too-large` | a message, block or file exceeds its limit |
 * | `untrusted` | an identity, signature or certificate was refused |
 * | `unavailable` | a remote side could not be reached, or ended the connection |
 * | `timeout` | a remote side did not answer in time |
 * | `closed` | the object was closed before or during the call |
 * | `conflict` | the resource is taken: a port in use, a ledger opened by another process |
 * | `corrupt` | stored data does not match its own checksum, hash or chain |
 * | `storage` | the file system refused a read or a write: no space, no permission |
 * | `not-found` | the named channel, block, file or peer does not exist |
 * | `internal` | a defect of this software; please report it |
 */
export type ErrorCode =
  | "invalid-argument"
  | "invalid-config"
  | "malformed"
  | "too-large"
  | "untrusted"
  | "unavailable"
  | "timeout"
  | "closed"
  | "conflict"
  | "corrupt"
  | "storage"
  | "not-found"
  | "internal";

/** Every error these packages throw to their callers. Test `code`; `message` says what was expected and what came. */
export class GossipError extends Error {
  override readonly name: string = "GossipError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** A belief of the program was wrong. Never caused by remote input; the node that meets it closes. */
export class InvariantError extends GossipError {
  override readonly name = "InvariantError";

  constructor(message: string) {
    super("internal", message);
  }
}

/**
 * States what must hold, and stays on in production.
 *
 * @throws InvariantError when `condition` is false.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Marks the branch that an exhaustive `switch` never reaches. */
export function unreachable(value: never): never {
  // Messages are full of bigints, on which plain JSON.stringify throws.
  const text = JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? `${part}n` : part));
  throw new InvariantError(`expected every case to be handled, got ${text}`);
}

/** The message of anything that was thrown, for a log line. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
