import type { Clock, Timer } from "@gossip/runtime";
import type { Trust } from "./trust.js";

/** What the watch does, and how often it looks. */
export interface TrustWatchOptions {
  readonly trust: Pick<Trust, "refresh">;
  readonly clock: Clock;
  /** Pause between two looks, in milliseconds. */
  readonly intervalMs: number;
  /** The files say something else. `changed`: and it is in force now; `refused`: it cannot be, and a warning says why. */
  onNews(news: "changed" | "refused"): Promise<void>;
  /** Looking failed, which is a defect; it goes on all the same. */
  onFault(error: unknown): void;
}

/** Asks trust again and again whether its files have changed; one question at a time. */
export class TrustWatch {
  readonly #options: TrustWatchOptions;
  #timer: Timer | undefined;
  #isClosed = false;
  #looking: Promise<void> | undefined;

  constructor(options: TrustWatchOptions) {
    this.#options = options;
    this.#arm();
  }

  /** Ends it; resolves when nothing is under way any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  #arm(): void {
    const { clock, intervalMs } = this.#options;
    if (this.#isClosed) return;
    this.#timer = clock.schedule(clock.now() + intervalMs, () => {
      this.#looking = this.#look()
        .catch((error) => this.#options.onFault(error))
        .finally(() => this.#arm());
    });
  }

  async #look(): Promise<void> {
    const { trust, onNews } = this.#options;
    const news = await trust.refresh();
    if (news !== "same" && !this.#isClosed) await onNews(news);
  }
}
