import type { Envelope, GossipMessage } from "@gossip/proto";

declare const verified: unique symbol;

/**
 * A message whose signature was checked, or which needs none because the stream it came on is authenticated.
 * Only `verifyMessage` and `trustStream` make one, so a machine that takes `Verified` cannot be fed anything else.
 */
export interface Verified<M extends GossipMessage> {
  readonly message: M;
  /** The envelope exactly as received: what is stored and forwarded. */
  readonly envelope: Envelope;
  readonly [verified]: true;
}

/** @internal For the gate and for tests: states that `message` was checked. */
export function markVerified<M extends GossipMessage>(message: M, envelope: Envelope): Verified<M> {
  return { message, envelope } as Verified<M>;
}
