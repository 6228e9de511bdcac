import { link, readFile, rename, rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { GossipError, systemRandom } from "@gossip/runtime";
import { isRunning, ownMark } from "./process-mark.js";
import { save } from "./save.js";

const pauseMs = 15;

/**
 * Runs `action` while holding a lock that other processes see: a file that names its holder. The lock of a holder that
 * died is taken over.
 *
 * @throws GossipError `conflict` when another process holds it for longer than `patienceMs`
 */
export async function withFileLock<T>(file: string, action: () => Promise<T>, patienceMs = 15_000): Promise<T> {
  const claim = `${file}.${process.pid}.${systemRandom.uint64().toString(36)}`;
  const mark = await ownMark();
  try {
    await save(claim, JSON.stringify(mark), 0o600);
    await acquire(file, claim, patienceMs);
  } finally {
    await rm(claim, { force: true });
  }
  try {
    return await action();
  } finally {
    await rm(file, { force: true });
  }
}

/** A hard link either makes the lock, holder and all, or fails because there is one: never a lock without a name in it. */
async function acquire(file: string, claim: string, patienceMs: number): Promise<void> {
  for (let waited = 0; ; waited += pauseMs) {
    try {
      await link(claim, file);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (!(await takeAwayWhenStale(file, claim))) await delay(pauseMs);
    if (waited > patienceMs) {
      throw new GossipError("conflict", `expected ${file} to be released within ${patienceMs} ms, it is still held`);
    }
  }
}

async function takeAwayWhenStale(file: string, claim: string): Promise<boolean> {
  const seen = await readFile(file, "utf8").catch(() => undefined);
  if (seen === undefined) return true;
  if (await holderRuns(seen)) return false;
  const aside = `${claim}.stale`;
  try {
    await rename(file, aside);
  } catch {
    return true;
  }
  // Between reading and renaming another process may have done the same and taken the lock: then it gets it back.
  if ((await readFile(aside, "utf8")) !== seen) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
  return true;
}

async function holderRuns(content: string): Promise<boolean> {
  try {
    return await isRunning(JSON.parse(content));
  } catch {
    return false;
  }
}
