import type { PullType, Tag } from "./messages.js";
import { indexIn } from "./wire.js";

/** Names by their numbers in `GossipMessage.Tag`. */
const tags = ["undefined", "empty", "org-only", "chan-only", "chan-and-org", "chan-or-org"] as const;

/** Names by their numbers in `PullMsgType`, those of Fabric. */
const pullTypes = ["undefined", "block", "identity"] as const;

/** Ours, far above what Fabric may come to use. */
const sharedPullType = 1000;

export function tagFrom(number: number): Tag {
  return tags[number] ?? "unknown";
}

export function pullTypeFrom(number: number): PullType {
  return number === sharedPullType ? "shared" : (pullTypes[number] ?? "unknown");
}

/** @throws GossipError `invalid-argument` for `unknown`. */
export function tagNumber(tag: Tag): number {
  return indexIn<Tag>(tags, tag, "tag");
}

/** @throws GossipError `invalid-argument` for `unknown`. */
export function pullTypeNumber(pullType: PullType): number {
  return pullType === "shared" ? sharedPullType : indexIn<PullType>(pullTypes, pullType, "pullType");
}
