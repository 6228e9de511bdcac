import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Deliver } from "@gossip/deliver";
import { GossipError, systemRandom } from "@gossip/runtime";
import { describeError } from "../errors.js";
import { readLines } from "../lines.js";
import { type NetworkClient, openClient } from "./client.js";
import { defaultShape, type NetworkShape } from "./defaults.js";
import { portCount, requireShape } from "./layout.js";
import { digestLedger } from "./ledger-digest.js";
import type { NetworkFile, PeerEntry } from "./network-file.js";
import { fetchChannel } from "./operations.js";
import { networkPaths } from "./paths.js";
import { findFreePorts } from "./ports.js";
import { type RunningNetwork, startNetwork } from "./start.js";
import { type Submission, submitAll } from "./submit.js";

/** What a run takes: a network is made for it, fed with the input, compared peer by peer and stopped. */
export interface RunNetworkOptions {
  /** Bytes; each line of them becomes one transaction. */
  readonly input: AsyncIterable<Uint8Array>;
  /** @default two organizations of three peers on the channel `demo` */
  readonly shape?: Partial<NetworkShape> | undefined;
  /** Keeps the folder with ledgers and logs; it is kept after a failure in any case, and named in the error. */
  readonly keep?: boolean | undefined;
  /** Told a few times per second how far the run is. */
  readonly onProgress?: ((progress: RunProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How far a run is, for the progress line; the two counts are apart by what is still on its way. */
export interface RunProgress {
  readonly step: "starting" | "running" | "reading ledgers";
  /** Transactions handed to the orderer. */
  readonly submitted: number;
  /** Transactions that every peer has on its disk. */
  readonly committed: number;
}

/** What a run gave; what `gossip network run --json` prints. */
export interface RunResult {
  readonly input: { readonly transactions: number; readonly sha256: string };
  readonly peers: readonly RunPeer[];
  /** Blocks that the transactions were ordered into. A ledger holds one more, the genesis block. */
  readonly blocks: number;
  /** From the first line read to the last commit. */
  readonly seconds: number;
}

/** A peer's ledger, as read from its disk after the peer had stopped. */
export interface RunPeer {
  readonly name: string;
  readonly org: string;
  readonly endpoint: string;
  readonly height: number;
  readonly transactions: number;
  readonly sha256: string;
}

/** While transactions are on their way, peers have better things to do than to answer; the last block is waited for eagerly. */
const pollMs = { busy: 500, last: 100 } as const;
/** Without a step forward for so long, a run will not end by itself. */
const stallMs = 120_000;

/**
 * Runs a network of processes on free ports in a temporary folder until every peer has committed every line of the input,
 * stops it, and reads every ledger from disk.
 *
 * @throws GossipError `invalid-argument` (the shape), `too-large` (a line), `unavailable` (a process ended), `timeout` (no
 * progress)
 */
export async function runNetwork(options: RunNetworkOptions): Promise<RunResult> {
  requireShape({ ...defaultShape, ...options.shape });
  const dir = await mkdtemp(join(tmpdir(), "gossip-"));
  try {
    const result = await runIn(dir, options);
    if (options.keep !== true) await rm(dir, { recursive: true, force: true });
    return result;
  } catch (error) {
    const isWanted = options.signal?.aborted === true && options.keep !== true;
    const isInput = error instanceof GossipError && ["too-large", "invalid-argument"].includes(error.code);
    if (!isWanted && !isInput) throw keptAt(dir, error);
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

/** The error, with where a person can look for its cause. */
function keptAt(dir: string, error: unknown): GossipError {
  const code = error instanceof GossipError ? error.code : "storage";
  return new GossipError(code, `${describeError(error)}; logs and ledgers are kept in ${dir}`, { cause: error });
}

async function runIn(dir: string, options: RunNetworkOptions): Promise<RunResult> {
  const shape: NetworkShape = { ...defaultShape, ...options.shape };
  const tell = (step: RunProgress["step"], submitted: number, committed: number) =>
    options.onProgress?.({ step, submitted, committed });
  tell("starting", 0, 0);
  let onLost: (error: unknown) => void = () => {};
  const lost = new Promise<never>((_, reject) => {
    onLost = reject;
  });
  lost.catch(() => {});
  const network = await startNetwork({
    ...shape,
    dir,
    basePort: await findFreePorts(portCount(shape), systemRandom),
    onEnded: ({ name, how }) =>
      onLost(new GossipError("unavailable", `expected ${name} to run until the end, it ${how}`)),
    signal: options.signal,
  });
  try {
    options.signal?.addEventListener("abort", () => onLost(options.signal?.reason), { once: true });
    options.signal?.throwIfAborted();
    const file = await network.file();
    const run = new Run(await openClient(dir, file), file);
    const done = await Promise.race([run.all(options.input, (s, c) => tell("running", s, c)), lost]).finally(() =>
      run.close(),
    );
    tell("reading ledgers", done.submission.transactions, done.submission.transactions);
    return await resultOf(network, run.file, done);
  } catch (error) {
    // What comes of closing is not why the run failed.
    await network.close().catch(() => {});
    throw error;
  }
}

interface RunDone {
  readonly submission: Submission;
  readonly blocks: number;
  readonly seconds: number;
}

/** Submitting, and watching the channel at its source and at every peer. */
class Run {
  readonly file: NetworkFile;
  readonly #client: NetworkClient;
  readonly #follower: Deliver;
  readonly #broadcaster;
  readonly #progress = { submitted: 0, acknowledged: 0 };
  /** Transactions in the chain up to and with each block, for blocks that some peer still lacks. */
  readonly #totals = new Map<number, number>([[0, 0]]);
  #ordered = { height: 1, transactions: 0 };
  #committedHeight = 1;
  #isClosed = false;

  constructor(client: NetworkClient, file: NetworkFile) {
    this.file = file;
    this.#client = client;
    this.#broadcaster = client.submitter();
    this.#follower = client.follow(({ number, transactions }) => {
      this.#ordered = { height: Number(number) + 1, transactions: this.#ordered.transactions + transactions };
      this.#totals.set(Number(number), this.#ordered.transactions);
    });
  }

  async all(
    input: AsyncIterable<Uint8Array>,
    onProgress: (submitted: number, committed: number) => void,
  ): Promise<RunDone> {
    const began = performance.now();
    const lines = readLines(input, { maxLineBytes: this.#client.maxDataBytes });
    const submitting = submitAll(lines, this.#client, this.#broadcaster, this.#progress);
    const report = () => onProgress(this.#progress.submitted, this.#committed());
    const watching = new AbortController();
    try {
      const [submission] = await Promise.all([submitting, this.#untilCommitted(submitting, report, watching.signal)]);
      return { submission, blocks: this.#ordered.height - 1, seconds: (performance.now() - began) / 1000 };
    } finally {
      watching.abort();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#broadcaster.close(), this.#follower.stop()]);
  }

  /** Resolves when every peer has every transaction; a submission that fails ends the wait too. */
  async #untilCommitted(submitting: Promise<Submission>, report: () => void, signal: AbortSignal): Promise<void> {
    let total: number | undefined;
    let isOver = false;
    submitting.then(
      ({ transactions }) => {
        total = transactions;
      },
      () => {
        isOver = true;
      },
    );
    let [seen, stalledMs] = ["", 0];
    while (!isOver && !this.#isClosed && !signal.aborted) {
      const { transactions } = this.#ordered;
      const lagging = await this.#poll();
      report();
      if (total !== undefined && transactions >= total && lagging.length === 0) return;
      const now = `${this.#progress.submitted} ${this.#progress.acknowledged} ${this.#ordered.transactions} ${this.#committedHeight}`;
      const pauseMs = total !== undefined && this.#ordered.transactions >= total ? pollMs.last : pollMs.busy;
      stalledMs = now === seen ? stalledMs + pauseMs : 0;
      seen = now;
      // An input that pauses is no stall; what was given and does not get through is.
      if (stalledMs > stallMs && this.#committed() < this.#progress.submitted) throw this.#stalled(lagging);
      await delay(pauseMs);
    }
  }

  /** Asks every peer for its height. @returns names of those behind what the orderer had before they were asked */
  async #poll(): Promise<readonly string[]> {
    const target = this.#ordered.height;
    const heights = await Promise.all(this.file.peers.map((peer) => this.#heightOf(peer)));
    const lowest = Math.min(target, ...heights);
    for (let block = this.#committedHeight - 1; block < lowest - 1; block++) this.#totals.delete(block);
    this.#committedHeight = lowest;
    return this.file.peers.filter((_, index) => (heights[index] ?? 0) < target).map(({ name }) => name);
  }

  async #heightOf({ operations }: PeerEntry): Promise<number> {
    // One that is too busy to answer has at least what all had before.
    const view = await fetchChannel(operations, this.#client.channel).catch(() => undefined);
    return view === undefined ? this.#committedHeight : Number(view.height);
  }

  #committed(): number {
    return this.#totals.get(this.#committedHeight - 1) ?? 0;
  }

  #stalled(lagging: readonly string[]): GossipError {
    const { submitted, acknowledged } = this.#progress;
    const where =
      lagging.length === 0 ? `the orderer acknowledged ${acknowledged}` : `${lagging.join(", ")} lag behind`;
    return new GossipError(
      "timeout",
      `expected all ${submitted} transactions to be committed everywhere, nothing moved for ${stallMs / 1000} s: ${where}`,
    );
  }
}

async function resultOf(network: RunningNetwork, file: NetworkFile, done: RunDone): Promise<RunResult> {
  await network.close();
  const paths = networkPaths(network.dir);
  const peers: RunPeer[] = [];
  for (const { name, org, endpoint } of file.peers) {
    const digest = await digestLedger(paths.member("peer", name).data, file.channels[0] ?? "");
    peers.push({ name, org, endpoint, ...digest });
  }
  const { transactions, sha256 } = done.submission;
  return {
    input: { transactions, sha256 },
    peers,
    blocks: done.blocks,
    seconds: Math.round(done.seconds * 1000) / 1000,
  };
}

/** The first peer whose ledger is not the input, in words; `undefined` when there is none. */
export function firstDifference({ input, peers }: RunResult): string | undefined {
  for (const { name, transactions, sha256 } of peers) {
    if (transactions === input.transactions && sha256 === input.sha256) continue;
    return `expected ${name} to hold the ${input.transactions} transactions of the input with SHA-256 ${input.sha256}, it holds ${transactions} with ${sha256}`;
  }
  return undefined;
}
