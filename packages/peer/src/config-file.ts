import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { errorText, GossipError } from "@gossip/runtime";
import { parseDocument } from "yaml";
import type { PeerConfig } from "./config.js";
import { deleteAt, getAt, readAsFabric, setAt } from "./config-fabric.js";
import { type ReadPeerConfigOptions, readConfig } from "./config-reader.js";
import { Reading } from "./config-reading.js";
import { ConfigRefusals } from "./config-refusals.js";
import {
  alignKeys,
  isMapping,
  type LeafKind,
  leaves,
  type PeerFile,
  peerFileSchema,
  type UnknownKey,
} from "./config-schema.js";

/** Environment variables, as `process.env` holds them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads a peer's YAML file and everything it names: Fabric's `core.yaml` as it is, or our own simple form of it. One
 * precedence: a variable of `env`, then the file, then the default. Paths are relative to the folder of the file. `CORE_`
 * and a key in upper case with underscores overrides that key: `CORE_PEER_GOSSIP_STATE_BATCHSIZE` is
 * `peer.gossip.state.batchSize`; `FABRIC_LOGGING_SPEC` is `logging.spec`.
 *
 * A file is Fabric's when `peer.trust` is `fabric`, or when it says nothing of `peer.trust` and has `peer.mspConfigPath`
 * and `peer.localMspId`. It is then read as Fabric reads it: numbers without a unit are nanoseconds, 0 mostly means the
 * default, an empty variable takes a key away, defaults are those of Fabric's code, and what a Fabric peer would start
 * with is warned of and not refused (protocol page 12 §1).
 *
 * @throws GossipError `invalid-config` with one line that names file and key; `not-found` or `storage` when the file itself
 * cannot be read.
 *
 * @example
 * const peer = await createPeer(await readPeerConfig("peer0.yaml", process.env));
 */
export async function readPeerConfig(
  file: string,
  env: Environment = {},
  options: ReadPeerConfigOptions = {},
): Promise<PeerConfig> {
  const raw = parseYaml(file, await readText(file));
  const unknown: UnknownKey[] = [];
  const content = alignKeys(peerFileSchema, raw, unknown);
  if (!isMapping(content)) {
    throw new ConfigRefusals(file, raw, new Map()).refuse("", "to be a mapping of keys such as peer");
  }
  const isFabric = isFabricFile(content, env);
  const sources = overlay(content, env, { emptyClears: isFabric, unknown });
  const refusals = new ConfigRefusals(file, structuredClone(content), sources);
  const warnings: string[] = [];
  if (isFabric) readAsFabric(content, (key, what) => void warnings.push(refusals.tell(key, `${key}: ${what}`)));
  const parsed = parse(content, refusals, isFabric ? warnings : undefined);
  const reading = new Reading({ file, content: parsed, refusals, isFabric, unknown, warnings });
  return await readConfig(reading, options);
}

/** Where Fabric looks for `core.yaml` when it is told nothing (protocol page 12 §1). */
const fabricFolders = [".", "/etc/hyperledger/fabric"];

/**
 * The `core.yaml` that a Fabric peer with this environment reads: in the folder `FABRIC_CFG_PATH`, or, without that
 * variable, in the working directory or in `/etc/hyperledger/fabric`.
 *
 * @throws GossipError `not-found` that says what to set.
 */
export async function findPeerConfig(env: Environment): Promise<string> {
  const given = env["FABRIC_CFG_PATH"] ?? "";
  const folders = given === "" ? fabricFolders : [given];
  for (const folder of folders) {
    const file = join(folder, "core.yaml");
    if (await exists(file)) return file;
  }
  const expected =
    given === ""
      ? "expected a configuration: name a file, or set FABRIC_CFG_PATH to the folder that holds core.yaml"
      : `expected core.yaml in the folder FABRIC_CFG_PATH names, ${given}`;
  throw new GossipError("not-found", `${expected}, got none`);
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
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
  const document = parseDocument(text, { merge: true });
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

/** Which of the two ways a file is read in: see `readPeerConfig`. */
function isFabricFile(content: Readonly<Record<string, unknown>>, env: Environment): boolean {
  const said = (...path: string[]) => env[variableOf(path)] ?? getAt(content, path) ?? "";
  const trust = env[variableOf(["peer", "trust"])] || getAt(content, ["peer", "trust"]);
  if (trust !== undefined && trust !== "") return trust === "fabric";
  return said("peer", "mspConfigPath") !== "" && said("peer", "localMspId") !== "";
}

function variableOf(path: readonly string[]): string {
  return `CORE_${path.join("_").toUpperCase()}`;
}

/** Writes what the environment overrides into `content`; returns which variable set which key. */
function overlay(
  content: Record<string, unknown>,
  env: Environment,
  { emptyClears, unknown }: { readonly emptyClears: boolean; readonly unknown: UnknownKey[] },
): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  const known = new Map(leaves().map((leaf) => [variableOf(leaf.path), leaf]));
  for (const [variable, name] of [
    ["FABRIC_LOGGING_SPEC", "spec"],
    ["FABRIC_LOGGING_FORMAT", "format"],
  ] as const) {
    const leaf = known.get(variableOf(["logging", name]));
    if (leaf !== undefined) known.set(variable, leaf);
  }
  for (const [variable, value] of Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const leaf = known.get(variable);
    if (value === undefined) continue;
    if (value === "") {
      if (emptyClears && leaf !== undefined) deleteAt(content, leaf.path);
      continue;
    }
    if (leaf === undefined) {
      if (variable.startsWith("CORE_")) unknown.push({ path: variable, value });
      continue;
    }
    setAt(content, leaf.path, leaf.kind === "objects" ? objectsIn(value, leaf.schema, leaf.path, unknown) : value);
    sources.set(leaf.path.join("."), variable);
  }
  return sources;
}

/** A list of objects is YAML in a variable, too. What is none stays as it is, to be refused by name. */
function objectsIn(
  text: string,
  schema: Parameters<typeof alignKeys>[0],
  path: readonly string[],
  unknown: UnknownKey[],
): unknown {
  const document = parseDocument(text);
  return document.errors.length > 0 ? text : alignKeys(schema, document.toJS(), unknown, path.join("."));
}

/** Values that Fabric takes in any form, and reads as nothing where they have none. */
const tolerated: ReadonlySet<LeafKind> = new Set(["duration", "integer", "flag"]);

/** What the schema makes of `content`. With `warnings`, a value that Fabric would start with is taken out and named there. */
function parse(content: unknown, refusals: ConfigRefusals, warnings: string[] | undefined): PeerFile {
  for (;;) {
    const parsed = peerFileSchema.safeParse(content);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const path = issue?.path ?? [];
    const [key, expected] = [keyOf(path), issue?.message ?? "to be valid"];
    const kind = issue?.code === "custom" ? (issue.params?.["kind"] as LeafKind | undefined) : undefined;
    if (warnings === undefined || kind === undefined || !tolerated.has(kind)) throw refusals.refuse(key, expected);
    warnings.push(`${refusals.describe(key, expected)}: its default is used`);
    deleteAt(content, path);
  }
}

function keyOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (key, part) =>
      typeof part === "number" ? `${key}[${part}]` : key === "" ? String(part) : `${key}.${String(part)}`,
    "",
  );
}
