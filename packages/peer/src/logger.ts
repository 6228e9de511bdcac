import type { Logger } from "@gossip/runtime";
import type { LoggingConfig } from "./config.js";

/** A logger whose levels can be changed while it runs. */
export interface LeveledLogger extends Logger {
  /** The active specification in normal form: sorted, default last. */
  readonly spec: string;
  /**
   * Replaces the levels of this logger and of all its children.
   *
   * @throws GossipError `invalid-argument`; the old levels stay.
   */
  setSpec(spec: string): void;
}

export interface LoggerOptions extends LoggingConfig {
  /** Where lines go. @default stderr */
  readonly destination?: { write(line: string): void };
}

/** A logger on pino with Fabric's levels per logger name (protocol page 12 §5.1). @throws GossipError `invalid-argument` for a bad spec. */
export declare function createLogger(options?: LoggerOptions): LeveledLogger;
