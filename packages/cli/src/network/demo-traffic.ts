import type { Broadcaster } from "@gossip/deliver";
import { type NetworkClient, openClient } from "./client.js";
import type { NetworkFile } from "./network-file.js";

/** More unanswered than this means that the orderer is away; what a demonstration would say meanwhile can be left unsaid. */
const maxUnanswered = 100;

/** A trickle of transactions, so that a network without users has something to show. */
export class DemoTraffic {
  readonly #client: NetworkClient;
  readonly #broadcaster: Broadcaster;
  readonly #timer: NodeJS.Timeout;
  #count = 0;

  private constructor(client: NetworkClient, perSecond: number) {
    this.#client = client;
    this.#broadcaster = client.submitter();
    this.#timer = setInterval(() => this.#submit(), 1_000 / perSecond);
  }

  static async start(dir: string, file: NetworkFile, perSecond: number): Promise<DemoTraffic> {
    return new DemoTraffic(await openClient(dir, file), perSecond);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#broadcaster.close();
  }

  #submit(): void {
    if (this.#broadcaster.pending >= maxUnanswered) return;
    this.#count += 1;
    const text = `demo transaction ${this.#count}, ${new Date().toISOString()}`;
    // The orderer may be away for longer than the connection waits; the next one will tell whether it is back.
    this.#broadcaster.submit(this.#client.transaction(new TextEncoder().encode(text))).catch(() => {});
  }
}
