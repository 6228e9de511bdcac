import type { Comm, RemotePeer } from "@gossip/comm";
import type { Verified } from "@gossip/crypto";
import type { ContactChanged, DiscoveryInput, DiscoveryMember, DiscoveryOutput, MemberDown } from "@gossip/discovery";
import type { AliveMessage, Envelope, PkiId } from "@gossip/proto";
import type { ItemStore, PullInput, PullOutput } from "@gossip/pull";
import { type Millis, whenDone } from "@gossip/runtime";
import type { EmitterOutput } from "./emitter.js";
import type { Exit } from "./exit.js";
import { type Emission, type RoutingView, routeBurst, withoutSecret } from "./routing.js";

/** For each output of a machine, what becomes of it. */
type Table<Output extends { readonly type: string }> = {
  readonly [T in Output["type"]]: (output: Extract<Output, { readonly type: T }>) => void;
};

/** What the tables connect: the ways out, and what the node does that is no message. */
export interface Routed {
  readonly comm: Comm;
  readonly exit: Exit;
  readonly identityItems: ItemStore<Envelope>;
  readonly routing: RoutingView;
  toDiscovery(input: DiscoveryInput): void;
  toPull(input: PullInput<Envelope>): void;
  /** Where a member is dialled; an existing connection is used whatever this says. */
  address(pkiId: PkiId): RemotePeer;
  emitAlive(alive: Verified<AliveMessage>, except: PkiId | undefined, waitMs: Millis): void;
  identify(endpoint: string): void;
  verifyEndpoint(endpoint: string, older: readonly PkiId[]): void;
  onMemberUp(member: DiscoveryMember): void;
  onMemberDown(member: DiscoveryMember, cause: MemberDown["cause"]): void;
  onMembersChanged(): void;
  onContact(contact: ContactChanged): void;
  onIdentityConflict(endpoint: string): void;
  onOverslept(sleptMs: number): void;
  count(layer: "discovery" | "pull" | "emitter", reason: string, count: number): void;
}

/** The router: which output becomes which input, message or event. Channels have their own tables in `channel.ts`. */
export function makeTables(node: Routed) {
  const { comm, exit, identityItems, routing, toDiscovery, address, count } = node;

  const discovery: Table<DiscoveryOutput> = {
    "send-alive": ({ self, waitMs }) =>
      whenDone(exit.alive(self), (alive) => alive && node.emitAlive(alive, undefined, waitMs)),
    "forward-alive": ({ alive, except, waitMs }) => node.emitAlive(alive, except, waitMs),
    "request-membership": ({ self, nonce, to: targets }) =>
      whenDone(exit.alive(self), (own) => {
        if (own === undefined) return;
        for (const { includeSecret, ...target } of targets) {
          const shown = includeSecret ? own.envelope : withoutSecret(own.envelope);
          comm.send(target, exit.membershipRequest(nonce, shown), "control");
        }
      }),
    "respond-membership": ({ self, nonce, to: target, alive, dead, includeSecret }) =>
      whenDone(exit.alive(self), (own) => {
        if (own === undefined) return;
        const last = includeSecret ? own.envelope : withoutSecret(own.envelope);
        comm.send(target, exit.membershipResponse(nonce, [...alive, last], dead), "control");
      }),
    identify: ({ endpoint }) => node.identify(endpoint),
    "verify-endpoint": ({ endpoint, older }) => node.verifyEndpoint(endpoint, older),
    ping: ({ pkiId, endpoint }) => comm.ping(endpoint, (alive) => toDiscovery({ type: "ping-result", pkiId, alive })),
    disconnect: ({ pkiId, reason }) => comm.disconnect(pkiId, reason),
    "member-up": ({ member }) => node.onMemberUp(member),
    "member-down": ({ member, cause }) => node.onMemberDown(member, cause),
    "member-updated": () => node.onMembersChanged(),
    "member-forgotten": () => node.onMembersChanged(),
    contact: (output) => node.onContact(output),
    "identity-conflict": (output) => node.onIdentityConflict(output.endpoint),
    overslept: ({ sleptMs }) => node.onOverslept(sleptMs),
    dropped: (output) => count("discovery", output.reason, output.count),
  };

  const pull: Table<PullOutput<Envelope>> = {
    "send-hello": ({ to: peer, nonce }) => comm.send(address(peer.pkiId), exit.hello("identity", nonce), "control"),
    "send-digest": ({ to: peer, nonce, digests }) =>
      comm.send(address(peer), exit.digest("identity", nonce, digests), "control"),
    "send-request": ({ to: peer, nonce, digests }) =>
      comm.send(address(peer.pkiId), exit.request("identity", nonce, digests), "control"),
    "send-update": ({ to: peer, nonce, items }) =>
      comm.send(address(peer), exit.update("identity", nonce, items), "bulk"),
    accept: ({ items }) => {
      for (const { digest, item } of items) identityItems.add(digest, item);
      // Alive messages that were dropped for want of an identity can be understood now.
      toDiscovery({ type: "sync-soon" });
    },
    dropped: (output) => count("pull", output.reason, output.count),
  };

  const emitter: Table<EmitterOutput<Emission>> = {
    emit: ({ elements }) => {
      for (const { to: peer, envelope, lane } of routeBurst(elements, routing))
        comm.send(address(peer), envelope, lane);
    },
    dropped: ({ reason }) => count("emitter", reason, 1),
  };

  return { discovery: route(discovery), pull: route(pull), emitter: route(emitter) };
}

function route<Output extends { readonly type: string }>(table: Table<Output>): (output: Output) => void {
  // The table has a handler for exactly the type of each output; TypeScript cannot correlate the two.
  return (output) => (table[output.type as Output["type"]] as (output: Output) => void)(output);
}
