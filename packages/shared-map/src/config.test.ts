import { describe, expect, test } from "vitest";
import { resolveSharedMapConfig, sharedMapDefaults } from "./config.js";

describe("the options of a shared map", () => {
  test("have defaults", () => {
    expect(resolveSharedMapConfig()).toEqual(sharedMapDefaults);
    expect(resolveSharedMapConfig({ pushPeerNum: 0 }).pushPeerNum).toBe(0);
  });

  test.each([
    [{ maxEntries: 0 }, {}, "maxEntries to be an integer of at least 1, got 0"],
    [{ maxKeyBytes: 1.5 }, {}, "maxKeyBytes to be an integer of at least 1, got 1.5"],
    [{ maxEntries: 20_000 }, {}, "maxEntries of at most maxDigests of the pull (10000), got 20000"],
    [{}, { maxDigestBytes: 100 }, "maxKeyBytes of at most 10, to fit a digest, got 128"],
    [{ maxValueBytes: 40_000 }, {}, "maxValueBytes of at most maxEntryBytes (32768), got 40000"],
    [{ maxBytesPerAuthor: 40_000 }, {}, "maxBytesPerAuthor of at least twice maxEntryBytes, got 40000"],
    [{ maxBytes: 100_000 }, {}, "maxBytesPerAuthor of at most maxBytes (100000), got 1048576"],
  ])("are refused when they cannot be: %o, with a pull of %o", (given, pull, message) => {
    expect(() => resolveSharedMapConfig(given, pull)).toThrow(`expected ${message}`);
  });
});
