import { type PkiId, readInternalEndpoint } from "@gossip/proto";
import { type Random, sample } from "@gossip/runtime";
import { Asked } from "./asked.js";
import type { DiscoveryConfig } from "./config.js";
import type { Disclosure } from "./disclosure.js";
import type { DiscoveryMember, MembershipRequested, RequestTarget } from "./io.js";
import type { MemberTable } from "./members.js";
import type { OwnRecord } from "./own-record.js";
import { Partners } from "./partners.js";
import { viewFor } from "./response.js";
import type { Turn } from "./turn.js";

/** Nonce of every request that is no contact's (page 04 §4.2). */
export const noNonce = 0n;

export interface ExchangeOptions {
  readonly config: DiscoveryConfig;
  readonly random: Random;
  readonly turn: Turn;
  readonly table: MemberTable;
  readonly own: OwnRecord;
  readonly disclosure: Disclosure;
  readonly isLinked: (pkiId: PkiId) => boolean;
}

/** Membership requests, ours and those of others, and which responses are awaited (page 04 §8.3 to §8.5, §10). */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #asked: Asked;
  readonly #partners: Partners;
  /** Where the next response begins, for views larger than one. */
  #cursor = 0;

  constructor(options: ExchangeOptions) {
    const { maxMembers, maxContacts } = options.config;
    this.#options = options;
    this.#asked = new Asked(maxMembers + maxContacts);
    this.#partners = new Partners(options.random);
  }

  /** Whether a response from this peer with this nonce is waited for. */
  awaits(from: PkiId, nonce: bigint): boolean {
    return this.#asked.has(from, nonce);
  }

  /** The same, and uses up the request; false too when it comes too late. */
  take(from: PkiId, nonce: bigint): boolean {
    return this.#asked.take(from, nonce, this.#options.turn.now);
  }

  request(to: readonly RequestTarget[], nonce: bigint): void {
    const { turn, config, own } = this.#options;
    for (const { pkiId } of to) this.#asked.add(pkiId, nonce, turn.now + config.responseTimeoutMs);
    turn.say({ type: "request-membership", to, nonce, self: own.next() });
  }

  /**
   * Asks some alive members for their view: those that may learn of us (§19.14). One is whoever's turn it is (§19.12), the
   * others need no dial, if there are enough of these. In haste it is a single one that needs no dial, if there is one.
   */
  askSome(isInHaste: boolean): void {
    const { table, random, isLinked } = this.#options;
    const eligible = table.alive.filter((member) => this.targetOf(member) !== undefined);
    const atHand = (member: DiscoveryMember) => isLinked(member.pkiId);
    const single = isInHaste ? sample(random, eligible, 1, atHand) : [];
    const partners = single.length > 0 ? single : this.#inTurn(eligible, atHand);
    const to = partners.flatMap((member) => this.targetOf(member) ?? []);
    if (to.length > 0) this.request(to, noNonce);
  }

  #inTurn(
    eligible: readonly DiscoveryMember[],
    atHand: (member: DiscoveryMember) => boolean,
  ): readonly DiscoveryMember[] {
    const { config, random } = this.#options;
    if (eligible.filter(atHand).length < config.pullPeerNum) return this.#partners.next(eligible, config.pullPeerNum);
    const [first] = this.#partners.next(eligible, 1);
    const others = sample(random, eligible, config.pullPeerNum - 1, (member) => member !== first && atHand(member));
    return first === undefined ? others : [first, ...others];
  }

  /** A member as a receiver of our information; `undefined` when it may not learn of us. */
  targetOf(member: DiscoveryMember): RequestTarget | undefined {
    const { disclosure, own } = this.#options;
    const disclosed = disclosure(member, own.member);
    if (disclosed === "nothing") return undefined;
    return { pkiId: member.pkiId, endpoint: member.preferredEndpoint, includeSecret: disclosed === "all" };
  }

  /** Answers a request; what it shows of its sender was taken already, whether it was news or not (§8.3, §8.4). */
  respond({ from, nonce, self }: MembershipRequested): void {
    const { turn, config, table, own, disclosure } = this.#options;
    const { member } = self.message;
    const disclosed = disclosure(member, own.member);
    if (disclosed === "nothing") {
      turn.drop("undisclosed", from);
      turn.say({ type: "disconnect", pkiId: from, reason: "undisclosed" });
      return;
    }
    const secret = self.envelope.secret && readInternalEndpoint(self.envelope.secret.payload);
    const view = viewFor({ table, target: member, disclosure, config, cursor: this.#cursor, now: turn.now });
    this.#cursor += view.visited;
    turn.say({
      type: "respond-membership",
      to: { pkiId: from, endpoint: secret || table.get(from)?.preferredEndpoint || member.endpoint },
      nonce,
      alive: view.alive,
      dead: view.dead,
      self: own.next(),
      includeSecret: disclosed === "all",
    });
  }
}
