import { describe, expect, test } from "vitest";
import type { GossipMessage, PullType, Tag } from "./messages.js";
import { pkiId } from "./pki-id.js";
import { illegalTag, isChannelRestricted, isOrgRestricted } from "./tags.js";
import {
  acknowledgement,
  aliveMessage,
  applicationMessage,
  connMessage,
  dataMessage,
  digestMessage,
  emptyMessage,
  helloMessage,
  leadershipMessage,
  membershipRequest,
  membershipResponse,
  peerIdentity,
  privateDataMessage,
  privateDataRequest,
  privateDataResponse,
  requestMessage,
  stateInfo,
  stateInfoPullRequest,
  stateInfoSnapshot,
  stateRequest,
  stateResponse,
  updateMessage,
} from "./testing/index.js";

const tags: readonly Tag[] = ["undefined", "empty", "org-only", "chan-only", "chan-and-org", "chan-or-org", "unknown"];

const pulls = (pullType: PullType) => [
  helloMessage({ pullType }),
  digestMessage({ pullType }),
  requestMessage({ pullType }),
  updateMessage({ pullType }),
];

const author = pkiId("0102");

/** Page 01 §4.1: the only legal tag of each kind, or none. */
const rows: readonly (readonly [legal: Tag | undefined, messages: readonly GossipMessage[]])[] = [
  ["chan-and-org", [dataMessage(), leadershipMessage(), ...pulls("block")]],
  ["empty", [aliveMessage(), membershipRequest(), membershipResponse(), ...pulls("identity")]],
  ["org-only", [peerIdentity(), applicationMessage({ pkiId: author, channel: "" })]],
  ["chan-only", [applicationMessage()]],
  ["empty", [applicationMessage({ channel: "" })]],
  ["chan-or-org", [stateInfo(), stateInfoPullRequest(), stateInfoSnapshot(), stateRequest(), stateResponse()]],
  [
    undefined,
    [
      ...[emptyMessage(), connMessage(), acknowledgement()],
      ...[privateDataRequest(), privateDataResponse(), privateDataMessage()],
      ...pulls("undefined"),
      ...pulls("unknown"),
    ],
  ],
];

describe("1.13, 1.15: illegalTag", () => {
  for (const [legal, messages] of rows) {
    test.each(messages)(`finds ${legal ?? "no tag"} legal for $type of $pullType`, (message) => {
      for (const tag of tags) {
        const reason = illegalTag({ ...message, tag });
        if (tag === legal) expect(reason).toBeUndefined();
        else expect(reason).toMatch(/^expected .*, got /);
      }
    });
  }
});

test("7.41: an author chooses the scope of what it gossips in a channel", () => {
  const legal = tags.filter((tag) => illegalTag(applicationMessage({ pkiId: author, tag })) === undefined);
  expect(legal).toEqual(["chan-only", "chan-and-org"]);
});

test.each<readonly [Tag, boolean, boolean]>([
  ["chan-and-org", true, true],
  ["org-only", false, true],
  ["chan-or-org", true, false],
  ["chan-only", true, false],
  ["empty", false, false],
  ["undefined", false, false],
  ["unknown", false, false],
])("the tag %s restricts to a channel: %s, to an organization: %s", (tag, toChannel, toOrg) => {
  expect(isChannelRestricted(tag)).toBe(toChannel);
  expect(isOrgRestricted(tag)).toBe(toOrg);
});
