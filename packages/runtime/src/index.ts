export {
  BoundedMap,
  type BoundedMapOptions,
  BoundedQueue,
  type BoundedQueueOptions,
  type WhenFull,
} from "./bounded.js";
export {
  type Clock,
  type Millis,
  systemClock,
  systemWallClock,
  type Timer,
  type WallClock,
  wallMillis,
} from "./clock.js";
export { assert, type ErrorCode, errorText, GossipError, InvariantError, unreachable } from "./errors.js";
export { type Added, ExpiringStore, type ExpiringStoreOptions, type Held } from "./expiring-store.js";
export { type LogFields, type Logger, type LogLevel, silentLogger } from "./log.js";
export { type Machine, type Wake, wake } from "./machine.js";
export { isPromise, type MaybePromise, whenDone } from "./maybe-promise.js";
export {
  type Counter,
  type Gauge,
  type Histogram,
  type HistogramOptions,
  type LabelValues,
  type MetricOptions,
  type Metrics,
  noMetrics,
} from "./metrics.js";
export { Quota, type QuotaOptions } from "./quota.js";
export { fraction, pick, type Random, sample, samplePreferring, seededRandom, systemRandom } from "./random.js";
export { type Run, type RunOptions, run } from "./run.js";
export { Timers } from "./timers.js";
