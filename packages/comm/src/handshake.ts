/**
 * The handshake at the start of every stream (protocol page 03 §3), as a machine.
 *
 * Purpose. Both sides prove who they are: each sends one signed ConnEstablish at once and checks the other's. It binds
 * the identity to the TLS connection by the hash of the sender's TLS leaf certificate, so a captured message is useless
 * elsewhere.
 *
 * Roles and messages. The initiator dialled, the acceptor was dialled; both do the same. With `probe` the initiator only
 * wants to learn who answers: the acceptor then closes the stream and registers nothing.
 *
 * States. Two tracks run side by side, since checking the other side must not delay the own message (§3.6):
 *
 *     ours:    idle → signing → sent
 *     theirs:  waiting → verifying → verifying-secret → admitting → admitted
 *
 * `authenticated` is the output when both have reached their end; `refused` from any state. Both end the machine.
 *
 * Order of checks: type, presence, PKI-ID, own PKI-ID, TLS hash, organization of an unexpected PKI-ID, then the
 * signature (which includes that the identity is valid), and the identity store last, so that a stream which fails puts
 * nothing into it.
 *
 * Timers. One: `timeoutMs` for each of signing, waiting and checking, hence at most three times that in all; once more if
 * we were asleep when it ran out, so that our own pause is not held against the other side.
 *
 * Invariants. Nothing is sent on a secure stream without a remote certificate. `authenticated` is given only for an
 * identity whose key signed exactly the payload in `handshake`.
 *
 * Deviations from the reference: the end of the stream is noticed at once (§14.6); cheap checks come first (§14.17);
 * an identity enters the store only after everything else held; two unknown organizations are not equal (§14.15); a
 * connection to ourselves is refused (§6.2).
 */

import type { RejectReason, Verdict } from "@gossip/crypto";
import {
  type ConnEstablish,
  type Envelope,
  encodeEnvelope,
  encodeMessage,
  type OrgId,
  type PkiId,
  readEnvelope,
  readMessage,
} from "@gossip/proto";
import { type Machine, type Millis, unreachable, type Wake } from "@gossip/runtime";
import { decodeFeatures, encodeFeatures, type Feature } from "./features.js";

/** What the handshake proved about the other side of a stream. Payload and signature are kept: they are its credential for channel policies (page 01 §3.6). */
export interface ConnectionInfo {
  readonly pkiId: PkiId;
  readonly identity: Uint8Array;
  readonly remoteAddress: string;
  /** The remote ConnEstablish payload and its signature. */
  readonly handshake: { readonly payload: Uint8Array; readonly signature: Uint8Array };
  readonly direction: "outbound" | "inbound";
  /** The extensions that the other side understands; none for a stock peer. */
  readonly features: readonly Feature[];
}

/** Why a handshake did not succeed. Closed: it labels a metric. */
export type HandshakeFailure =
  | RejectReason
  | "no-tls-certificate"
  | "tls-hash-mismatch"
  | "handshake-timeout"
  | "not-a-conn-message"
  | "malformed-conn"
  | "stream-ended"
  | "unexpected-pki-id"
  | "self-connection"
  | "too-many-handshakes"
  | "signing-failed"
  | "probe"
  | "closing";

export interface HandshakeOptions {
  readonly direction: "outbound" | "inbound";
  readonly remoteAddress: string;
  /** Whether the transport uses TLS; then the hashes are required. */
  readonly secure: boolean;
  readonly localTlsCertHash: Uint8Array | undefined;
  readonly remoteTlsCertHash: Uint8Array | undefined;
  /** Who we are. */
  readonly self: { readonly pkiId: PkiId; readonly identity: Uint8Array };
  /** Whom we dialled; empty when unknown, and for inbound streams. */
  readonly expected: PkiId;
  /** We only want to know who answers. */
  readonly probe: boolean;
  /** The extensions that we understand. */
  readonly features: readonly Feature[];
  readonly timeoutMs: number;
  /** The PKI-ID of an identity, not validated; `undefined` when it does not decode. */
  pkiIdOf(identity: Uint8Array): PkiId | undefined;
  /** The organization of an identity, not validated. */
  orgOf(identity: Uint8Array): OrgId | undefined;
  /** The organization of a PKI-ID that is in the identity store. */
  orgOfKnown(pkiId: PkiId): OrgId | undefined;
}

export type HandshakeInput =
  /** The stream is open. */
  | { readonly type: "start" }
  | { readonly type: "signed"; readonly signature: Uint8Array }
  | { readonly type: "sign-failed"; readonly detail: string }
  /** The first message of the stream. */
  | { readonly type: "received"; readonly bytes: Uint8Array }
  /** Answer to the last `verify`. */
  | { readonly type: "verified"; readonly verdict: Verdict }
  /** Answer to `admit`. */
  | { readonly type: "admitted"; readonly verdict: Verdict }
  | { readonly type: "stream-end"; readonly detail: string };

