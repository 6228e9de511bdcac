import { GossipError } from "@gossip/runtime";
import { entriesOf, markOfEntry, updateNetworkFile, withProcess } from "./network-file.js";
import { findNetworkOf } from "./open.js";
import { isRunning, ownMark } from "./process-mark.js";

/** This process's entry in `network.json`. */
export interface Registration {
  /** Takes the entry back, unless it names another process by now. */
  remove(): Promise<void>;
}

/**
 * Enters this process into the `network.json` of the network its configuration belongs to, so that `gossip network down`
 * finds it, whoever started it. A configuration outside of a network needs no entry.
 *
 * @throws GossipError `conflict` when a process already runs with this configuration
 */
export async function register(config: string): Promise<Registration> {
  const place = await findNetworkOf(config);
  if (place === undefined) return { async remove() {} };
  const own = await ownMark();
  await updateNetworkFile(place.dir, async (file) => {
    const entry = entriesOf(file).find((candidate) => candidate.config === place.config);
    const mark = entry && markOfEntry(entry);
    if (entry !== undefined && mark !== undefined && (await isRunning(mark))) {
      throw new GossipError("conflict", `expected ${entry.name} to be stopped, it runs already as process ${mark.pid}`);
    }
    return withProcess(file, place.config, own);
  });
  return {
    async remove() {
      await updateNetworkFile(place.dir, (file) => {
        const entry = entriesOf(file).find((candidate) => candidate.config === place.config);
        return entry?.pid === own.pid ? withProcess(file, place.config, undefined) : file;
      });
    },
  };
}
