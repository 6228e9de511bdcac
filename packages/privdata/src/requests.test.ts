import { pkiId } from "@gossip/proto";
import { expect, it } from "vitest";
import { Requests } from "./requests.js";

const [greedy, modest] = [pkiId("aa"), pkiId("bb")];

it("Requests of peers take turns, one at a time, each peer's in its order", async () => {
  const requests = new Requests({ maxRequests: 10, maxRequestsPerPeer: 4 });
  const order: string[] = [];
  let atOnce = 0;
  const ask = (from: typeof greedy, name: string) =>
    requests.run(from, async () => {
      expect(++atOnce).toBe(1);
      await Promise.resolve();
      atOnce--;
      order.push(name);
    });
  const asked = ["g1", "g2", "g3", "g4"].map((name) => ask(greedy, name));
  asked.push(ask(modest, "m1"), ask(modest, "m2"));
  expect(ask(greedy, "g5")).toBeUndefined();
  await Promise.all(asked);
  await requests.idle;
  expect(order).toEqual(["g1", "m1", "g2", "m2", "g3", "g4"]);
  await ask(greedy, "g6");
  expect(order.at(-1)).toBe("g6");
});
