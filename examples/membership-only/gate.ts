import type { Received } from "@gossip/comm";
import { type IdentityStore, type MessageCryptoService, type Verified, verifyMessage } from "@gossip/crypto";
import type { AlivePath, Discovery, DiscoveryInput } from "@gossip/discovery";
import { type AliveMessage, type Envelope, readEnvelope, readMessage } from "@gossip/proto";
import { systemClock, systemWallClock, wallMillis } from "@gossip/runtime";

export interface GateOptions {
  readonly crypto: MessageCryptoService;
  readonly identities: IdentityStore;
  readonly discovery: Discovery;
  push(input: DiscoveryInput): void;
}

/** The only way in: nothing reaches the machine that does not decode, is not wanted, or is not verified. */
export class Gate {
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  async take({ from: { pkiId: from }, bytes }: Received): Promise<void> {
    const { discovery, push } = this.#options;
    const envelope = readEnvelope(bytes);
    const message = envelope.ok ? readMessage(envelope.value.payload) : envelope;
    if (!envelope.ok || !message.ok) return;
    switch (message.value.type) {
      case "alive":
        for (const alive of await this.#verified([envelope.value], "push")) push({ type: "alive", from, alive });
        return;
      case "membership-request": {
        const { type, nonce } = message.value;
        for (const self of await this.#verified([message.value.self], "request")) push({ type, from, nonce, self });
        return;
      }
      case "membership-response": {
        const { type, nonce } = message.value;
        if (!discovery.wantsResponse(from, nonce)) return;
        const alive = await this.#verified(message.value.alive, "alive-entry");
        const dead = await this.#verified(message.value.dead, "dead-entry");
        return push({ type, from, nonce, alive, dead });
      }
    }
  }

  async #verified(envelopes: readonly Envelope[], path: AlivePath): Promise<Verified<AliveMessage>[]> {
    const { crypto, identities, discovery } = this.#options;
    const found: Verified<AliveMessage>[] = [];
    for (const envelope of envelopes) {
      const message = readMessage(envelope.payload);
      if (!message.ok || message.value.type !== "alive" || !discovery.wants(message.value, path)) continue;
      // The identity comes along. It is kept if an organization that we trust vouches for it, and the signature must be its.
      const { member, identity } = message.value;
      const known = await identities.put(member.pkiId, identity, systemClock.now(), wallMillis(systemWallClock));
      const result = known.ok ? await verifyMessage(message.value, envelope, identity, crypto) : known;
      if (result.ok) found.push(result.verified);
    }
    return found;
  }
}
