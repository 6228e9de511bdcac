import { isPromise } from "@gossip/runtime";
import { describe, expect, it } from "vitest";
import { Room } from "./room.js";

describe("Room", () => {
  it("lets in at once what fits, in count and bytes", () => {
    const room = new Room(2, 100);
    expect(isPromise(room.enter(60))).toBe(false);
    expect(isPromise(room.enter(40))).toBe(false);
    expect(room.count).toBe(2);
    expect(isPromise(room.enter(1))).toBe(true);
  });

  it("lets in who waits, first come first in, as soon as there is room", async () => {
    const room = new Room(10, 100);
    const entered: string[] = [];
    room.enter(100);
    const waiting = (["large", "small"] as const).map(async (name) => {
      await room.enter(name === "large" ? 90 : 5);
      entered.push(name);
    });
    // The small one would fit, but must not overtake.
    expect(room.count).toBe(1);
    room.leave(100);
    await Promise.all(waiting);
    expect(entered).toEqual(["large", "small"]);
    expect(room.count).toBe(2);
  });

  it("takes more than fits for a defect", () => {
    expect(() => new Room(1, 10).enter(11)).toThrow(/at most 10 bytes/);
  });
});
