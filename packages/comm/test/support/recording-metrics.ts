import type { LabelValues, Metrics } from "@gossip/runtime";

/** Keeps the last or summed value of each metric under `name{label values}`. */
export function recordingMetrics(): Metrics & { readonly values: Map<string, number> } {
  const values = new Map<string, number>();
  const key = (name: string, labels: LabelValues = {}) =>
    [
      name,
      ...Object.keys(labels)
        .sort()
        .map((label) => labels[label]),
    ].join(" ");
  return {
    values,
    counter: ({ name }) => ({
      add: (amount, labels) => values.set(key(name, labels), (values.get(key(name, labels)) ?? 0) + amount),
    }),
    gauge: ({ name }) => ({ set: (value, labels) => values.set(key(name, labels), value) }),
    histogram: ({ name }) => ({ observe: (value, labels) => values.set(key(name, labels), value) }),
  };
}
