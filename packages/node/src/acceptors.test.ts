import { pkiId } from "@gossip/proto";
import { applicationMessage } from "@gossip/proto/testing";
import { silentLogger } from "@gossip/runtime";
import { describe, expect, test } from "vitest";
import { Acceptors } from "./acceptors.js";
import type { AcceptOptions, ReceivedMessage } from "./service.js";

const from = pkiId("aa");

function setUp(options: AcceptOptions & { readonly direct?: boolean } = {}, predicate = (_: ReceivedMessage) => true) {
  let dropped = 0;
  const acceptors = new Acceptors({
    log: silentLogger,
    maxMessages: 3,
    maxBytes: 1_000,
    onDropped: () => {
      dropped++;
    },
  });
  const reader = acceptors.open(predicate, options);
  const offer = (topic: string, source = "one", bytes = 1) =>
    acceptors.offer(
      { how: "gossiped", message: applicationMessage({ topic }), channel: "", from, author: from, org: undefined },
      source,
      bytes,
    );
  const answers: string[] = [];
  const offerDirect = (topic: string) =>
    acceptors.offer(
      {
        how: "direct",
        message: applicationMessage({ topic }),
        channel: "",
        from,
        org: undefined,
        acknowledge: (error = "") => answers.push(`${topic}: ${error}`),
        respond() {},
      },
      "one",
      1,
    );
  const read = async () => {
    const { done, value } = await reader.next();
    return done ? "end" : value.message.type === "application" ? value.message.topic : value.message.type;
  };
  return { acceptors, reader, offer, offerDirect, read, answers, dropped: () => dropped };
}

describe("7.45: what is accepted", () => {
  test("7.45: waits for its reader in order, and goes to a reader that waits for it", async () => {
    const { offer, read } = setUp();
    offer("a");
    offer("b");
    expect([await read(), await read()]).toEqual(["a", "b"]);
    const later = [read(), read()];
    offer("c");
    offer("d");
    expect(await Promise.all(later)).toEqual(["c", "d"]);
  });

  test("7.45: is what its predicate says, of what did not come straight unless it asks for that", async () => {
    const { offer, offerDirect, read } = setUp({}, ({ message }) => {
      if (message.type === "application" && message.topic === "bad") throw new Error("a careless predicate");
      return message.type === "application" && message.topic === "yes";
    });
    expect(["no", "bad", "yes"].map((topic) => offer(topic))).toEqual(["not-wanted", "not-wanted", "taken"]);
    expect(offerDirect("yes")).toBe("not-wanted");
    expect(await read()).toBe("yes");
    expect(setUp({ direct: true }).offerDirect("yes")).toBe("taken");
  });

  test("7.45: beyond a bound of messages or bytes the oldest of whoever has most waiting goes, and is counted", async () => {
    const { offer, read, dropped } = setUp();
    offer("mine", "one");
    for (const topic of ["x1", "x2", "x3", "x4"]) offer(topic, "flood");
    expect(dropped()).toBe(2);
    expect([await read(), await read(), await read()]).toEqual(["mine", "x3", "x4"]);
    offer("small", "one", 10);
    offer("large", "other", 995);
    expect(dropped()).toBe(3);
    expect(await read()).toBe("small");
    offer("too large for any", "one", 1_001);
    expect(dropped()).toBe(4);
  });

  test("7.45: a direct one that nobody reads is answered so", async () => {
    const { acceptors, reader, offerDirect, answers } = setUp({ direct: true });
    for (const topic of ["a", "b", "c", "d"]) offerDirect(topic);
    expect(answers).toEqual(["a: nobody read it in time"]);
    await reader.return?.();
    expect(answers).toHaveLength(4);
    expect(acceptors.isEmpty).toBe(true);
  });

  test("7.45: ends with its signal, its reader, or the node; the last lets what waits be read", async () => {
    const abort = new AbortController();
    const aborted = setUp({ signal: abort.signal });
    aborted.offer("a");
    const waiting = setUp({ signal: abort.signal });
    const last = waiting.read();
    abort.abort();
    expect([await aborted.read(), await last, aborted.offer("b")]).toEqual(["end", "end", "not-wanted"]);
    expect(await setUp({ signal: abort.signal }).read()).toBe("end");
    const { acceptors, offer, read } = setUp();
    offer("a");
    acceptors.close();
    expect([await read(), await read()]).toEqual(["a", "end"]);
    expect(() => acceptors.open(() => true, {})).toThrow(expect.objectContaining({ code: "closed" }));
  });

  test("7.45: bounds are at least 1", () => {
    expect(() => setUp({ maxMessages: 0 })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    expect(() => setUp({ maxBytes: Number.NaN })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });
});
