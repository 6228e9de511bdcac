import type { IdentityStore, MessageCryptoService, SecurityAdvisor, Verdict } from "@gossip/crypto";
import { reject } from "@gossip/crypto";
import type { PkiId } from "@gossip/proto";
import {
  type Clock,
  errorText,
  isPromise,
  type MaybePromise,
  type Run,
  run,
  type WallClock,
  wallMillis,
} from "@gossip/runtime";
import type { Feature } from "./features.js";
import {
  type ConnectionInfo,
  Handshake,
  type HandshakeFailure,
  type HandshakeInput,
  type HandshakeOutput,
} from "./handshake.js";
import type { Stream, StreamEnd, StreamHandlers } from "./ports.js";

/** What every handshake of a node needs. */
export interface HandshakeContext {
  readonly self: { readonly pkiId: PkiId; readonly identity: Uint8Array };
  readonly secure: boolean;
  /** The extensions that this node understands. */
  readonly features: readonly Feature[];
  readonly timeoutMs: number;
  readonly crypto: MessageCryptoService;
  readonly advisor: SecurityAdvisor;
  readonly identities: IdentityStore;
  readonly clock: Clock;
  readonly wall: WallClock;
  /** A defect was met; this handshake has stopped. */
  readonly onFault?: (error: unknown) => void;
}

export type HandshakeResult =
  | {
      readonly ok: true;
      readonly info: ConnectionInfo;
      /** The other side only asked who we are. */
      readonly probe: boolean;
      /** Takes over the stream: messages after the handshake go to these handlers. To be called at once, or the stream closed. */
      attach(handlers: StreamHandlers): void;
    }
  | {
      readonly ok: false;
      readonly reason: HandshakeFailure;
      readonly detail: string;
      readonly claimed: PkiId;
      readonly org: string;
    };

export interface AuthenticateOptions {
  /** Whom we dialled; empty when unknown, and for inbound streams. */
  readonly expected: PkiId;
  readonly probe: boolean;
  /** Our ConnEstablish was handed to the stream. */
  onEstablishSent(): void;
  /** Called once, unless cancelled. On failure the stream is closed already. */
  onResult(result: HandshakeResult): void;
}

/**
 * Runs the handshake on a fresh stream, with cryptography that may be asynchronous.
 * The returned function gives it up: the stream is closed with that text and `onResult` is not called.
 */
export function authenticate(
  stream: Stream,
  context: HandshakeContext,
  options: AuthenticateOptions,
): (detail: string) => void {
  const running = new RunningHandshake(stream, context, options);
  running.start();
  return (detail) => running.cancel(detail);
}

class RunningHandshake {
  readonly #stream: Stream;
  readonly #context: HandshakeContext;
  readonly #options: AuthenticateOptions;
  readonly #run: Run<HandshakeInput>;
  /** Who has taken over the stream. */
  #next: StreamHandlers | undefined;

  constructor(stream: Stream, context: HandshakeContext, options: AuthenticateOptions) {
    const { crypto, advisor, identities, clock, self, secure, features, timeoutMs } = context;
    this.#stream = stream;
    this.#context = context;
    this.#options = options;
    const machine = new Handshake({
      direction: stream.direction,
      remoteAddress: stream.remoteAddress,
      secure,
      localTlsCertHash: stream.localTlsCertHash,
      remoteTlsCertHash: stream.remoteTlsCertHash,
      self,
      expected: options.expected,
      probe: options.probe,
      features,
      timeoutMs,
      pkiIdOf: (identity) => crypto.pkiIdOf(identity),
      orgOf: (identity) => advisor.orgOf(identity),
      orgOfKnown: (pkiId) => identities.orgOf(pkiId),
    });
    this.#run = run(machine, {
      clock,
      perform: (output) => this.#perform(output),
      ...(context.onFault === undefined ? {} : { onFault: context.onFault }),
    });
  }

  start(): void {
    this.#stream.start({
      onMessage: (bytes) => this.#onMessage(bytes),
      onDrain: () => this.#next?.onDrain(),
      onEnd: (end) => this.#onEnd(end),
    });
    this.#run.push({ type: "start" });
  }

  cancel(detail: string): void {
    this.#run.close();
    this.#stream.close(detail);
  }

  #onMessage(bytes: Uint8Array): void {
    if (this.#next !== undefined) return this.#next.onMessage(bytes);
    // What follows belongs to whoever takes over, and waits until the handshake has ended.
    this.#stream.setReading(false);
    this.#run.push({ type: "received", bytes });
  }

  #onEnd(end: StreamEnd): void {
    if (this.#next !== undefined) return this.#next.onEnd(end);
    this.#run.push({ type: "stream-end", detail: end.detail });
  }

  #perform(output: HandshakeOutput): void {
    const { crypto, identities, clock, wall } = this.#context;
    switch (output.type) {
      case "sign":
        settle(
          () => crypto.sign(output.payload),
          (signature) => this.#run.push({ type: "signed", signature }),
          (error) => this.#run.push({ type: "sign-failed", detail: errorText(error) }),
        );
        return;
      case "send":
        this.#stream.send(output.bytes);
        this.#options.onEstablishSent();
        return;
      case "verify":
        judge(
          () => crypto.verify(output.identity, output.signature, output.payload),
          (verdict) => this.#run.push({ type: "verified", verdict }),
        );
        return;
      case "admit":
        judge(
          () => identities.put(output.pkiId, output.identity, clock.now(), wallMillis(wall)),
          (verdict) => this.#run.push({ type: "admitted", verdict }),
        );
        return;
      case "dropped":
        // The stream is paused after its first message, so there is no second one to lose.
        return;
      default:
        return this.#finish(output);
    }
  }

  #finish(output: Extract<HandshakeOutput, { type: "authenticated" | "refused" }>): void {
    this.#run.close();
    if (output.type === "authenticated") {
      const { info, probe } = output;
      this.#options.onResult({ ok: true, info, probe, attach: (handlers) => this.#attach(handlers) });
      return;
    }
    const { reason, detail, claimed, org } = output;
    this.#stream.close(`${reason}: ${detail}`);
    this.#options.onResult({ ok: false, reason, detail, claimed, org });
  }

  #attach(handlers: StreamHandlers): void {
    this.#next = handlers;
    this.#stream.setReading(true);
  }
}

/** As `settle`, for verdicts: cryptography that breaks its duty and throws refuses, and does no more harm. */
function judge(ask: () => MaybePromise<Verdict>, use: (verdict: Verdict) => void): void {
  settle(ask, use, (error) => use(reject("untrusted-identity", `the check itself failed: ${errorText(error)}`)));
}

/** Calls `use` at once when the value is there, later when it is promised; `failed` if it throws or rejects. */
function settle<T>(ask: () => MaybePromise<T>, use: (value: T) => void, failed: (error: unknown) => void): void {
  let value: MaybePromise<T>;
  try {
    value = ask();
  } catch (error) {
    return failed(error);
  }
  if (isPromise(value)) value.then(use, failed);
  else use(value);
}
