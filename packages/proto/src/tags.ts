import { unreachable } from "@gossip/runtime";
import type { ApplicationMessage, GossipMessage, Tag } from "./messages.js";

/**
 * Why the tag of a message is illegal for its content, or `undefined` when it is legal (page 01 §4.1).
 *
 * For messages that arrive on their own. It must not be asked about messages nested in envelopes, connection messages,
 * acks and private data, whose tags a Fabric peer does not look at and of which some would fail.
 */
export function illegalTag(message: GossipMessage): string | undefined {
  if (message.tag === "undefined") return "expected a tag, got undefined";
  const required = requiredTag(message);
  if (required === undefined) return `expected a type of message that is gossiped, got ${describeKind(message)}`;
  if (message.tag === required) return undefined;
  return `expected tag ${required} for ${describeKind(message)}, got ${message.tag}`;
}

/** Whether a message with this tag belongs to a channel (page 01 §4.3). */
export function isChannelRestricted(tag: Tag): boolean {
  return tag === "chan-and-org" || tag === "chan-only" || tag === "chan-or-org";
}

/** Whether a message with this tag stays inside its organization (page 01 §4.3). */
export function isOrgRestricted(tag: Tag): boolean {
  return tag === "chan-and-org" || tag === "org-only";
}

/** The only legal tag of a content; `undefined` when none is. */
function requiredTag(message: GossipMessage): Tag | undefined {
  switch (message.type) {
    case "data":
    case "leadership":
      return "chan-and-org";
    case "alive":
    case "membership-request":
    case "membership-response":
      return "empty";
    case "peer-identity":
      return "org-only";
    case "hello":
    case "digest":
    case "request":
    case "update":
      if (message.pullType === "block") return "chan-and-org";
      if (message.pullType === "shared") return "chan-only";
      return message.pullType === "identity" ? "empty" : undefined;
    case "shared-entry":
      return "chan-only";
    case "application":
      return applicationTag(message);
    case "state-info":
    case "state-info-pull-request":
    case "state-info-snapshot":
    case "state-request":
    case "state-response":
      return "chan-or-org";
    case "empty":
    case "conn":
    case "ack":
    case "private-data-request":
    case "private-data-response":
    case "private-data":
      return undefined;
    default:
      return unreachable(message);
  }
}

/** Its scope is for its author to choose, among those that there are; straight from one peer to another there is no scope. */
function applicationTag({ pkiId, channel, tag }: ApplicationMessage): Tag {
  if (channel === "") return pkiId === "" ? "empty" : "org-only";
  return pkiId !== "" && tag === "chan-and-org" ? "chan-and-org" : "chan-only";
}

function describeKind(message: GossipMessage): string {
  return "pullType" in message ? `${message.type} of pull type ${message.pullType}` : message.type;
}
