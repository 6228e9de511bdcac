import { expect, test } from "vitest";
import { Backlog } from "./backlog.js";

/** Work that ends when the test says so. */
function task() {
  let end = () => {};
  const work = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { work, end };
}

/** Whether what `add` gave is over, after everything settled that can. */
async function isOver(added: PromiseLike<void> | void): Promise<boolean> {
  let over = false;
  void Promise.resolve(added).then(() => {
    over = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return over;
}

test("11.5: Backlog lets one add until so much is under way, and then when there is room", async () => {
  const backlog = new Backlog<string>({ maxItems: 2, maxBytes: 100 });
  const [first, second] = [task(), task()];
  expect(backlog.add("a", 1, first.work)).toBeUndefined();
  const waits = backlog.add("a", 1, second.work);
  expect(await isOver(waits)).toBe(false);
  first.end();
  expect(await isOver(waits)).toBe(true);
});

test("Backlog counts bytes too, and one piece larger than all of them passes alone", async () => {
  const backlog = new Backlog<string>({ maxItems: 10, maxBytes: 100 });
  const [small, large] = [task(), task()];
  expect(backlog.add("a", 60, small.work)).toBeUndefined();
  const waits = backlog.add("a", 500, large.work);
  small.end();
  expect(await isOver(waits)).toBe(false);
  large.end();
  expect(await isOver(waits)).toBe(true);
});

test("Backlog holds nobody back for another, and remembers nobody without work, failed or not", async () => {
  const backlog = new Backlog<string>({ maxItems: 1, maxBytes: 100 });
  const [mine, theirs] = [task(), task()];
  void backlog.add("a", 1, mine.work);
  expect(await isOver(backlog.add("a", 1, theirs.work))).toBe(false);
  expect(await isOver(backlog.add("b", 1, Promise.reject(new Error("no"))))).toBe(true);
  expect(backlog.size).toBe(1);
  mine.end();
  theirs.end();
  expect(await isOver(backlog.add("c", 1, Promise.resolve()))).toBe(true);
  expect(backlog.size).toBe(0);
});
