import { GossipError } from "@gossip/runtime";
import type { Ledger } from "@gossip/state";

/** A height without blocks; see `noLedger`. */
export class ToldLedger implements Ledger {
  height: bigint;
  readonly lastHash = new Uint8Array(0);

  constructor(height: bigint) {
    this.height = height;
  }

  /** Nothing comes as far as this. */
  commit(): never {
    throw new GossipError("invalid-argument", "expected a ledger that keeps blocks, got one that is none");
  }

  read(): undefined {
    return undefined;
  }

  close(): void {}
}

/**
 * For joining a channel without keeping its blocks: this node is a member, gossips, and tells the height that its program says
 * (`channel.setHeight`). It takes no block, asks for none, and has none for those who ask. A height that is told sends members
 * that lack blocks here in vain, which costs them a question, so tell one only where clients go by it.
 *
 * @example
 * const channel = await node.join("payments", { ledger: noLedger(), organizations });
 */
export function noLedger(height = 0n): Ledger {
  return new ToldLedger(height);
}
