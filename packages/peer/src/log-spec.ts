import { GossipError } from "@gossip/runtime";

/** Levels of Fabric's logging specification, from most to least talkative (protocol page 12 §5.1). */
export type SpecLevel = "payload" | "debug" | "info" | "warn" | "error" | "dpanic" | "panic" | "fatal";

/** Which level each logger has. */
export interface LogSpec {
  readonly default: SpecLevel;
  /** By logger name; a name that ends with a dot means exactly that logger and not its children. */
  readonly loggers: ReadonlyMap<string, SpecLevel>;
}

const levels: readonly SpecLevel[] = ["payload", "debug", "info", "warn", "error", "dpanic", "panic", "fatal"];

const levelNames: ReadonlyMap<string, SpecLevel> = new Map([
  ...levels.map((level) => [level, level] as const),
  ["warning", "warn"],
  ["notice", "info"],
  ["critical", "error"],
]);

const loggerName = /^[A-Za-z0-9_#:-]+(?:\.[A-Za-z0-9_#:-]+)*\.?$/;

/**
 * Reads `[logger[,logger…]=]level[:…]`. The last default and the last assignment per logger win; no default means `info`.
 *
 * @throws GossipError `invalid-argument`, naming the segment.
 */
export function parseLogSpec(text: string): LogSpec {
  let fallback: SpecLevel = "info";
  const loggers = new Map<string, SpecLevel>();
  for (const segment of text.split(":")) {
    if (segment === "") continue;
    const [names = "", level, ...rest] = segment.split("=");
    if (rest.length > 0) throw badSegment(text, segment, "at most one '=' per segment");
    if (level === undefined) {
      fallback = parseLevel(text, segment, names);
      continue;
    }
    const parsed = parseLevel(text, segment, level);
    for (const name of names.split(",")) {
      if (!loggerName.test(name)) throw badSegment(text, segment, "logger names such as gossip.comm");
      loggers.set(name, parsed);
    }
  }
  return { default: fallback, loggers };
}

/** The normal form: assignments sorted by logger, default last, levels by their canonical name. */
export function formatLogSpec(spec: LogSpec): string {
  const assignments = [...spec.loggers].map(([name, level]) => `${name}=${level}`).sort();
  return [...assignments, spec.default].join(":");
}

/** The level of a logger: that of the longest name in the specification that is a prefix of it by dots. */
export function levelOf(spec: LogSpec, logger: string): SpecLevel {
  const exact = spec.loggers.get(`${logger}.`);
  if (exact !== undefined) return exact;
  for (let name = logger; name !== ""; name = name.slice(0, Math.max(0, name.lastIndexOf(".")))) {
    const level = spec.loggers.get(name);
    if (level !== undefined) return level;
  }
  return spec.default;
}

/** Whether a logger at level `active` writes what is said at `level`. */
export function isLogged(level: SpecLevel, active: SpecLevel): boolean {
  return levels.indexOf(level) >= levels.indexOf(active);
}

function parseLevel(text: string, segment: string, name: string): SpecLevel {
  // `info` and `INFO` are levels, `Info` is not.
  const level = name === name.toUpperCase() ? levelNames.get(name.toLowerCase()) : levelNames.get(name);
  if (level === undefined) throw badSegment(text, segment, "a level such as debug, info, warning or error");
  return level;
}

function badSegment(text: string, segment: string, expected: string): GossipError {
  return new GossipError(
    "invalid-argument",
    `expected ${expected} in logging specification ${JSON.stringify(text)}, got ${JSON.stringify(segment)}`,
  );
}
