import {
  type Counter,
  errorText,
  type LogFields,
  type Logger,
  type LogLevel,
  type Metrics,
  noMetrics,
} from "@gossip/runtime";
import { type DestinationStream, destination as openDestination, pino } from "pino";
import type { LoggingConfig } from "./config.js";
import { consoleLines } from "./log-console.js";
import { formatLogSpec, isLogged, type LogSpec, levelOf, parseLogSpec } from "./log-spec.js";

/** A logger whose levels can be changed while it runs. */
export interface LeveledLogger extends Logger {
  /** The active specification in normal form: sorted, default last. */
  readonly spec: string;
  /**
   * Replaces the levels of this logger, of its parent and of all their children.
   *
   * @throws GossipError `invalid-argument`; the old levels stay.
   */
  setSpec(spec: string): void;
  /** Counts entries from now on, under Fabric's names `logging_entries_checked` and `logging_entries_written`. */
  countIn(metrics: Metrics): void;
  child(name: string): LeveledLogger;
}

/** How `createLogger` writes. */
export interface LoggerOptions extends LoggingConfig {
  /** Takes each line with its newline. @default stderr */
  readonly destination?: { write(line: string): void };
}

/**
 * A logger on pino with Fabric's levels per logger name (protocol page 12 §5.1). What is logged about remote peers stays
 * on its line: control characters are escaped and long values cut.
 *
 * @throws GossipError `invalid-argument` for a bad specification.
 *
 * @example
 * const log = createLogger({ spec: "gossip.comm=debug:info", format: "json" });
 * log.child("gossip").child("comm").debug("connected", { endpoint: "peer0:7051" });
 */
export function createLogger(options: LoggerOptions = {}): LeveledLogger {
  const destination: DestinationStream = options.destination ?? openDestination({ fd: 2, sync: true });
  const shared: Shared = {
    spec: parseLogSpec(options.spec ?? "info"),
    pino: pino(
      {
        // Levels are decided here, by the specification; pino shall pass everything.
        level: "debug",
        base: null,
        messageKey: "msg",
        // Seconds, as a Fabric peer has them.
        timestamp: () => `,"ts":${Date.now() / 1_000}`,
        formatters: { level: (level) => ({ level }) },
      },
      options.format === "json" ? destination : consoleLines(destination),
    ),
    ...countersIn(noMetrics),
  };
  return new SpecLogger(shared, "");
}

/** Whether the levels of a logger can be changed: then the operations service offers `/logspec`. */
export function isLeveled(log: Logger): log is LeveledLogger {
  return typeof (log as Partial<LeveledLogger>).setSpec === "function";
}

/** What a logger and its children have in common. */
interface Shared {
  spec: LogSpec;
  readonly pino: ReturnType<typeof pino>;
  checked: Counter;
  written: Counter;
}

function countersIn(metrics: Metrics): Pick<Shared, "checked" | "written"> {
  const labels = ["level"];
  return {
    checked: metrics.counter({
      name: "logging_entries_checked",
      help: "Log entries checked against the active specification",
      labels,
    }),
    written: metrics.counter({ name: "logging_entries_written", help: "Log entries written", labels }),
  };
}

class SpecLogger implements LeveledLogger {
  readonly #shared: Shared;
  readonly #name: string;
  /** The specification that `#level` was looked up in. */
  #levelSpec: LogSpec;
  #level: ReturnType<typeof levelOf>;

  constructor(shared: Shared, name: string) {
    this.#shared = shared;
    this.#name = name;
    this.#levelSpec = shared.spec;
    this.#level = levelOf(shared.spec, name);
  }

  debug(message: string, fields?: LogFields): void {
    this.#write("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#write("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#write("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#write("error", message, fields);
  }

  child(name: string): LeveledLogger {
    return new SpecLogger(this.#shared, this.#name === "" ? name : `${this.#name}.${name}`);
  }

  get spec(): string {
    return formatLogSpec(this.#shared.spec);
  }

  setSpec(spec: string): void {
    this.#shared.spec = parseLogSpec(spec);
  }

  countIn(metrics: Metrics): void {
    Object.assign(this.#shared, countersIn(metrics));
  }

  #write(level: LogLevel, message: string, fields: LogFields = {}): void {
    const { spec, pino, checked, written } = this.#shared;
    checked.add(1, { level });
    if (this.#levelSpec !== spec) {
      this.#levelSpec = spec;
      this.#level = levelOf(spec, this.#name);
    }
    if (!isLogged(level, this.#level)) return;
    written.add(1, { level });
    pino[level]({ name: this.#name, ...plainFields(fields) }, cut(message));
  }
}

const reserved: ReadonlySet<string> = new Set(["level", "ts", "name", "msg"]);
const maxText = 2_000;
const maxEntries = 32;
const maxDepth = 4;

/** Fields as JSON can hold them. One that has a name of pino's own gets an underscore, for JSON has no two keys alike. */
function plainFields(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [reserved.has(name) ? `${name}_` : name, plain(value, maxDepth)]),
  );
}

function plain(value: unknown, depth: number): unknown {
  if (typeof value === "string") return cut(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return cut(Buffer.from(value.subarray(0, maxText)).toString("hex"));
  if (value instanceof Error) return cut(errorText(value));
  if (depth === 0) return "…";
  if (value instanceof Map || value instanceof Set || Array.isArray(value)) {
    return Array.from(value)
      .slice(0, maxEntries)
      .map((item) => plain(item, depth - 1));
  }
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, maxEntries)
      .map(([name, item]) => [name, plain(item, depth - 1)]),
  );
}

function cut(text: string): string {
  return text.length > maxText ? `${text.slice(0, maxText)}…` : text;
}
