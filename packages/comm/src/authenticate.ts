import type { IdentityStore, MessageCryptoService, SecurityAdvisor, Verdict } from "@gossip/crypto";
import { reject } from "@gossip/crypto";
import type { PkiId } from "@gossip/proto";
import { type Clock, errorText, isPromise, type MaybePromise, run, type WallClock, wallMillis } from "@gossip/runtime";
import { type ConnectionInfo, Handshake, type HandshakeFailure, type HandshakeOutput } from "./handshake.js";
import type { Stream, StreamHandlers } from "./ports.js";

/** What every handshake of a node needs. */
export interface HandshakeContext {
  readonly self: { readonly pkiId: PkiId; readonly identity: Uint8Array };
  readonly secure: boolean;
  readonly timeoutMs: number;
  readonly crypto: MessageCryptoService;
  readonly advisor: SecurityAdvisor;
  readonly identities: IdentityStore;
  readonly clock: Clock;
  readonly wall: WallClock;
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
  const { crypto, advisor, identities, clock, wall } = context;
  let handlers: StreamHandlers | undefined;
  const machine = new Handshake({
    direction: stream.direction,
    remoteAddress: stream.remoteAddress,
    secure: context.secure,
    localTlsCertHash: stream.localTlsCertHash,
    remoteTlsCertHash: stream.remoteTlsCertHash,
    self: context.self,
    expected: options.expected,
    probe: options.probe,
    timeoutMs: context.timeoutMs,
    pkiIdOf: (identity) => crypto.pkiIdOf(identity),
    orgOf: (identity) => advisor.orgOf(identity),
    orgOfKnown: (pkiId) => identities.orgOf(pkiId),
  });
  const running = run(machine, { clock, perform });

  function perform(output: HandshakeOutput): void {
    switch (output.type) {
      case "sign":
        settle(
          () => crypto.sign(output.payload),
          (signature) => running.push({ type: "signed", signature }),
          (error) => running.push({ type: "sign-failed", detail: errorText(error) }),
        );
        return;
      case "send":
        stream.send(output.bytes);
        options.onEstablishSent();
        return;
      case "verify":
        judge(
          () => crypto.verify(output.identity, output.signature, output.payload),
          (verdict) => running.push({ type: "verified", verdict }),
        );
        return;
      case "admit":
        judge(
          () => identities.put(output.pkiId, output.identity, clock.now(), wallMillis(wall)),
          (verdict) => running.push({ type: "admitted", verdict }),
        );
        return;
      case "authenticated": {
        running.close();
        const { info, probe } = output;
        options.onResult({ ok: true, info, probe, attach });
        return;
      }
      case "refused": {
        running.close();
        const { reason, detail, claimed, org } = output;
        stream.close(`${reason}: ${detail}`);
        options.onResult({ ok: false, reason, detail, claimed, org });
        return;
      }
      case "dropped":
        // The stream is paused after its first message, so there is no second one to lose.
        return;
    }
  }

  function attach(next: StreamHandlers): void {
    handlers = next;
    stream.setReading(true);
  }

  stream.start({
    onMessage(bytes) {
      if (handlers !== undefined) return handlers.onMessage(bytes);
      // What follows belongs to whoever takes over, and waits until the handshake has ended.
      stream.setReading(false);
      running.push({ type: "received", bytes });
    },
    onDrain: () => handlers?.onDrain(),
    onEnd(end) {
      if (handlers !== undefined) return handlers.onEnd(end);
      running.push({ type: "stream-end", detail: end.detail });
    },
  });
  running.push({ type: "start" });

  return (detail) => {
    running.close();
    stream.close(detail);
  };
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
