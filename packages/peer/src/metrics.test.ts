import { InvariantError } from "@gossip/runtime";
import { describe, expect, it } from "vitest";
import { prometheusMetrics } from "./metrics.js";

describe("prometheusMetrics", () => {
  it("exposes counters, gauges and histograms in Prometheus' text format", async () => {
    const metrics = prometheusMetrics();
    metrics.counter({ name: "gossip_comm_messages_sent", help: "Envelopes written." }).add(3);
    metrics
      .gauge({ name: "gossip_state_height", help: "Ledger height.", labels: ["channel"] })
      .set(42, { channel: "demo" });
    const duration = metrics.histogram({ name: "gossip_state_commit_duration", help: "Seconds.", labels: ["channel"] });
    duration.observe(0.2, { channel: "demo" });
    const text = await metrics.expose();
    expect(text).toContain(
      "# HELP gossip_comm_messages_sent Envelopes written.\n# TYPE gossip_comm_messages_sent counter\n",
    );
    expect(text).toContain("gossip_comm_messages_sent 3\n");
    expect(text).toContain('gossip_state_height{channel="demo"} 42\n');
    expect(text).toContain('gossip_state_commit_duration_bucket{le="0.1",channel="demo"} 0\n');
    expect(text).toContain('gossip_state_commit_duration_bucket{le="0.25",channel="demo"} 1\n');
    expect(text).toContain('gossip_state_commit_duration_count{channel="demo"} 1\n');
    expect(metrics.contentType).toContain("text/plain");
  });

  it("has Prometheus' default buckets, or those it is given", async () => {
    const metrics = prometheusMetrics();
    metrics.histogram({ name: "a", help: "A." }).observe(1);
    metrics.histogram({ name: "b", help: "B.", buckets: [0.5, 60] }).observe(1);
    const lines = (await metrics.expose()).split("\n");
    const bounds = (name: string) =>
      lines.filter((line) => line.startsWith(`${name}_bucket`)).map((line) => /le="([^"]+)"/.exec(line)?.[1]);
    expect(bounds("a")).toEqual([
      "0.005",
      "0.01",
      "0.025",
      "0.05",
      "0.1",
      "0.25",
      "0.5",
      "1",
      "2.5",
      "5",
      "10",
      "+Inf",
    ]);
    expect(bounds("b")).toEqual(["0.5", "60", "+Inf"]);
  });

  it("gives the same metric when asked for a name again", async () => {
    const metrics = prometheusMetrics();
    metrics.counter({ name: "x", help: "X." }).add(1);
    metrics.counter({ name: "x", help: "X." }).add(1);
    expect(await metrics.expose()).toContain("\nx 2\n");
  });

  it("takes one name for two kinds as a defect", () => {
    const metrics = prometheusMetrics();
    metrics.counter({ name: "x", help: "X." });
    expect(() => metrics.gauge({ name: "x", help: "X." })).toThrow(InvariantError);
  });

  it("keeps the metrics of two peers apart, and tells of the process in both", async () => {
    const [one, two] = [prometheusMetrics(), prometheusMetrics()];
    one.counter({ name: "only_one", help: "One." }).add(1);
    expect(await two.expose()).not.toContain("only_one");
    for (const metrics of [one, two]) expect(await metrics.expose()).toContain("process_cpu_seconds_total");
  });
});
