import { Discovery } from "@gossip/discovery";
import { Pull } from "@gossip/pull";
import { SharedMap } from "@gossip/shared-map";
import { StateTransfer } from "@gossip/state";
import { ChannelGossip } from "../../packages/node/src/channel-gossip.js";
import { Emitter } from "../../packages/node/src/emitter.js";
import { LeaderTable } from "../../packages/node/src/leader-table.js";

/** What the machines of all nodes were given and gave since the last reset. */
export interface Observed {
  /** Inputs by machine and type, as in `discovery/alive`. */
  readonly reached: Map<string, number>;
  steps: number;
  outputs: number;
}

interface Stepping {
  step(input: { readonly type: string }, now: number): readonly unknown[];
}

const machines: readonly (readonly [string, Stepping])[] = [
  // Each takes inputs of its own, all of which have a type; and nothing else is read of them here.
  ["discovery", Discovery.prototype as unknown as Stepping],
  ["pull", Pull.prototype as unknown as Stepping],
  ["channel", ChannelGossip.prototype as unknown as Stepping],
  ["state", StateTransfer.prototype as unknown as Stepping],
  ["shared-map", SharedMap.prototype as unknown as Stepping],
  ["emitter", Emitter.prototype as unknown as Stepping],
];

/** Watches every machine of this process until `stop`: what reaches it, and how much it does. */
export function observe(): Observed & { stop(): void } {
  const reached = new Map<string, number>();
  const count = (what: string, by = 1) => reached.set(what, (reached.get(what) ?? 0) + by);
  const restore: (() => void)[] = [];
  const observed = {
    reached,
    steps: 0,
    outputs: 0,
    stop() {
      for (const one of restore) one();
    },
  };
  for (const [name, machine] of machines) {
    const step = machine.step;
    machine.step = function (this: Stepping, input, now) {
      count(`${name}/${input.type}`);
      if (isUpdate(input)) count(`${name}/item`, input.items.length);
      const outputs = step.call(this, input, now);
      observed.steps++;
      observed.outputs += outputs.length;
      return outputs;
    };
    restore.push(() => {
      machine.step = step;
    });
  }
  const add = LeaderTable.prototype.add;
  LeaderTable.prototype.add = function (this: LeaderTable, message, now) {
    count("leaders/leadership");
    return add.call(this, message, now);
  };
  restore.push(() => {
    LeaderTable.prototype.add = add;
  });
  return observed;
}

function isUpdate(input: {
  readonly type: string;
}): input is { readonly type: "update"; readonly items: readonly unknown[] } {
  return input.type === "update" && "items" in input;
}
