import { networkInterfaces } from "node:os";
import { isMapping, type Leaf, leaves } from "./config-schema.js";
import { parseDuration } from "./duration.js";
import { isEndpoint } from "./endpoint.js";

// How Fabric reads its own file (protocol page 12 §1), where that differs from how we read ours. Here it is only the form of
// values that changes; what they mean is the reader's knowledge.

/** Says what was read in another way than it stands there: the key, and what became of it. */
type Tell = (key: string, what: string) => void;

/** Values in the form that the schema reads, as Fabric would take them: `content` is changed. */
export function readAsFabric(content: Record<string, unknown>, tell: Tell): void {
  for (const leaf of leaves()) {
    const key = leaf.path.join(".");
    const value = getAt(content, leaf.path);
    if (value === undefined) continue;
    const read = value === "" ? undefined : asFabric(leaf, key, value, tell);
    if (read === undefined) deleteAt(content, leaf.path);
    else setAt(content, leaf.path, read);
  }
}

/** What the schema shall read for `value`; `undefined` where Fabric takes it for the default. */
function asFabric({ kind, zeroIsDefault = false }: Leaf, key: string, value: unknown, tell: Tell): unknown {
  switch (kind) {
    case "duration": {
      const text = durationText(value);
      return zeroIsDefault && typeof text === "string" && parseDuration(text) === 0 ? undefined : text;
    }
    case "integer": {
      const number = typeof value === "number" ? Math.trunc(value) : value;
      return zeroIsDefault && Number(number) === 0 ? undefined : number;
    }
    case "flag":
      if (value === 1 || value === "1" || value === "t" || value === "T") return true;
      return value === 0 || value === "0" || value === "f" || value === "F" ? false : value;
    case "list":
      return key === "peer.gossip.bootstrap" ? dialable(key, value, tell) : value;
    case "endpoint":
      // Go binds every address for `:7051`.
      if (/listenaddress$/i.test(key) && typeof value === "string" && value.startsWith(":")) return `0.0.0.0${value}`;
      if (key === "peer.gossip.externalEndpoint") return dialable(key, value, tell)[0];
      return value;
    default:
      return value;
  }
}

/** A bare number, also as a text, is nanoseconds. */
function durationText(value: unknown): unknown {
  const text = typeof value === "number" || typeof value === "string" ? String(value).trim() : undefined;
  return text === undefined ? value : /^(\d+\.?\d*|\.\d+)$/.test(text) ? `${text}ns` : text.replace(/^\+/, "");
}

/** Fabric takes any text for an endpoint and fails to dial it later. */
function dialable(key: string, value: unknown, tell: Tell): string[] {
  const items = Array.isArray(value) ? value.map(String) : String(value).split(/\s+/);
  return items.filter((item) => {
    if (item === "") return false;
    if (isEndpoint(item)) return true;
    const cure = item.includes(",") ? "; entries are separated by white space" : "";
    tell(key, `expected host:port, got ${JSON.stringify(item)}, which nobody can dial: left out${cure}`);
    return false;
  });
}

/** First IPv4 address of this machine that others can reach, which Fabric takes where `peer.address` names every address. */
export function hostAddress(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return addresses.find(({ family, internal }) => family === "IPv4" && !internal)?.address;
}

/** The value at a path of keys; `undefined` when there is none. */
export function getAt(content: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      isMapping(value) || Array.isArray(value) ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    content,
  );
}

/** Sets the value at a path of keys; what is no section on the way gives way to one. */
export function setAt(content: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [head = "", ...rest] = path;
  if (rest.length === 0) {
    content[head] = value;
    return;
  }
  const inner = content[head];
  const section = isMapping(inner) ? inner : {};
  content[head] = section;
  setAt(section, rest, value);
}

/** Removes the value at a path of keys, if there is one. */
export function deleteAt(content: unknown, path: readonly PropertyKey[]): void {
  const last = path.at(-1);
  const section = getAt(content, path.slice(0, -1));
  if (last !== undefined && isMapping(section)) delete (section as Record<PropertyKey, unknown>)[last];
}
