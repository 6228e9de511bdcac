import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Interrupted } from "../errors.js";
import { DemoTraffic } from "../network/demo-traffic.js";
import { entriesOf } from "../network/network-file.js";
import type { WantedNetwork } from "../network/open.js";
import { type EndedProcess, type RunningNetwork, startNetwork } from "../network/start.js";
import { networkStatus } from "../network/status.js";
import { listenForStop } from "../signals.js";
import { noteLine, type Terminal } from "../terminal.js";
import { createLiveView, type LiveView } from "../view/live-view.js";

export interface NetworkUpOptions extends WantedNetwork {
  readonly dir: string;
  /** Transactions per second. */
  readonly demoTraffic?: number;
}

const pictureMs = 1_000;

/** `gossip network up`: runs until it is asked to stop, which is its success. */
export async function networkUp(options: NetworkUpOptions, terminal: Terminal): Promise<number> {
  const stop = listenForStop();
  let view: LiveView | undefined;
  let network: RunningNetwork | undefined;
  const onEnded = ({ name, kind, config, how }: EndedProcess) =>
    view?.note(`${name} ${how}; it can be started again: gossip ${kind} start --config ${config}`);
  try {
    noteLine(terminal, `starting the network in ${options.dir}`);
    network = await startNetwork({ ...options, onEnded, signal: stop.signal });
    view = createLiveView(terminal, `${resolve(options.dir)}: Ctrl-C stops the network, gossip submit feeds it`);
    await watch(network, view, options.demoTraffic, stop.signal);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
  } finally {
    view?.close();
    if (network !== undefined) noteLine(terminal, "stopping the network");
    await network?.close();
    stop.release();
  }
  return 0;
}

async function watch(
  network: RunningNetwork,
  view: LiveView,
  demoTraffic: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const file = await network.file();
  for (const { name, config } of entriesOf(file)) view.note(`${name} serves, its configuration is ${config}`);
  const traffic = demoTraffic === undefined ? undefined : await DemoTraffic.start(network.dir, file, demoTraffic);
  try {
    while (!signal.aborted) {
      view.show(await networkStatus(await network.file()));
      await delay(pictureMs, undefined, { signal }).catch(() => {});
    }
  } finally {
    await traffic?.close();
  }
}
