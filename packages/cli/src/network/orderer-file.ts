import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type OrdererConfig, resolveOrdererConfig } from "@gossip/orderer";
import type { LoggingConfig } from "@gossip/peer";
import { errorText, GossipError } from "@gossip/runtime";
import { parse } from "yaml";

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
    const config = resolveOrdererConfig(parse(text), dirname(path));
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
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new GossipError("not-found", `expected an orderer's configuration, found no file at ${path}`);
  }
}
