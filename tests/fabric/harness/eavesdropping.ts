/** What follows from what peers said over the wire. */

import { type Envelope, type GossipMessage, type PkiId, pkiIdFromBytes, readMessage } from "@gossip/proto";
import { Client } from "./client.js";
import type { FabricPeer } from "./peer.js";
import { pkiIdOf } from "./rogue.js";
import type { Said } from "./wire.js";

export function pkiIdOfPeer(peer: FabricPeer): PkiId {
  return pkiIdFromBytes(pkiIdOf(Client.ofNode(peer).identity));
}

/** Members, by PKI-ID, that a peer named in an answer. */
export interface Listing {
  readonly by: FabricPeer;
  readonly at: number;
  readonly alive: ReadonlySet<PkiId>;
  readonly dead: ReadonlySet<PkiId>;
}

/**
 * What a peer answered to those of an organization who asked it for members, oldest first. It may tell them of all that it
 * knows of that organization, and of some others.
 */
export function listings(said: readonly Said[], by: FabricPeer, organization: string): readonly Listing[] {
  return said.flatMap(({ from, to, at, message }) => {
    if (message.type !== "membership-response" || from !== by || to.organization !== organization) return [];
    const authors = (envelopes: readonly Envelope[]) =>
      new Set(envelopes.flatMap((envelope) => (authorOf(envelope) === undefined ? [] : [authorOf(envelope) as PkiId])));
    return [{ by, at, alive: authors(message.alive), dead: authors(message.dead) }];
  });
}

/** Messages that say something of a member's whereabouts, identity or height. */
export function mentions(said: readonly Said[], member: PkiId): readonly Said[] {
  const pkiId = Buffer.from(member, "hex");
  return said.filter(({ bytes }) => contains(bytes, pkiId));
}

/** Messages in which a peer's internal endpoint is. */
export function internally(said: readonly Said[], { internalEndpoint }: FabricPeer): readonly Said[] {
  return said.filter(({ bytes }) => contains(bytes, Buffer.from(internalEndpoint)));
}

/** Whether a message left the organization of `peer`, or came to it from without. */
export function isAbroad({ from, to }: Said, { organization }: FabricPeer): boolean {
  return from.organization !== organization || to.organization !== organization;
}

/** Identities that `to` was given in pulls, by who gave them. */
export function pulledIdentities(said: readonly Said[], to: FabricPeer): ReadonlyMap<PkiId, FabricPeer> {
  const given = said.flatMap(({ from, to: whom, message }): (readonly [PkiId, FabricPeer])[] => {
    if (whom !== to || message.type !== "update" || message.pullType !== "identity") return [];
    return message.data.flatMap((envelope) => {
      const item = inner(envelope);
      return item?.type === "peer-identity" ? [[item.pkiId, from] as const] : [];
    });
  });
  return new Map(given);
}

/** For a failure's message. */
export function describeSaid(said: readonly Said[]): readonly string[] {
  return said.map(({ from, to, message }) => `${message.type} from ${from.name} to ${to.name}`);
}

function authorOf(envelope: Envelope): PkiId | undefined {
  const message = inner(envelope);
  return message?.type === "alive" ? message.member.pkiId : undefined;
}

function inner({ payload }: Envelope): GossipMessage | undefined {
  const message = readMessage(payload);
  return message.ok ? message.value : undefined;
}

function contains(bytes: Uint8Array, part: Buffer): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(part);
}