export type HandshakeOutput =
  /** Sign this with the own key, answer `signed`. */
  | { readonly type: "sign"; readonly payload: Uint8Array }
  | { readonly type: "send"; readonly bytes: Uint8Array }
  /** Check that the identity is valid and signed the payload, answer `verified`. */
  | {
      readonly type: "verify";
      readonly identity: Uint8Array;
      readonly signature: Uint8Array;
      readonly payload: Uint8Array;
    }
  /** Put the identity into the store, answer `admitted`. */
  | { readonly type: "admit"; readonly pkiId: PkiId; readonly identity: Uint8Array }
  /** `probe`: the other side only asked who we are; close in order and register nothing. */
  | { readonly type: "authenticated"; readonly info: ConnectionInfo; readonly probe: boolean }
  | {
      readonly type: "refused";
      readonly reason: HandshakeFailure;
      readonly detail: string;
      /** What the other side claimed to be, as far as it came; empty if it did not. */
      readonly claimed: PkiId;
      readonly org: string;
    }
  | { readonly type: "dropped"; readonly reason: "second-message" | "handshake-over" };

export class Handshake implements Machine<HandshakeInput, HandshakeOutput> {
  readonly #options: HandshakeOptions;
  #ours: "idle" | "signing" | "sent" = "idle";
  #theirs: "waiting" | "verifying" | "verifying-secret" | "admitting" | "admitted" = "waiting";
  #over = false;
  #hasSlept = false;
  #deadline: Millis = Number.POSITIVE_INFINITY;
  #payload: Uint8Array = new Uint8Array(0);
  #remote: { readonly conn: ConnEstablish; readonly envelope: Envelope } | undefined;

  constructor(options: HandshakeOptions) {
    this.#options = options;
  }

  get deadline(): Millis {
    return this.#deadline;
  }

