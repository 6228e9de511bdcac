import type { Decoded } from "@gossip/proto";
import type { ConfigGroup } from "@gossip/proto/fabric";
import { GossipError } from "@gossip/runtime";

/** What the configuration of a channel is refused with; `expected` and `got` are for people. */
export function malformed(expected: string, got: string, options?: { readonly cause?: unknown }): GossipError {
  return new GossipError("malformed", `expected ${expected}, got ${got}`, options);
}

/**
 * A value of a group. One that is absent is as if it were empty, as in Fabric.
 *
 * @throws GossipError `malformed` when it cannot be read.
 */
export function readValue<T>(
  group: ConfigGroup,
  key: string,
  path: string,
  read: (bytes: Uint8Array) => Decoded<T>,
): T {
  const value = read(group.values.get(key)?.value ?? new Uint8Array(0));
  if (value.ok) return value.value;
  throw malformed(`a value ${key} of group ${path}`, `${value.reason}: ${value.detail}`);
}

/** @throws GossipError `malformed` naming a value that Fabric does not know there: it may change what others mean. */
export function onlyValues(group: ConfigGroup, path: string, keys: readonly string[]): void {
  for (const key of group.values.keys()) {
    if (!keys.includes(key)) throw malformed(`values ${keys.join(", ")} in group ${path}`, JSON.stringify(key));
  }
}

/** @throws GossipError `malformed` naming a group below one that may have none. */
export function noGroups(group: ConfigGroup, path: string): void {
  for (const key of group.groups.keys()) throw malformed(`no groups in group ${path}`, JSON.stringify(key));
}

/** Longest key of a configuration tree. */
const maxKeyLength = 249;

/** @throws GossipError `malformed` naming a key anywhere in the tree that Fabric forbids, e.g. one with a slash. */
export function checkKeys(group: ConfigGroup): void {
  for (const key of [...group.groups.keys(), ...group.values.keys(), ...group.policies.keys()]) {
    if (key.length > maxKeyLength || !/^[a-zA-Z0-9.-]+$/.test(key) || key === "." || key === "..") {
      throw malformed(`keys of letters, digits, dots and dashes`, JSON.stringify(key.slice(0, maxKeyLength)));
    }
  }
  for (const sub of group.groups.values()) checkKeys(sub);
}
