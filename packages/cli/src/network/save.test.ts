import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { inTemporaryFolder } from "../testing/index.js";
import { makeFolder, save } from "./save.js";

describe("save", () => {
  it("makes the folders above a file, and keeps a secret to its owner", () =>
    inTemporaryFolder(async (dir) => {
      const path = join(dir, "a", "b", "key");
      await save(path, "secret", 0o600);
      await save(path, "other", 0o600);
      expect(await readFile(path, "utf8")).toBe("other");
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    }));

  it("names the file that cannot be written", () =>
    inTemporaryFolder(async (dir) => {
      await mkdir(join(dir, "folder"));
      await expect(save(join(dir, "folder"), "x")).rejects.toMatchObject({
        code: "storage",
        message: expect.stringMatching(`^expected to write ${join(dir, "folder")}, got EISDIR`),
      });
    }));
});

describe("makeFolder", () => {
  it("leaves what is there, and lets several make the same", () =>
    inTemporaryFolder(async (dir) => {
      const path = join(dir, "a", "b");
      await Promise.all([makeFolder(path), makeFolder(path), makeFolder(join(path, "c"))]);
      await writeFile(join(path, "file"), "x");
      await makeFolder(path);
      expect(await readFile(join(path, "file"), "utf8")).toBe("x");
    }));

  it("fails where no folder can be made, though the one above is there", async ({ skip }) => {
    skip(process.platform !== "linux", "only Linux has /proc, which says of a new folder that it does not exist");
    await expect(makeFolder("/proc/gossip/net")).rejects.toMatchObject({ code: "ENOENT" });
  });
});
