/** Milliseconds, on a monotonic clock unless a name says otherwise; fractions are allowed. */
export type Millis = number;

/** A scheduled callback that can be called off. */
export interface Timer {
  /** After this, the callback will not run. Calling it again, or after it ran, does nothing. */
  cancel(): void;
}

/** Monotonic time: it never steps, and says nothing about the date. */
export interface Clock {
  now(): Millis;
  /**
   * Runs `callback` once, at `at` or as soon after it as possible, never before `schedule` has returned.
   * `at` may lie in the past, and any distance in the future (`Infinity` never fires).
   */
  schedule(at: Millis, callback: () => void): Timer;
}

/** The date. It serves only incarnations and the expiry of certificates, since it can step in either direction. */
export interface WallClock {
  /** Nanoseconds since 1970-01-01T00:00:00Z, as in `PeerTime.inc_num` (protocol page 01 §7). */
  nowNanos(): bigint;
}

/** Milliseconds since 1970 on a wall clock, as JavaScript dates count them. */
export function wallMillis(wall: WallClock): number {
  return Number(wall.nowNanos() / 1_000_000n);
}

/** Timers of Node fire at once beyond 2^31 - 1 ms (24.8 days), so longer waits are made of steps. */
const maxTimerMs = 2 ** 31 - 1;

/** The clock of this process. Its timers keep the process alive while they are pending. */
export const systemClock: Clock = {
  now: () => performance.now(),
  schedule(at, callback) {
    if (at === Number.POSITIVE_INFINITY) return { cancel() {} };
    let handle: NodeJS.Timeout;
    const arm = () => {
      handle = setTimeout(fire, Math.min(maxTimerMs, Math.max(0, Math.ceil(at - performance.now()))));
    };
    // A timer of Node may fire a fraction of a millisecond before its time on this clock, or be one step of a long wait.
    const fire = () => (performance.now() < at ? arm() : callback());
    arm();
    return { cancel: () => clearTimeout(handle) };
  },
};

/** The date of this machine. Resolution is that of the operating system's high-resolution clock at process start. */
export const systemWallClock: WallClock = {
  nowNanos: () => BigInt(Math.round(performance.timeOrigin + performance.now())) * 1_000_000n,
};
