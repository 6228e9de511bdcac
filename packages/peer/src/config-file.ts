import { readFile } from "node:fs/promises";
import { errorText, GossipError } from "@gossip/runtime";
import { parseDocument } from "yaml";
import type { PeerConfig } from "./config.js";
import { ConfigReader } from "./config-reader.js";
import { ConfigRefusals } from "./config-refusals.js";
import { alignKeys, isMapping, leafPaths, peerFileSchema } from "./config-schema.js";

/** Environment variables, as `process.env` holds them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads a peer's YAML file and everything it names. One precedence: a variable of `env`, then the file, then the default.
 * Paths are relative to the folder of the file. `CORE_` and a key in upper case with underscores overrides that key:
 * `CORE_PEER_GOSSIP_STATE_BATCHSIZE` is `peer.gossip.state.batchSize`; `FABRIC_LOGGING_SPEC` is `logging.spec`.
 *
 * @throws GossipError `invalid-config` with one line that names file and key; `not-found` or `storage` when the file itself
 * cannot be read.
 *
 * @example
 * const peer = await createPeer(await readPeerConfig("peer0.yaml", process.env));
 */
export async function readPeerConfig(file: string, env: Environment = {}): Promise<PeerConfig> {
  const raw = parseYaml(file, await readText(file));
  const ignored: string[] = [];
  const aligned = alignKeys(peerFileSchema, raw, ignored);
  if (!isMapping(aligned)) {
    throw new ConfigRefusals(file, raw, new Map()).refuse("", "to be a mapping of keys such as peer");
  }
  const refusals = new ConfigRefusals(file, aligned, overlay(aligned, env, ignored));
  const parsed = peerFileSchema.safeParse(aligned);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw refusals.refuse(keyOf(issue?.path ?? []), issue?.message ?? "to be valid");
  }
  return await new ConfigReader(file, parsed.data, refusals).read(ignored);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new GossipError(
      isMissing ? "not-found" : "storage",
      `expected a readable peer configuration at ${file}, got ${isMissing ? "no such file" : errorText(error)}`,
      { cause: error },
    );
  }
}

function parseYaml(file: string, text: string): unknown {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) {
    // The library draws the place below its first line; one line is enough for a log. It also tells programmers what to call.
    const [line = ""] = error.message.split("\n");
    const got = error.code === "MULTIPLE_DOCS" ? "several documents in one file" : line.replace(/:$/, "");
    throw new GossipError("invalid-config", `${file}: expected YAML, got ${got}`, { cause: error });
  }
  try {
    return document.toJS() ?? {};
  } catch (error) {
    // Aliases that expand without measure, or point nowhere.
    throw new GossipError("invalid-config", `${file}: expected YAML, got ${errorText(error)}`, { cause: error });
  }
}

/** Writes what the environment overrides into `content`; returns which variable set which key. */
function overlay(content: Record<string, unknown>, env: Environment, ignored: string[]): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  const paths = new Map(leafPaths().map((path) => [`CORE_${path.join("_").toUpperCase()}`, path]));
  paths.set("FABRIC_LOGGING_SPEC", ["logging", "spec"]).set("FABRIC_LOGGING_FORMAT", ["logging", "format"]);
  for (const [variable, value] of Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))) {
    // An empty variable means: not set, as for the reference.
    if (value === undefined || value === "") continue;
    const path = paths.get(variable);
    if (path === undefined) {
      if (variable.startsWith("CORE_")) ignored.push(variable);
      continue;
    }
    setAt(content, path, value);
    sources.set(path.join("."), variable);
  }
  return sources;
}

function setAt(content: Record<string, unknown>, path: readonly string[], value: string): void {
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

function keyOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (key, part) =>
      typeof part === "number" ? `${key}[${part}]` : key === "" ? String(part) : `${key}.${String(part)}`,
    "",
  );
}
