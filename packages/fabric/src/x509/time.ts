import { type DerElement, DerError, tags } from "./der.js";

const utcPattern = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(Z|[+-]\d{4})$/;
const generalizedPattern = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(Z|[+-]\d{4})$/;

/**
 * A UTCTime or GeneralizedTime in milliseconds since 1970. Two-digit years are those from 1950 to 2049.
 *
 * @throws DerError unless Go reads it; fractions of seconds and days that no month has are refused.
 */
export function readTime({ tag, contents }: DerElement): number {
  const text = Buffer.from(contents).toString("latin1");
  const isUtc = tag === tags.utcTime;
  if (!isUtc && tag !== tags.generalizedTime) {
    throw new DerError(`expected a time, got tag 0x${tag.toString(16).padStart(2, "0")}`);
  }
  const match = (isUtc ? utcPattern : generalizedPattern).exec(text);
  if (match === null) throw new DerError(`expected a time, got ${JSON.stringify(text)}`);
  const [, yearText, ...rest] = match;
  const [month, day, hour, minute, second] = rest.slice(0, 5).map((part) => Number(part ?? 0));
  const year = Number(yearText) + (isUtc ? (Number(yearText) < 50 ? 2_000 : 1_900) : 0);
  const fields = [year, (month ?? 0) - 1, day ?? 0, hour ?? 0, minute ?? 0, second ?? 0] as const;
  const time = new Date(0);
  time.setUTCFullYear(fields[0], fields[1], fields[2]);
  time.setUTCHours(fields[3], fields[4], fields[5]);
  const read = [
    time.getUTCFullYear(),
    time.getUTCMonth(),
    time.getUTCDate(),
    time.getUTCHours(),
    time.getUTCMinutes(),
    time.getUTCSeconds(),
  ];
  if (read.some((part, index) => part !== fields[index])) {
    throw new DerError(`expected a time that exists, got ${JSON.stringify(text)}`);
  }
  return time.getTime() - readZoneMs(rest[5] ?? "Z", text);
}

/** How far a zone lies east of UTC. UTC itself is written `Z` only. */
function readZoneMs(zone: string, text: string): number {
  if (zone === "Z") return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3));
  if (minutes === 0 || Number(zone.slice(1, 3)) > 24 || Number(zone.slice(3)) >= 60) {
    throw new DerError(`expected a time zone, got ${JSON.stringify(text)}`);
  }
  return (zone.startsWith("-") ? -minutes : minutes) * 60_000;
}
