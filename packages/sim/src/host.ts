import type { Stream } from "@gossip/comm";
import type { VirtualProcess } from "@gossip/runtime/testing";
import type { SimStream } from "./link.js";

/** What the network knows of one endpoint, over the lives of the processes there. */
export interface Host {
  readonly endpoint: string;
  readonly streams: Set<SimStream>;
  readonly process: VirtualProcess;
  readonly certHash: Uint8Array;
  onStream: ((stream: Stream) => void) | undefined;
  /** Grows with each crash, so that what was scheduled before does not reach the next life. */
  life: number;
}
