import type { Clock, LogFields, Logger, Metrics, Millis } from "@gossip/runtime";
import type { LeftOutReason } from "./answering.js";
import type { RefusalReason, Usage } from "./usage.js";

export interface CountersOptions {
  readonly channel: string;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One line per reason in this time; what a hostile peer can cause as often as it likes must not fill the log. */
const noticeIntervalMs = 60_000;

/** The metrics and the log of a channel's private data. Reasons are closed sets, so there are few series and few notices. */
export class Counters {
  readonly #labels: { readonly channel: string };
  readonly #options: CountersOptions;
  readonly #metrics: ReturnType<typeof metricsOf>;
  readonly #notices = new Map<string, { readonly at: Millis; unsaid: number }>();

  constructor(options: CountersOptions) {
    this.#options = options;
    this.#labels = { channel: options.channel };
    this.#metrics = metricsOf(options.metrics);
  }

  stored(isKnown: boolean): void {
    this.#metrics.stored.add(1, { ...this.#labels, repeated: `${isKnown}` });
  }

  refused(reason: RefusalReason, detail: string, fields: LogFields): void {
    this.#metrics.refused.add(1, { ...this.#labels, reason });
    this.#notice("pushed private data refused", reason, { ...fields, reason, detail });
  }

  answered(elements: number): void {
    this.#metrics.answered.add(elements, this.#labels);
  }

  leftOut(reason: LeftOutReason | "busy", count: number, fields: LogFields): void {
    this.#metrics.leftOut.add(count, { ...this.#labels, reason });
    // That a peer asks for what we do not have is daily life; that it gets less than we have is worth a word.
    if (worthAWord.has(reason)) this.#notice("answer about private data cut", reason, { ...fields, reason, count });
  }

  retrieved(elapsedMs: Millis): void {
    this.#metrics.retrieveSeconds.observe(elapsedMs / 1000, this.#labels);
  }

  purged(records: number, elapsedMs: Millis): void {
    this.#metrics.purgeSeconds.observe(elapsedMs / 1000, this.#labels);
    this.#metrics.purged.add(records, this.#labels);
  }

  usage({ records, bytes }: Usage): void {
    this.#metrics.records.set(records, this.#labels);
    this.#metrics.bytes.set(bytes, this.#labels);
  }

  #notice(message: string, reason: string, fields: LogFields): void {
    const now = this.#options.clock.now();
    const last = this.#notices.get(reason);
    if (last !== undefined && now < last.at + noticeIntervalMs) {
      last.unsaid++;
      return;
    }
    const before = last === undefined || last.unsaid === 0 ? {} : { andBefore: last.unsaid };
    this.#notices.set(reason, { at: now, unsaid: 0 });
    this.#options.log.warn(message, { ...this.#labels, ...fields, ...before });
  }
}

const worthAWord: ReadonlySet<string> = new Set(["too-many", "too-large", "unreadable", "busy"]);

function metricsOf(metrics: Metrics) {
  const labels = ["channel"];
  return {
    stored: metrics.counter({
      name: "gossip_privdata_sets_stored",
      help: "Pushed sets of private data acknowledged; repeated when the same one was held already",
      labels: ["channel", "repeated"],
    }),
    refused: metrics.counter({
      name: "gossip_privdata_sets_refused",
      help: "Pushed sets of private data not kept",
      labels: ["channel", "reason"],
    }),
    purged: metrics.counter({
      name: "gossip_privdata_sets_purged",
      help: "Sets of private data removed after their retention",
      labels,
    }),
    answered: metrics.counter({
      name: "gossip_privdata_digests_answered",
      help: "Digests of private data answered with at least one set",
      labels,
    }),
    leftOut: metrics.counter({
      name: "gossip_privdata_digests_left_out",
      help: "Digests of private data not answered, or not with all that is held",
      labels: ["channel", "reason"],
    }),
    records: metrics.gauge({ name: "gossip_privdata_records", help: "Sets of private data held", labels }),
    bytes: metrics.gauge({ name: "gossip_privdata_bytes", help: "Bytes that they count for", labels }),
    retrieveSeconds: metrics.histogram({
      name: "gossip_privdata_retrieve_duration",
      help: "Seconds to look up the requested private data of one block",
      labels,
    }),
    purgeSeconds: metrics.histogram({
      name: "gossip_privdata_purge_duration",
      help: "Seconds of one purge of private data",
      labels,
    }),
  };
}
