import { resolve } from "node:path";
import { readLines } from "../lines.js";
import { openClient } from "./client.js";
import { readNetworkFile } from "./network-file.js";
import { type Submission, type SubmitProgress, submitAll } from "./submit.js";

export type { Submission } from "./submit.js";

/**
 * Submits each line of `source` as one transaction to the network of a folder, in order, and waits until the orderer has
 * acknowledged all of them.
 *
 * @param progress counts along; after a failure it tells how many were acknowledged all the same
 * @throws GossipError `not-found` (no network), `too-large` (a line), or what the orderer or the connection refused with
 */
export async function submitLines(
  dir: string,
  source: AsyncIterable<Uint8Array>,
  progress: SubmitProgress = { submitted: 0, acknowledged: 0 },
): Promise<Submission> {
  const folder = resolve(dir);
  const client = await openClient(folder, await readNetworkFile(folder));
  const broadcaster = client.submitter();
  try {
    return await submitAll(readLines(source, { maxLineBytes: client.maxDataBytes }), client, broadcaster, progress);
  } finally {
    await broadcaster.close();
  }
}