  step(input: HandshakeInput | Wake, now: Millis): readonly HandshakeOutput[] {
    if (this.#over) return input.type === "received" ? [{ type: "dropped", reason: "handshake-over" }] : [];
    switch (input.type) {
      case "wake":
        return now < this.#deadline ? [] : this.#onDeadline(now);
      case "start":
        return this.#onStart(now);
      case "signed":
        return this.#onSigned(input.signature, now);
      case "sign-failed":
        return [this.#refuse("signing-failed", input.detail)];
      case "received":
        return this.#onReceived(input.bytes, now);
      case "verified":
        return this.#onVerified(input.verdict);
      case "admitted":
        return this.#onAdmitted(input.verdict);
      case "stream-end":
        return [this.#refuse("stream-ended", `the other side ended the stream: ${input.detail}`)];
      default:
        return unreachable(input);
    }
  }

  #onStart(now: Millis): HandshakeOutput[] {
    const { secure, remoteTlsCertHash, localTlsCertHash, self, probe, features } = this.#options;
    if (this.#ours !== "idle") return [];
    if (secure && remoteTlsCertHash === undefined) {
      return [this.#refuse("no-tls-certificate", "expected a TLS certificate of the other side, got none")];
    }
    this.#ours = "signing";
    this.#deadline = now + this.#options.timeoutMs;
    this.#payload = encodeMessage({
      type: "conn",
      nonce: 0n,
      channel: "",
      tag: "empty",
      pkiId: self.pkiId,
      identity: self.identity,
      tlsCertHash: localTlsCertHash ?? new Uint8Array(0),
      probe,
      features: encodeFeatures(features),
    });
    return [{ type: "sign", payload: this.#payload }];
  }

  #onSigned(signature: Uint8Array, now: Millis): HandshakeOutput[] {
    if (this.#ours !== "signing") return [];
    this.#ours = "sent";
    this.#deadline = now + this.#options.timeoutMs;
    const bytes = encodeEnvelope({ payload: this.#payload, signature });
    return [{ type: "send", bytes }, ...this.#finish()];
  }

  #onReceived(bytes: Uint8Array, now: Millis): HandshakeOutput[] {
    if (this.#theirs !== "waiting") return [{ type: "dropped", reason: "second-message" }];
    const envelope = readEnvelope(bytes);
    if (!envelope.ok) return [this.#refuse("malformed-conn", envelope.detail)];
    const message = readMessage(envelope.value.payload);
    if (!message.ok) return [this.#refuse("malformed-conn", message.detail)];
    if (message.value.type !== "conn") {
      return [this.#refuse("not-a-conn-message", `expected a conn message first, got ${message.value.type}`)];
    }
    this.#remote = { conn: message.value, envelope: envelope.value };
    const refusal = this.#checkClaims(message.value, envelope.value);
    if (refusal !== undefined) return [refusal];

    this.#theirs = "verifying";
    this.#deadline = now + this.#options.timeoutMs;
    const { payload, signature } = envelope.value;
    return [{ type: "verify", identity: message.value.identity, signature, payload }];
  }

  /** Everything that costs no signature. That PKI-ID and identity are there is part of decoding (page 01 §12). */
  #checkClaims(conn: ConnEstablish, envelope: Envelope): HandshakeOutput | undefined {
    const { secure, remoteTlsCertHash, direction } = this.#options;
    if (envelope.signature.length === 0) return this.#refuse("unsigned", "expected a signed conn message, got none");
    const proven = this.#options.pkiIdOf(conn.identity);
    if (proven === undefined) {
      return this.#refuse("malformed-identity", `expected an identity that decodes, got ${conn.identity.length} bytes`);
    }
    if (proven !== conn.pkiId) {
      return this.#refuse("pki-id-mismatch", `expected the PKI-ID of its identity, ${proven}, got ${conn.pkiId}`);
    }
    if (secure && !equalBytes(conn.tlsCertHash, remoteTlsCertHash)) {
      return this.#refuse(
        "tls-hash-mismatch",
        `expected the hash of its TLS certificate, ${hex(remoteTlsCertHash)}, got ${hex(conn.tlsCertHash) || "none"}`,
      );
    }
    if (direction === "outbound" && conn.probe) {
      return this.#refuse("probe", "expected a connection, got a probe in answer to our dial");
    }
    return this.#checkExpectation(conn);
  }

  /** A renewed certificate gives a new PKI-ID: allowed within one known organization (§6.4). */
  #checkExpectation(conn: ConnEstablish): HandshakeOutput | undefined {
    const { expected } = this.#options;
    if (expected === "" || expected === conn.pkiId) return undefined;
    const org = this.#options.orgOf(conn.identity);
    const expectedOrg = this.#options.orgOfKnown(expected);
    if (org !== undefined && org !== "" && org === expectedOrg) return undefined;
    return this.#refuse(
      "unexpected-pki-id",
      `expected PKI-ID ${expected} of organization ${expectedOrg ?? "unknown"}, got ${conn.pkiId} of ${org ?? "unknown"}`,
    );
  }

  #onVerified(verdict: Verdict): HandshakeOutput[] {
    const remote = this.#remote;
    if (remote === undefined || (this.#theirs !== "verifying" && this.#theirs !== "verifying-secret")) return [];
    if (!verdict.ok) return [this.#refuse(verdict.reason, verdict.detail)];
    const { identity, pkiId } = remote.conn;
    const { secret } = remote.envelope;
    if (this.#theirs === "verifying" && secret !== undefined) {
      this.#theirs = "verifying-secret";
      return [{ type: "verify", identity, signature: secret.signature, payload: secret.payload }];
    }
    // Believed only when proven: whoever could pretend to be us would make us take former lives of ours for gone.
    if (pkiId === this.#options.self.pkiId) {
      return [this.#refuse("self-connection", "the other side is this node, or one with its identity")];
    }
    this.#theirs = "admitting";
    return [{ type: "admit", pkiId, identity }];
  }

  #onAdmitted(verdict: Verdict): HandshakeOutput[] {
    if (this.#theirs !== "admitting") return [];
    if (!verdict.ok) return [this.#refuse(verdict.reason, verdict.detail)];
    this.#theirs = "admitted";
    return this.#finish();
  }

  #finish(): HandshakeOutput[] {
    if (this.#ours !== "sent" || this.#theirs !== "admitted" || this.#remote === undefined) return [];
    this.#end();
    const { conn, envelope } = this.#remote;
    // Kept as long as the connection, hence copied out of the receive buffer.
    const info: ConnectionInfo = {
      pkiId: conn.pkiId,
      identity: conn.identity.slice(),
      remoteAddress: this.#options.remoteAddress,
      handshake: { payload: envelope.payload.slice(), signature: envelope.signature.slice() },
      direction: this.#options.direction,
      features: decodeFeatures(conn.features),
    };
    return [{ type: "authenticated", info, probe: conn.probe }];
  }

  /** A step far behind the deadline means that we slept: what the other side sent meanwhile is still unread. */
  #onDeadline(now: Millis): HandshakeOutput[] {
    const { timeoutMs } = this.#options;
    if (this.#hasSlept || now - this.#deadline <= timeoutMs / 4) return [this.#onTimeout()];
    this.#hasSlept = true;
    this.#deadline = now + timeoutMs;
    return [];
  }

  #onTimeout(): HandshakeOutput {
    const { timeoutMs } = this.#options;
    if (this.#ours !== "sent") return this.#refuse("handshake-timeout", `no own signature within ${timeoutMs} ms`);
    const awaited = this.#theirs === "waiting" ? "no conn message" : "no verdict on the conn message";
    return this.#refuse("handshake-timeout", `${awaited} within ${timeoutMs} ms`);
  }

  #refuse(reason: HandshakeFailure, detail: string): HandshakeOutput {
    this.#end();
    const conn = this.#remote?.conn;
    const org = conn === undefined ? "" : (this.#options.orgOf(conn.identity) ?? "");
    return { type: "refused", reason, detail, claimed: conn?.pkiId ?? ("" as PkiId), org };
  }

  #end(): void {
    this.#over = true;
    this.#deadline = Number.POSITIVE_INFINITY;
  }
}

function equalBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && a.length === b.length && a.every((byte, at) => byte === b[at]);
}

function hex(bytes: Uint8Array | undefined): string {
  let text = "";
  for (const byte of bytes ?? []) text += byte.toString(16).padStart(2, "0");
  return text;
}
