import type { CommEvent, HandshakeFailure } from "@gossip/comm";
import type { OrgId, PkiId } from "@gossip/proto";
import { type Logger, type WallClock, wallMillis } from "@gossip/runtime";
import type { Refusal } from "./api.js";
import type { GateDrop, GateDropReason } from "./checks.js";
import { hostOf } from "./endpoint.js";
import type { DropLedger } from "./refusals.js";

export interface ReportsOptions {
  readonly drops: DropLedger;
  readonly wall: WallClock;
  readonly log: Logger;
  orgOf(pkiId: PkiId): OrgId | undefined;
  onRefused(refusal: Refusal): void;
}

/** Counts, logs and tells what was dropped or refused by the parts that talk to peers; what repeats itself is logged ever more rarely. */
export class Reports {
  readonly #options: ReportsOptions;

  constructor(options: ReportsOptions) {
    this.#options = options;
  }

  onHandshakeRefused(event: Extract<CommEvent, { readonly type: "handshake-refused" }>): void {
    const { direction, remoteAddress, claimed, org, reason, detail } = event;
    const { drops } = this.#options;
    drops.count("handshake", reason);
    if (isMishap(reason)) return;
    // The port of who dials us is another each time; as a name it would make each refusal the first of its kind.
    const address = direction === "inbound" ? hostOf(remoteAddress) : remoteAddress;
    const from = claimed === "" ? address : claimed;
    this.#refuse({ what: "handshake", from, org, reason, detail });
  }

  onGateDrop({ reason, from, refused, detail, count }: GateDrop): void {
    const { drops, log } = this.#options;
    drops.count("gate", reason, count);
    if (refused !== undefined) {
      return this.#refuse({ what: refused, from: from.pkiId, org: this.#orgOf(from.pkiId), reason, detail });
    }
    const isOurFailure = isOurs(reason) && isLoud(drops.counts.get(`gate/${reason}`) ?? 0);
    log[isOurFailure ? "warn" : "debug"]("dropped", { from: from.pkiId, reason, detail });
  }

  /** `from` is `undefined` for the orderer. */
  onBlockRefused(from: PkiId | undefined, reason: string, detail: string): void {
    const org = from === undefined ? "" : this.#orgOf(from);
    this.#refuse({ what: "block", from: from ?? "orderer", org, reason, detail });
  }

  #refuse(refusal: Omit<Refusal, "count" | "atWallMs">): void {
    const { drops, wall, log, onRefused } = this.#options;
    const counted = drops.refuse({ ...refusal, atWallMs: wallMillis(wall) });
    const { what, ...fields } = counted;
    // Of handshakes comm has told already.
    if (what !== "handshake" && isLoud(counted.count)) log.warn(`${what} refused`, fields);
    onRefused(counted);
  }

  #orgOf(pkiId: PkiId): string {
    return this.#options.orgOf(pkiId) ?? "";
  }
}

/** The first of its kind is for the operator; a flood of the same is for the counter. */
function isLoud(count: number): boolean {
  return (count & (count - 1)) === 0;
}

/** What was not the sender's fault. */
function isOurs(reason: GateDropReason): boolean {
  return reason === "not-stored" || reason === "not-answered";
}

/** A handshake that did not come about, though nobody was found unfit: both dialled at once, one was slow or closing. */
function isMishap(reason: HandshakeFailure): boolean {
  switch (reason) {
    case "handshake-timeout":
    case "stream-ended":
    case "too-many-handshakes":
    case "signing-failed":
    case "probe":
    case "closing":
      return true;
    default:
      return false;
  }
}
