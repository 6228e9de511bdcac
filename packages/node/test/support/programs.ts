import { orgId } from "@gossip/proto";
import type { GossipError } from "@gossip/runtime";
import type { GossipNode } from "../../src/api.js";
import { type DirectMessage, isApplication, type ReceivedMessage } from "../../src/service.js";
import type { Scene, SceneNodeOptions } from "./scene.js";

/** What a node's programs get, from now on. */
export function listen(
  node: GossipNode,
  predicate: (received: ReceivedMessage) => boolean = isApplication(),
  onDirect: (received: DirectMessage) => void = (received) => received.acknowledge(),
): ReceivedMessage[] {
  const heard: ReceivedMessage[] = [];
  const read = async () => {
    for await (const received of node.accept(predicate, { direct: true })) {
      heard.push(received);
      if (received.how === "direct") onDirect(received);
    }
  };
  void read();
  return heard;
}

export const topics = (heard: readonly ReceivedMessage[]) =>
  heard.map(({ message }) => (message.type === "application" ? message.topic : message.type));

/** Nodes that know each other. */
export async function network(
  scene: Scene,
  names: readonly string[],
  options: (name: string) => SceneNodeOptions = () => ({}),
) {
  const nodes = [];
  // An anchor, which a member of another organization may dial too.
  const anchors = [{ org: orgId("org1"), endpoint: `${names[0]}:7051` }];
  for (const name of names) {
    const { join, ...rest } = options(name);
    nodes.push(await scene.node(name, { ...rest, join: { anchors, ...join } }));
  }
  await scene.run(4_000);
  return nodes;
}

/** Settles it on virtual time. */
export async function settle<T>(scene: Scene, promise: Promise<T> | undefined): Promise<T | string> {
  let outcome: { readonly value: T | string } | undefined;
  promise?.then(
    (value) => {
      outcome = { value };
    },
    (error: GossipError) => {
      outcome = { value: `${error.code}: ${error.message}` };
    },
  );
  for (let turn = 0; turn < 10_000 && outcome === undefined; turn++) {
    await scene.run(1);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return outcome === undefined ? "still waiting" : outcome.value;
}

/** A node, and a member of ours that a test speaks for. */
