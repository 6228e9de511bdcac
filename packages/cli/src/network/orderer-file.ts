import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type OrdererConfig, resolveOrdererConfig } from "@gossip/orderer";
import type { LoggingConfig } from "@gossip/peer";
import { errorText, GossipError } from "@gossip/runtime";
import { parseDocument } from "yaml";

/**
 * Reads an orderer's YAML file. Log levels come from where a peer takes them too.
 *
 * @throws GossipError `invalid-config` that names the file
 */
export async function readOrdererConfig(
  file: string,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<{ readonly config: OrdererConfig; readonly logging: LoggingConfig }> {
  const path = resolve(file);
  const text = await readText(path);
  try {
    const config = resolveOrdererConfig(parseYaml(text), dirname(path));
    const spec = env["FABRIC_LOGGING_SPEC"];
    return { config, logging: spec === undefined ? {} : { spec } };
  } catch (error) {
    throw new GossipError("invalid-config", `${path}: ${errorText(error)}`, { cause: error });
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const got = isMissing ? "no such file" : errorText(error);
    const message = `expected a readable orderer configuration at ${path}, got ${got}`;
    throw new GossipError(isMissing ? "not-found" : "storage", message, { cause: error });
  }
}

function parseYaml(text: string): unknown {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error === undefined) return document.toJS();
  // The library draws the place below its first line, and tells programmers what to call.
  const [line = ""] = error.message.split("\n");
  const got = error.code === "MULTIPLE_DOCS" ? "several documents in one file" : line.replace(/:$/, "");
  throw new GossipError("invalid-config", `expected YAML, got ${got}`, { cause: error });
}
