import { VirtualClock } from "@gossip/runtime/testing";
import { TestNetwork, type TestNetworkOptions } from "./test-network.js";

export type { TestNode } from "./test-network.js";

/** A network on virtual time, on which each delivery takes a millisecond. */
export class VirtualNetwork extends TestNetwork {
  readonly virtual: VirtualClock;

  constructor(options: TestNetworkOptions = {}) {
    const clock = new VirtualClock();
    super({ ...options, clock, memory: { schedule: (deliver) => clock.schedule(clock.now() + 1, deliver) } });
    this.virtual = clock;
  }
}
