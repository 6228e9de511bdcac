/** Values for the label names of a metric, in any order. */
export type LabelValues = Readonly<Record<string, string>>;

/** Describes a metric to whoever reads it; label values must come from a small set, as each makes a series. */
export interface MetricOptions {
  /** Prometheus name, e.g. `gossip_comm_messages_sent`; Fabric's where Fabric has one (protocol page 12 §4). */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** Describes a histogram; choose buckets around the values that would raise an alarm. */
export interface HistogramOptions extends MetricOptions {
  /** Upper bounds, in the unit of the metric; Prometheus' defaults when absent. */
  readonly buckets?: readonly number[];
}

/** Only grows, for events; a rate is computed where it is read. */
export interface Counter {
  add(amount: number, labels?: LabelValues): void;
}

/** Goes up and down, for what is true now: members, queue length, ledger height. */
export interface Gauge {
  set(value: number, labels?: LabelValues): void;
}

/** Sorts values into buckets, for durations and sizes whose spread matters. */
export interface Histogram {
  observe(value: number, labels?: LabelValues): void;
}

/** Where a shell counts what happened. Asking for a name again MUST return the same metric. */
export interface Metrics {
  counter(options: MetricOptions): Counter;
  gauge(options: MetricOptions): Gauge;
  histogram(options: HistogramOptions): Histogram;
}

/** Counts nothing. */
export const noMetrics: Metrics = {
  counter: () => ({ add() {} }),
  gauge: () => ({ set() {} }),
  histogram: () => ({ observe() {} }),
};
