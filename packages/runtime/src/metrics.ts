/** Values for the label names of a metric, in any order. */
export type LabelValues = Readonly<Record<string, string>>;

export interface MetricOptions {
  /** Prometheus name, e.g. `gossip_comm_messages_sent`; Fabric's where Fabric has one (protocol page 12 §4). */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

export interface HistogramOptions extends MetricOptions {
  /** Upper bounds, in the unit of the metric; Prometheus' defaults when absent. */
  readonly buckets?: readonly number[];
}

export interface Counter {
  add(amount: number, labels?: LabelValues): void;
}

export interface Gauge {
  set(value: number, labels?: LabelValues): void;
}

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
