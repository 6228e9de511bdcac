/** Named values beside a log message. */
export type LogFields = Readonly<Record<string, unknown>>;

/** How much a log line matters, least first; hosts use it to filter. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Where a shell writes what happened. Machines do not log; what they have to say is an output. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger of a part: `gossip` gives `gossip.comm`. */
  child(name: string): Logger;
}

/** Says nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLogger };
