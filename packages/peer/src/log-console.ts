import type { DestinationStream } from "pino";

/**
 * Turns pino's JSON lines into lines for people, in the order of Fabric's console format (protocol page 12 §5.1):
 * time with zone, sequence number, four letters of level, logger, message, then the fields as `name=value`.
 */
export function consoleLines(destination: DestinationStream): DestinationStream {
  let sequence = 0;
  return {
    write(line) {
      const { level, ts, name, msg, ...fields } = JSON.parse(line) as Readonly<Record<string, unknown>>;
      sequence = (sequence + 1) & 0xffff;
      const time = new Date(Math.round(Number(ts) * 1_000)).toISOString().replace("T", " ").replace("Z", " UTC");
      const number = sequence.toString(16).padStart(4, "0");
      const head = `${time} ${number} ${String(level).slice(0, 4).toUpperCase()} [${String(name)}]`;
      const tail = Object.entries(fields).map(([field, value]) => ` ${field}=${shown(value)}`);
      destination.write(`${head} ${escaped(String(msg))}${tail.join("")}\n`);
    },
  };
}

function shown(value: unknown): string {
  if (typeof value === "string" && /^[\w./:@+-]+$/.test(value)) return value;
  return escaped(JSON.stringify(value) ?? String(value));
}

/** A remote peer's text must neither begin a line of its own nor talk to the terminal. */
function escaped(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
