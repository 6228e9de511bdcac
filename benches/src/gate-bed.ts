import type { ConnectionInfo } from "@gossip/comm";
import { type Ed25519Crypto, IdentityStore } from "@gossip/crypto";
import { Discovery } from "@gossip/discovery";
import type { Envelope } from "@gossip/proto";
import { ItemStore, Pull } from "@gossip/pull";
import { run, seededRandom, systemClock, systemWallClock } from "@gossip/runtime";
import { gossipDefaults } from "../../packages/node/src/config.js";
// The gate is not public: programs have no use for it apart from its node.
import { Gate } from "../../packages/node/src/gate.js";

/** A gate with real machines behind it, and nothing in front of it but bytes. */
export class GateBed {
  readonly #gate: Gate;
  readonly #from: ConnectionInfo;
  readonly #discovery: Discovery;

  constructor(crypto: Ed25519Crypto, identity: Uint8Array) {
    const random = seededRandom(1);
    const identities = new IdentityStore({ crypto, advisor: crypto, self: identity });
    this.#discovery = new Discovery({
      self: { pkiId: identities.selfPkiId, internalEndpoint: "bench:7051" },
      incarnation: 1n,
      random,
    });
    const pull = new Pull<Envelope>({ items: new ItemStore<Envelope>({ bytesOf: () => 1 }), peers: () => [], random });
    const toDiscovery = run(this.#discovery, { clock: systemClock, perform: () => {} });
    const toPull = run(pull, { clock: systemClock, perform: () => {} });
    const empty = new Uint8Array(0);
    this.#from = {
      pkiId: identities.selfPkiId,
      identity,
      remoteAddress: "bench",
      handshake: { payload: empty, signature: empty },
      direction: "inbound",
      features: [],
    };
    this.#gate = new Gate({
      crypto,
      identities,
      clock: systemClock,
      wall: systemWallClock,
      config: gossipDefaults,
      discovery: this.#discovery,
      pull,
      channels: new Map(),
      applications: { isOn: false, wants: () => false, onGossiped() {}, onDirect() {} },
      toDiscovery: (input) => toDiscovery.push(input),
      toPull: (input) => toPull.push(input),
      relayStateInfo() {},
      onDropped() {},
      onFault(error) {
        throw error;
      },
    });
  }

  take(bytes: Uint8Array): void {
    this.#gate.take({ from: this.#from, bytes, respond() {}, done() {} });
  }

  get members(): number {
    return this.#discovery.members.length;
  }
}
