/** Two peers find each other, and one misses the other: signed membership over authenticated streams, and nothing else. */

import { EventEmitter, once } from "node:events";
import { commDefaults, createComm } from "@gossip/comm";
import { createMemoryNetwork } from "@gossip/comm/testing";
import { Ed25519Crypto, generateKeyPair, IdentityStore, issueIdentity, seal, unsigned } from "@gossip/crypto";
import { Discovery, type DiscoveryOutput, type SelfRecord } from "@gossip/discovery";
import { type Envelope, orgId, type PkiId } from "@gossip/proto";
import { noMetrics, run, silentLogger, systemClock, systemRandom, systemWallClock } from "@gossip/runtime";
import { Gate } from "./gate.js";

const root = generateKeyPair();
const organizations = [{ id: orgId("org1"), rootPublicKey: root.publicKey }];
const network = createMemoryNetwork();
const plain = { nonce: 0n, channel: "", tag: "empty" } as const;

const [alice, bob] = [openPeer("alice"), openPeer("bob")];
const missed = once(bob.events, "member-down");
alice.machine.push({ type: "connect", endpoint: "bob:7051", role: "bootstrap" });
await Promise.all([once(alice.events, "member-up"), once(bob.events, "member-up")]);
await alice.close();
await missed;
await bob.close();

function openPeer(name: string) {
  const { privateKey, publicKey } = generateKeyPair();
  const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 86_400_000 };
  const holder = { org: "org1", name, role: "peer", publicKey, ...validity } as const;
  const identity = issueIdentity({ ...holder, rootPrivateKey: root.privateKey });
  const crypto = new Ed25519Crypto({ identity, privateKey, organizations, wall: systemWallClock });
  const identities = new IdentityStore({ crypto, advisor: crypto, self: identity });
  const comm = createComm({
    identity,
    crypto,
    advisor: crypto,
    identities,
    config: commDefaults,
    clock: systemClock,
    wall: systemWallClock,
    random: systemRandom,
    log: silentLogger,
    metrics: noMetrics,
    // For a real network: await createGrpcTransport({ listen: "0.0.0.0:7051", tls }) of @gossip/comm/grpc.
    transport: network.transport(`${name}:7051`),
    onMessage: (received) => void gate.take(received).finally(() => received.done()),
    onEvent: (event) => event.type === "presumed-dead" && machine.push({ type: event.type, pkiId: event.pkiId }),
  });
  const discovery = new Discovery({
    self: { pkiId: comm.pkiId, endpoint: `${name}:7051`, internalEndpoint: `${name}:7051` },
    incarnation: systemWallClock.nowNanos(),
    random: systemRandom,
    disclosure: () => "public", // everybody may know everybody
    config: { aliveTimeIntervalMs: 500 },
  });
  const machine = run(discovery, { clock: systemClock, perform });
  const gate = new Gate({ crypto, identities, discovery, push: machine.push });
  const events = new EventEmitter();
  return { events, machine, close: () => Promise.all([machine.close(), comm.close()]) };

  /** Does what the machine wants done. */
  async function perform(output: DiscoveryOutput): Promise<void> {
    switch (output.type) {
      case "identify":
        return comm.handshake(output.endpoint, (result) => {
          const { endpoint } = output;
          if (!result.ok) machine.push({ type: "identify-failed", endpoint });
          else machine.push({ type: "identified", endpoint, pkiId: result.info.pkiId, sameOrg: true }); // there is but one
        });
      case "request-membership": {
        const { to, nonce } = output;
        const self = await sign(output.self);
        const request = unsigned({ ...plain, type: "membership-request", nonce, self, known: [] });
        for (const peer of to) comm.send(peer, request);
        return;
      }
      case "respond-membership": {
        const { to, nonce, dead } = output;
        const alive = [...output.alive, await sign(output.self)];
        return comm.send(to, unsigned({ ...plain, type: "membership-response", nonce, alive, dead }));
      }
      case "send-alive":
        return tellAll(await sign(output.self));
      case "forward-alive":
        return tellAll(output.alive.envelope, output.except);
      case "ping": {
        const { pkiId, endpoint } = output;
        return comm.ping(endpoint, (alive) => machine.push({ type: "ping-result", pkiId, alive }));
      }
      case "member-up":
      case "member-down":
        console.log(`${name}: ${output.member.endpoint} is ${output.member.state} (${output.cause})`);
        events.emit(output.type);
    }
  }

  /** Signing is our part, for the machine knows of no keys. */
  async function sign({ member, time }: SelfRecord): Promise<Envelope> {
    return await seal({ ...plain, type: "alive", member, time, identity }, crypto);
  }

  function tellAll(alive: Envelope, except?: PkiId): void {
    for (const member of discovery.members) if (member.pkiId !== except) comm.send(member, alive);
  }
}
