import { randomBytes } from "node:crypto";
import { assert } from "./errors.js";

/** A source of chance. Passed in, never taken from the surroundings, so that a seed replays everything. */
export interface Random {
  /** `length` random bytes. */
  bytes(length: number): Uint8Array;
  /** A uniform number over all 64 bits; what nonces are made of. */
  uint64(): bigint;
  /** A uniform integer from 0 to `bound - 1`. `bound` must be an integer from 1 to 2^32. */
  below(bound: number): number;
}

/** Drawn from the operating system: nonces must not be guessed. */
export const systemRandom: Random = fromWords(pooledWords(), (length) => new Uint8Array(randomBytes(length)));

/**
 * The same numbers for the same seed, on every machine and every version of Node (xoshiro128** seeded by splitmix64).
 * For simulation and tests only: whoever sees a few outputs can compute the rest.
 */
export function seededRandom(seed: bigint | number): Random {
  const next = xoshiro128(BigInt(seed));
  return fromWords(next, (length) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 4) {
      let word = next();
      for (let byte = at; byte < Math.min(at + 4, length); byte++, word >>>= 8) bytes[byte] = word & 0xff;
    }
    return bytes;
  });
}

/**
 * `count` distinct elements, uniformly without replacement, of those that are eligible; all of them, shuffled, when there
 * are not more. Only as many are looked at as it takes.
 */
export function sample<T>(
  random: Random,
  items: readonly T[],
  count: number,
  isEligible: (item: T) => boolean = () => true,
): T[] {
  const pool = items.slice();
  const drawn: T[] = [];
  for (let at = 0; at < pool.length && drawn.length < count; at++) {
    const other = at + random.below(pool.length - at);
    const item = pool[other] as T;
    pool[other] = pool[at] as T;
    if (isEligible(item)) drawn.push(item);
  }
  return drawn;
}

/** The same, of those that are preferred, and only where these are too few also of the others. */
export function samplePreferring<T>(
  random: Random,
  items: readonly T[],
  count: number,
  isPreferred: (item: T) => boolean,
  isEligible: (item: T) => boolean = () => true,
): T[] {
  const drawn = sample(random, items, count, (item) => isEligible(item) && isPreferred(item));
  if (drawn.length >= count) return drawn;
  const others = (item: T) => isEligible(item) && !isPreferred(item);
  return [...drawn, ...sample(random, items, count - drawn.length, others)];
}

/** One element, uniformly; `undefined` of an empty list. */
export function pick<T>(random: Random, items: readonly T[]): T | undefined {
  return items.length === 0 ? undefined : items[random.below(items.length)];
}

/** A uniform fraction in [0, 1) with 32 bits, for jitter. */
export function fraction(random: Random): number {
  return random.below(2 ** 32) / 2 ** 32;
}

function fromWords(word: () => number, bytes: (length: number) => Uint8Array): Random {
  return {
    bytes,
    uint64: () => (BigInt(word()) << 32n) | BigInt(word()),
    below(bound) {
      assert(
        Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 32,
        `expected a bound from 1 to 2^32, got ${bound}`,
      );
      // Words above the last whole multiple of the bound would favour small results; draw again.
      const limit = 2 ** 32 - (2 ** 32 % bound);
      for (;;) {
        const drawn = word();
        if (drawn < limit) return drawn % bound;
      }
    },
  };
}

function pooledWords(): () => number {
  let pool = new DataView(new ArrayBuffer(0));
  let at = 0;
  return () => {
    if (at >= pool.byteLength) {
      const fresh = randomBytes(1024);
      pool = new DataView(fresh.buffer, fresh.byteOffset, fresh.byteLength);
      at = 0;
    }
    at += 4;
    return pool.getUint32(at - 4);
  };
}

function xoshiro128(seed: bigint): () => number {
  let mixed = BigInt.asUintN(64, seed);
  const split = () => {
    mixed = BigInt.asUintN(64, mixed + 0x9e3779b97f4a7c15n);
    let z = mixed;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  };
  const [first, second] = [split(), split()];
  let a = Number(first & 0xffffffffn);
  let b = Number(first >> 32n);
  let c = Number(second & 0xffffffffn);
  let d = Number(second >> 32n);
  return () => {
    const scrambled = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return scrambled;
  };
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
