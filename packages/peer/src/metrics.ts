import type { Metrics } from "@gossip/runtime";

/** Metrics that Prometheus can scrape. */
export interface PrometheusMetrics extends Metrics {
  /** The exposition text, with its `contentType`. */
  readonly contentType: string;
  expose(): Promise<string>;
}

/** The metrics port on prom-client, with a registry of its own. */
export declare function prometheusMetrics(): PrometheusMetrics;
