import { setTimeout as delay } from "node:timers/promises";

const pauseMs = 200;

/**
 * Asks again and again until `question` has an answer that is neither `undefined` nor `false`.
 *
 * @param question may throw; the last error is told when the patience ends
 * @throws Error that tells what was waited for, and what was last seen by `seen`
 */
export async function until<T>(
  what: string,
  question: () => Promise<T | undefined | false>,
  patienceMs: number,
  seen: () => string = () => "",
): Promise<T> {
  let cause: unknown;
  for (const end = performance.now() + patienceMs; ; ) {
    try {
      const answer = await question();
      if (answer !== undefined && answer !== false) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > end) {
      const last = seen();
      throw new Error(`expected ${what} within ${patienceMs} ms${last === "" ? "" : `, got ${last}`}`, { cause });
    }
    await delay(pauseMs);
  }
}
