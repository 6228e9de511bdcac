import {
  assert,
  type Counter,
  type Gauge,
  type Histogram,
  type HistogramOptions,
  type MetricOptions,
  type Metrics,
} from "@gossip/runtime";
import {
  collectDefaultMetrics,
  Counter as PrometheusCounter,
  Gauge as PrometheusGauge,
  Histogram as PrometheusHistogram,
  Registry,
} from "prom-client";

/** Metrics that Prometheus can scrape. */
export interface PrometheusMetrics extends Metrics {
  /** MIME type of what `expose` gives. */
  readonly contentType: string;
  /** The exposition text: what was counted here, and `process_*` and `nodejs_*` of this process. */
  expose(): Promise<string>;
}

/**
 * The metrics port on prom-client, with a registry of its own, so that several peers of one process do not mix.
 *
 * @example
 * const metrics = prometheusMetrics();
 * metrics.counter({ name: "gossip_comm_messages_sent", help: "Envelopes written." }).add(1);
 * console.log(await metrics.expose());
 */
export function prometheusMetrics(): PrometheusMetrics {
  return new RegistryMetrics();
}

/** The collectors of process metrics hook into the process and cannot be taken off: one registry has them for all peers. */
let processRegistry: Registry | undefined;

function processMetrics(): Registry {
  if (processRegistry === undefined) {
    processRegistry = new Registry();
    collectDefaultMetrics({ register: processRegistry });
  }
  return processRegistry;
}

class RegistryMetrics implements PrometheusMetrics {
  readonly #registry = new Registry();
  // Bounded by the code that asks: names are never made of remote input.
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();

  constructor() {
    processMetrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async expose(): Promise<string> {
    return await Registry.merge([this.#registry, processMetrics()]).metrics();
  }

  counter(options: MetricOptions): Counter {
    return this.#once(this.#counters, options.name, () => {
      const metric = new PrometheusCounter(this.#configuration(options));
      return { add: (amount, labels = {}) => metric.inc(labels, amount) };
    });
  }

  gauge(options: MetricOptions): Gauge {
    return this.#once(this.#gauges, options.name, () => {
      const metric = new PrometheusGauge(this.#configuration(options));
      return { set: (value, labels = {}) => metric.set(labels, value) };
    });
  }

  histogram(options: HistogramOptions): Histogram {
    return this.#once(this.#histograms, options.name, () => {
      const { buckets } = options;
      const metric = new PrometheusHistogram({
        ...this.#configuration(options),
        ...(buckets === undefined ? {} : { buckets: [...buckets] }),
      });
      return { observe: (value, labels = {}) => metric.observe(labels, value) };
    });
  }

  #configuration({ name, help, labels = [] }: MetricOptions) {
    return { name, help, labelNames: [...labels], registers: [this.#registry] };
  }

  #once<T>(known: Map<string, T>, name: string, make: () => T): T {
    const existing = known.get(name);
    if (existing !== undefined) return existing;
    const taken = [this.#counters, this.#gauges, this.#histograms].some((metrics) => metrics.has(name));
    assert(!taken, `expected metric ${name} to be of one kind, got two`);
    const metric = make();
    known.set(name, metric);
    return metric;
  }
}
