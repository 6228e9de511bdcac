import type { PkiId } from "@gossip/proto";
import type { Clock, Logger, Timer } from "@gossip/runtime";
import { authenticate, type HandshakeContext, type HandshakeResult } from "./authenticate.js";
import type { ConnectionInfo, HandshakeFailure } from "./handshake.js";
import type { Stream, Transport } from "./ports.js";

/** Who answered at an endpoint, or why nobody did. */
export type ProbeResult =
  | { readonly ok: true; readonly info: ConnectionInfo }
  | { readonly ok: false; readonly reason: HandshakeFailure | "dial-failed"; readonly detail: string };

export interface ProbesOptions {
  readonly transport: Transport;
  readonly context: HandshakeContext;
  readonly clock: Clock;
  readonly dialTimeoutMs: number;
  readonly connTimeoutMs: number;
  /** At one time. */
  readonly maxProbes: number;
  readonly log: Logger;
  onRefused(stream: Stream, refused: Extract<HandshakeResult, { ok: false }>): void;
}

const nobody = "" as PkiId;

/** Where nothing else can be done meanwhile, a slow peer is waited for, by so many times the usual: asking anew costs it more. */
const patience = { dial: 3, handshake: 2 };

/** What ends by itself and leaves no connection behind: handshakes as a probe, pings, and leave-taking (page 03 §10). */
export class Probes {
  readonly #options: ProbesOptions;
  /** What to call to end one at once; its callback is told. */
  readonly #running = new Set<() => void>();
  #isClosed = false;

  constructor(options: ProbesOptions) {
    this.#options = options;
  }

  /**
   * Dials, authenticates and closes; with `keep`, the other side takes it for a connection, and so does whoever is given it.
   * `onResult` is not called from inside the call.
   */
  handshake(
    endpoint: string,
    onResult: (result: ProbeResult) => void,
    keep?: (stream: Stream, result: Extract<HandshakeResult, { ok: true }>) => void,
  ): void {
    const { transport, clock, context, dialTimeoutMs } = this.#options;
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      clock.schedule(clock.now(), () => onResult({ ok: false, ...refusal }));
      return;
    }
    const finish = (result: ProbeResult) => {
      if (this.#running.delete(giveUp)) onResult(result);
    };
    let abandon: (detail: string) => void = () => {};
    const giveUp = () => {
      abandon("closing");
      finish({ ok: false, reason: "closing", detail: "this node is closing" });
    };
    this.#running.add(giveUp);
    const factors = keep === undefined ? { dial: 1, handshake: 1 } : patience;
    const dialling = transport.dial(endpoint, factors.dial * dialTimeoutMs, (dialled) => {
      if (!dialled.ok) return finish({ ok: false, reason: "dial-failed", detail: dialled.detail });
      const { stream } = dialled;
      const timeoutMs = factors.handshake * context.timeoutMs;
      abandon = authenticate(
        stream,
        { ...context, timeoutMs },
        {
          expected: nobody,
          probe: keep === undefined,
          onEstablishSent() {},
          onResult: (result) => {
            if (!result.ok) {
              this.#options.onRefused(stream, result);
              return finish({ ok: false, reason: result.reason, detail: result.detail });
            }
            if (keep === undefined) stream.close();
            else keep(stream, result);
            finish({ ok: true, info: result.info });
          },
        },
      );
    });
    abandon = () => dialling.cancel();
  }

  /** Dials and asks for a sign of life. `onResult` is not called from inside the call. */
  ping(endpoint: string, onResult: (alive: boolean) => void): void {
    const { transport, clock, dialTimeoutMs, connTimeoutMs, log } = this.#options;
    if (this.#refusal() !== undefined) {
      clock.schedule(clock.now(), () => onResult(false));
      return;
    }
    let pinging: Timer | undefined;
    const giveUp = () => {
      pinging?.cancel();
      if (this.#running.delete(giveUp)) onResult(false);
    };
    this.#running.add(giveUp);
    pinging = transport.ping(endpoint, dialTimeoutMs + connTimeoutMs, (result) => {
      if (!result.ok) log.debug("ping failed", { endpoint, detail: result.detail });
      if (this.#running.delete(giveUp)) onResult(result.ok);
    });
  }

  /** Ends a stream that is not wanted any more as a probe ends, which the other side neither registers nor complains of. */
  takeLeave(stream: Stream): void {
    const giveUp = () => {
      this.#running.delete(giveUp);
      abandon("closing");
    };
    this.#running.add(giveUp);
    const abandon = authenticate(stream, this.#options.context, {
      expected: nobody,
      probe: true,
      onEstablishSent() {},
      onResult: (result) => {
        this.#running.delete(giveUp);
        // A failed one is closed already, and nobody was waiting for it.
        if (result.ok) stream.close();
      },
    });
  }

  /** Leaves a dial to come to its end, unless we close before: then `cancel` is called, now if it has come to that. */
  leave(cancel: () => void): void {
    if (this.#isClosed) cancel();
    else this.#running.add(cancel);
  }

  /** A dial that was left has come to its end. */
  forget(cancel: () => void): void {
    this.#running.delete(cancel);
  }

  /** Ends all, and refuses those to come. */
  close(): void {
    this.#isClosed = true;
    for (const giveUp of [...this.#running]) giveUp();
  }

  #refusal(): { readonly reason: HandshakeFailure; readonly detail: string } | undefined {
    if (this.#isClosed) return { reason: "closing", detail: "this node is closing" };
    const { maxProbes } = this.#options;
    if (this.#running.size < maxProbes) return undefined;
    return { reason: "too-many-handshakes", detail: `expected at most ${maxProbes} probes in progress` };
  }
}
