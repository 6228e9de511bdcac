import type { Stream } from "@gossip/comm";
import type { SimStream } from "./link.js";
import type { Process } from "./process.js";

/** What the network knows of one endpoint, over the lives of the processes there. */
export interface Host {
  readonly endpoint: string;
  readonly streams: Set<SimStream>;
  readonly process: Process;
  readonly certHash: Uint8Array;
  onStream: ((stream: Stream) => void) | undefined;
  /** Grows with each crash, so that what was scheduled before does not reach the next life. */
  life: number;
}
