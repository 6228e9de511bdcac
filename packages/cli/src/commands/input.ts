import { open } from "node:fs/promises";
import { GossipError } from "@gossip/runtime";
import type { Terminal } from "../terminal.js";

/** Bytes to read, opened already: a file that is not there is found out before a network is started for it. */
export interface Input {
  readonly bytes: AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** Opens a file, or standard input for `-`. @throws GossipError `not-found` */
export async function openInput(file: string, terminal: Terminal): Promise<Input> {
  if (file === "-") return { bytes: terminal.stdin as AsyncIterable<Uint8Array>, async close() {} };
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    throw new GossipError("not-found", `expected a file to read, found none at ${file}`);
  });
  try {
    if ((await handle.stat()).isDirectory()) {
      throw new GossipError("invalid-argument", `expected a file to read, ${file} is a directory`);
    }
  } catch (error) {
    await handle.close();
    throw error;
  }
  return {
    bytes: handle.createReadStream({ autoClose: false, highWaterMark: 256 * 1024 }),
    close: () => handle.close(),
  };
}
