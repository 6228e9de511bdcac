const unitNanos: ReadonlyMap<string, number> = new Map([
  ["ns", 1],
  ["us", 1e3],
  ["\u00b5s", 1e3],
  ["\u03bcs", 1e3],
  ["ms", 1e6],
  ["s", 1e9],
  ["m", 60e9],
  ["h", 3600e9],
]);

const part = /(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;

/**
 * Milliseconds of a duration in Go syntax, e.g. `300ms`, `4s`, `2h45m`; `undefined` when it is none.
 * A number without unit, which the reference takes for nanoseconds, is none (protocol page 12 §7 no. 2), save for 0.
 */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  let nanos = 0;
  part.lastIndex = 0;
  while (part.lastIndex < text.length) {
    const match = part.exec(text);
    if (match === null) return undefined;
    nanos += Number(match[1]) * (unitNanos.get(match[2] ?? "") ?? Number.NaN);
  }
  return text === "" || !Number.isFinite(nanos) ? undefined : nanos / 1e6;
}

/** A duration for people, in the largest unit that leaves a whole number: 4000 gives `4s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return "0s";
  for (const [unit, nanos] of [
    ["h", 3600e3],
    ["m", 60e3],
    ["s", 1e3],
  ] as const) {
    if (milliseconds % nanos === 0) return `${milliseconds / nanos}${unit}`;
  }
  return `${milliseconds}ms`;
}
