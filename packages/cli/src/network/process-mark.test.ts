import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { isRunning, markOf, ownMark, signalProcess } from "./process-mark.js";
import { stopProcesses } from "./stop.js";

/** A process that says when it is there, so that no test has to guess. */
async function sleeper(onTerm: "ends" | "stays") {
  const handler = onTerm === "stays" ? "process.on('SIGTERM', () => {});" : "";
  const child = execa(process.execPath, ["-e", `${handler} setInterval(() => {}, 1000); process.send('up');`], {
    ipc: true,
    reject: false,
  });
  await child.getOneMessage();
  const mark = await markOf(child.pid ?? 0);
  if (mark === undefined) throw new Error("expected the process to run");
  return { child, mark };
}

describe("a process mark", () => {
  it("is that of a running process, and of no other with the same number", async () => {
    const own = await ownMark();
    expect(await isRunning(own)).toBe(true);
    expect(await isRunning({ ...own, started: "another time" })).toBe(false);
  });

  it("is not there for a process that ended", async () => {
    const { child, mark } = await sleeper("ends");
    child.kill("SIGKILL");
    await child;
    expect(await isRunning(mark)).toBe(false);
    expect(await markOf(mark.pid)).toBeUndefined();
  });

  it("keeps a signal from a stranger that got the number", async () => {
    const { child, mark } = await sleeper("ends");
    expect(await signalProcess({ ...mark, started: "before" }, "SIGKILL")).toBe(false);
    expect(await isRunning(mark)).toBe(true);
    child.kill();
    await child;
  });
});

describe("stopProcesses", () => {
  it("asks, and kills only what does not listen", async () => {
    const [polite, stubborn] = [await sleeper("ends"), await sleeper("stays")];
    const killed = await stopProcesses(
      [
        { name: "polite", mark: polite.mark },
        { name: "stubborn", mark: stubborn.mark },
      ],
      300,
    );
    expect(killed).toEqual(["stubborn"]);
    expect((await polite.child).signal).toBe("SIGTERM");
    expect((await stubborn.child).signal).toBe("SIGKILL");
  });
});
