import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FabricNodeOus, FabricOuIdentifier } from "@gossip/proto/fabric";
import { errorText, GossipError } from "@gossip/runtime";
import { parse } from "yaml";
import { isMissing } from "./pem-folder.js";

/** What `config.yaml` of an MSP folder says of organizational units. */
export interface FolderConfig {
  readonly organizationalUnitIdentifiers: readonly FabricOuIdentifier[];
  readonly nodeOus: FabricNodeOus | undefined;
}

/** One mapping of YAML, everything in it text, since units are compared as they are written. */
type Section = Readonly<Record<string, unknown>>;

const roles = [
  ["client", "ClientOUIdentifier"],
  ["peer", "PeerOUIdentifier"],
  ["admin", "AdminOUIdentifier"],
  ["orderer", "OrdererOUIdentifier"],
] as const;

const trueWords = /^(?:true|True|TRUE|y|Y|yes|Yes|YES|on|On|ON)$/;
const falseWords = /^(?:|false|False|FALSE|n|N|no|No|NO|off|Off|OFF)$/;

/**
 * Reads `config.yaml` of an MSP folder (page 13 §1.4). A role's certificate that cannot be read costs the role its
 * restriction and the operator a warning, as in Fabric; with the other units it is an error.
 *
 * @throws GossipError `invalid-config` when the file or a certificate it names cannot be used.
 */
export async function readFolderConfig(folder: string, warnings: string[]): Promise<FolderConfig> {
  const path = join(folder, "config.yaml");
  const text = await readText(path);
  if (text === undefined) return { organizationalUnitIdentifiers: [], nodeOus: undefined };
  const root = sectionOf(parseYaml(text, path), "a mapping", path);
  const organizationalUnitIdentifiers: FabricOuIdentifier[] = [];
  for (const entry of listOf(root?.["OrganizationalUnitIdentifiers"], path)) {
    const section = sectionOf(entry, "a mapping in OrganizationalUnitIdentifiers", path) ?? {};
    organizationalUnitIdentifiers.push({
      certificate: await readCertificate(folder, textOf(section["Certificate"])),
      organizationalUnitIdentifier: textOf(section["OrganizationalUnitIdentifier"]),
    });
  }
  const nodeOus = sectionOf(root?.["NodeOUs"], "a mapping as NodeOUs", path);
  const isEnabled = truthOf(nodeOus?.["Enable"], path);
  return {
    organizationalUnitIdentifiers,
    nodeOus: nodeOus && isEnabled ? await readNodeOus(folder, nodeOus, path, warnings) : undefined,
  };
}

async function readNodeOus(folder: string, nodeOus: Section, path: string, warnings: string[]): Promise<FabricNodeOus> {
  const found: { -readonly [Role in (typeof roles)[number][0]]?: FabricOuIdentifier } = {};
  for (const [role, key] of roles) {
    const section = sectionOf(nodeOus[key], `a mapping as ${key}`, path);
    const organizationalUnitIdentifier = textOf(section?.["OrganizationalUnitIdentifier"]);
    if (organizationalUnitIdentifier === "") continue;
    const name = textOf(section?.["Certificate"]);
    const certificate = name === "" ? new Uint8Array(0) : await readOptionalCertificate(folder, name, key, warnings);
    found[role] = { certificate, organizationalUnitIdentifier };
  }
  return { enable: true, ...found };
}

async function readOptionalCertificate(
  folder: string,
  name: string,
  key: string,
  warnings: string[],
): Promise<Uint8Array> {
  try {
    return await readCertificate(folder, name);
  } catch (error) {
    warnings.push(`${key}: ${errorText(error)}; any authority of the MSP may now give this role`);
    return new Uint8Array(0);
  }
}

async function readCertificate(folder: string, name: string): Promise<Uint8Array> {
  const path = join(folder, name);
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    const message = `expected a certificate at ${path}, which config.yaml names, got ${errorText(error)}`;
    throw new GossipError("invalid-config", message, { cause: error });
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new GossipError("storage", `expected to read ${path}, got ${errorText(error)}`, { cause: error });
  }
}

function parseYaml(text: string, path: string): unknown {
  try {
    return parse(text, { schema: "failsafe" });
  } catch (error) {
    throw new GossipError("invalid-config", `expected YAML in ${path}, got ${errorText(error)}`, { cause: error });
  }
}

function sectionOf(value: unknown, what: string, path: string): Section | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value === "object" && !Array.isArray(value)) {
    // Not null, which is absent, and no list: a mapping is all that is left in the failsafe schema.
    return value as Section;
  }
  throw new GossipError("invalid-config", `expected ${what} in ${path}, got ${JSON.stringify(value)?.slice(0, 100)}`);
}

function listOf(value: unknown, path: string): readonly unknown[] {
  if (isAbsent(value)) return [];
  if (Array.isArray(value)) return value;
  throw new GossipError("invalid-config", `expected a list as OrganizationalUnitIdentifiers in ${path}, got another`);
}

function textOf(value: unknown): string {
  return isAbsent(value) || typeof value !== "string" ? "" : value;
}

/** A word that is neither must not silently leave roles untold. */
function truthOf(value: unknown, path: string): boolean {
  const text = textOf(value);
  if (trueWords.test(text)) return true;
  if (isAbsent(value) || (typeof value === "string" && falseWords.test(text))) return false;
  const got = JSON.stringify(value)?.slice(0, 100);
  throw new GossipError("invalid-config", `expected true or false as NodeOUs.Enable in ${path}, got ${got}`);
}

/** The failsafe schema leaves the words for nothing as text. */
function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === "string" && /^(?:|~|null|Null|NULL)$/.test(value));
}
