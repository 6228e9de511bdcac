import { InvariantError } from "@gossip/runtime";
import type { Simulation } from "./simulation.js";

/**
 * What must hold at any moment: no ledger disagrees with the orderer, nobody is alive and dead at once, and nobody is
 * its own member.
 *
 * @throws InvariantError that names the node.
 */
export async function checkSafety(sim: Simulation): Promise<void> {
  for (const { name, ledger, node } of sim.nodes) {
    if (ledger.height > sim.blocks.length) throw new InvariantError(`${name} has more blocks than were ordered`);
    for (let number = 0n; number < ledger.height; number++) {
      const held = await ledger.read(number);
      const ordered = sim.blocks[Number(number)] as Uint8Array;
      if (held === undefined || Buffer.compare(held, ordered) !== 0) {
        throw new InvariantError(`${name} holds another block ${number} than the orderer cut`);
      }
    }
    const alive = new Set(node?.members.map(({ pkiId }) => pkiId));
    if (node !== undefined && alive.has(node.pkiId)) throw new InvariantError(`${name} is its own member`);
    const both = node?.deadMembers.find(({ pkiId }) => alive.has(pkiId));
    if (both !== undefined) throw new InvariantError(`${name} holds ${both.pkiId} alive and dead`);
  }
}

/** Whether every node that is up sees every other such node, as a member and in the channel if there is one, and nobody else. */
export function isConverged(sim: Simulation): boolean {
  const up = sim.nodes.filter(({ isUp }) => isUp);
  return up.every(({ node, channel }) => {
    const seen = channel === undefined ? node?.members.length : channel.members.length;
    return node?.members.length === up.length - 1 && seen === up.length - 1;
  });
}

/** Whether every node that is up has committed everything that was ordered. */
export function isCaughtUp(sim: Simulation): boolean {
  return sim.nodes.every(({ isUp, channel }) => !isUp || channel?.height === BigInt(sim.blocks.length));
}
