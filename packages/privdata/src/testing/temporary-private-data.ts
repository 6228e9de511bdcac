import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPrivateData, type PrivateData, type PrivateDataOptions } from "../private-data.js";
import { namesOrganization } from "./builders.js";

/**
 * Private data in a directory of its own among the system's temporary files, which is removed when it is closed. Unless told
 * otherwise the ledger has one block and no transactions, and a policy accepts the organizations that it names.
 */
export async function createTemporaryPrivateData(
  options: Partial<Omit<PrivateDataOptions, "dir">> = {},
): Promise<PrivateData> {
  const dir = await mkdtemp(join(tmpdir(), "gossip-privdata-"));
  const privateData = await createPrivateData({
    channel: "test",
    mayRead: namesOrganization,
    height: () => 1n,
    txIdAt: () => undefined,
    ...options,
    dir,
  });
  const close = privateData.close.bind(privateData);
  let closing: Promise<void> | undefined;
  privateData.close = () => {
    closing ??= close().then(() => rm(dir, { recursive: true, force: true }));
    return closing;
  };
  return privateData;
}
