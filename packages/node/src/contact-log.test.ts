import type { ContactChanged } from "@gossip/discovery";
import { type LogFields, type Logger, silentLogger } from "@gossip/runtime";
import { beforeEach, describe, expect, test } from "vitest";
import { ContactLog } from "./contact-log.js";

const endpoint = "peer0:7051";
const retrying: ContactChanged = { type: "contact", endpoint, state: "retrying", failure: "not-identified" };
const refused = "UNAVAILABLE: connect ECONNREFUSED";

let lines: { readonly level: string; readonly fields: LogFields | undefined }[];
let log: ContactLog;

beforeEach(() => {
  lines = [];
  const line = (level: string) => (_text: string, fields?: LogFields) => void lines.push({ level, fields });
  const logger: Logger = { ...silentLogger, debug: line("debug"), info: line("info"), warn: line("warn") };
  log = new ContactLog(logger);
});

function fail(detail: string): void {
  log.onIdentifyFailed(endpoint, "dial-failed", detail);
  log.onContact(retrying);
}

describe("ContactLog", () => {
  test("says why an endpoint was not reached, ever more rarely while it is the same", () => {
    for (let attempt = 1; attempt <= 9; attempt++) fail(refused);
    const told = lines.filter(({ level }) => level === "warn").map(({ fields }) => fields?.["count"]);
    expect(told).toEqual([1, 2, 4, 8]);
    expect(lines).toHaveLength(9);
    expect(lines[0]?.fields).toMatchObject({ endpoint, reason: "not-identified", detail: `dial-failed: ${refused}` });
  });

  test("tells of another cause, and of the first failure after an answer, at once", () => {
    for (let attempt = 1; attempt <= 3; attempt++) fail(refused);
    fail("UNAVAILABLE: certificate has expired");
    expect(lines.at(-1)).toMatchObject({ level: "warn", fields: { count: 1 } });
    log.onContact({ type: "contact", endpoint, state: "answered" });
    expect(lines.at(-1)).toEqual({ level: "info", fields: { endpoint } });
    fail(refused);
    expect(lines.at(-1)).toMatchObject({ level: "warn", fields: { count: 1 } });
  });

  test("explains a failure that has no cause of its own, and never takes an older one for it", () => {
    fail(refused);
    log.onContact({ type: "contact", endpoint, state: "given-up", failure: "wrong-organization" });
    expect(lines.at(-1)).toMatchObject({
      level: "warn",
      fields: { state: "given-up", detail: "expected a peer of our own organization, got one of another" },
    });
  });
});
