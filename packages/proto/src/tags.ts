import type { GossipMessage, Tag } from "./messages.js";
// CONTRACT
/** Why the tag of a message is illegal for its content, or `undefined` when it is legal (page 01 §4.1). */
export declare function illegalTag(message: GossipMessage): string | undefined;
export declare function isChannelRestricted(tag: Tag): boolean;
export declare function isOrgRestricted(tag: Tag): boolean;
