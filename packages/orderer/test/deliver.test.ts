import { X509Certificate } from "node:crypto";
import { sha256 } from "@gossip/crypto";
import { createTestOrganization } from "@gossip/crypto/testing";
import { encodeSignedEnvelope } from "@gossip/proto/fabric";
import { systemWallClock } from "@gossip/runtime";
import { describe, expect, it } from "vitest";
import { createTestOrdering, type TestSeek } from "../src/testing/index.js";
import { fixture } from "./certificates.js";
import { broadcast, decoded, openScene, take } from "./scene.js";

const specified = (number: bigint) => ({ type: "specified", number }) as const;
const endless = specified(2n ** 64n - 1n);
const minuteNanos = 60_000_000_000n;
const ordering = createTestOrdering();

/** An orderer with blocks 0 to 3. */
async function openWithBlocks() {
  const scene = await openScene({ ordering, batch: { maxMessageCount: 1 } });
  await broadcast(
    scene.client,
    ["a", "b", "c"].map((text) => ordering.transaction(text)),
  );
  return scene;
}

describe("9.26: Deliver sends", () => {
  const cases: readonly (readonly [string, TestSeek, readonly (bigint | number)[]])[] = [
    ["all blocks from oldest to newest", {}, [0n, 1n, 2n, 3n, 200]],
    ["the newest block", { start: { type: "newest" } }, [3n, 200]],
    ["a range", { start: specified(1n), stop: specified(2n) }, [1n, 2n, 200]],
    ["one block", { start: specified(2n), stop: specified(2n) }, [2n, 200]],
    [
      "what there is and then 404 when it must not wait",
      { start: specified(2n), stop: endless, behavior: "fail-if-not-ready" },
      [2n, 3n, 404],
    ],
    [
      "404 for a start beyond the tip when it must not wait",
      { start: specified(9n), stop: endless, behavior: "fail-if-not-ready" },
      [404],
    ],
  ];
  for (const [what, seek, expected] of cases) {
    it(what, async () => {
      const { client } = await openWithBlocks();
      const stream = client.deliver();
      stream.send(ordering.seek(seek));
      expect(await take(stream, expected.length)).toEqual(expected);
      stream.cancel();
    });
  }

  it("blocks as they are cut, when it may wait", async () => {
    const { client } = await openScene({ ordering, batch: { maxMessageCount: 1 } });
    const stream = client.deliver();
    stream.send(ordering.seek({ start: specified(2n), stop: endless }));
    await broadcast(
      client,
      ["a", "b", "c"].map((text) => ordering.transaction(text)),
    );
    expect(await take(stream, 2)).toEqual([2n, 3n]);
    stream.cancel();
  });

  it("several ranges on one stream", async () => {
    const { client } = await openWithBlocks();
    const stream = client.deliver();
    stream.send(ordering.seek({ start: specified(3n), stop: specified(3n) }));
    stream.send(ordering.seek({ start: specified(1n), stop: specified(1n) }));
    expect(await take(stream, 4)).toEqual([3n, 200, 1n, 200]);
    stream.halfClose();
    expect(await stream.ended).toMatchObject({ code: 0 });
  });

  it("9.27: headers with signatures only when asked so, but configurations whole", async () => {
    const { client } = await openWithBlocks();
    const stream = client.deliver();
    stream.send(ordering.seek({ contentType: "header-with-sig" }));
    const sizes: number[] = [];
    for (let at = 0; at < 4; at++) {
      const response = await stream.next();
      if (response?.type !== "block") throw new Error("expected a block");
      const block = decoded(response.block);
      expect(block.metadata).toHaveLength(5);
      sizes.push(block.data.length);
    }
    expect(sizes).toEqual([1, 0, 0, 0]);
    stream.cancel();
  });

  it("the genesis block byte for byte", async () => {
    const { client } = await openScene({ ordering });
    const stream = client.deliver();
    stream.send(ordering.seek());
    const response = await stream.next();
    const [genesis] = ordering.options.genesisBlocks;
    expect(response?.type === "block" && Buffer.compare(response.block, genesis ?? new Uint8Array(0))).toBe(0);
    stream.cancel();
  });
});

describe("9.26: Deliver refuses", () => {
  const now = () => systemWallClock.nowNanos();
  const cases: readonly (readonly [string, number, () => Uint8Array])[] = [
    ["bytes that are no envelope", 400, () => new Uint8Array([0xff])],
    [
      "a payload that is none",
      400,
      () => encodeSignedEnvelope({ payload: new Uint8Array([7]), signature: new Uint8Array([7]) }),
    ],
    ["a transaction", 400, () => ordering.transaction("x")],
    ["no timestamp", 400, () => ordering.seek({ header: { timestampNanos: undefined } })],
    ["a timestamp 16 minutes old", 400, () => ordering.seek({ header: { timestampNanos: now() - 16n * minuteNanos } })],
    [
      "a timestamp 16 minutes ahead",
      400,
      () => ordering.seek({ header: { timestampNanos: now() + 16n * minuteNanos } }),
    ],
    ["an unknown channel", 404, () => ordering.seek({ channelId: "other" })],
    ["a reader of an unknown organization", 403, () => ordering.seek({ by: ordering.stranger })],
    [
      "a signature of somebody else",
      403,
      () => ordering.seek({ by: { ...ordering.client, sign: ordering.stranger.sign } }),
    ],
    ["start after stop", 400, () => ordering.seek({ start: specified(2n), stop: specified(1n) })],
    ["no seek info", 400, () => ordering.seek({ data: new Uint8Array(0) })],
  ];
  for (const [what, status, request] of cases) {
    it(`${what} with ${status}, and ends the stream`, async () => {
      const { client } = await openScene({ ordering });
      const stream = client.deliver();
      stream.send(request());
      expect(await take(stream, 1)).toEqual([status]);
      expect(await stream.next()).toBeUndefined();
      expect(await stream.ended).toMatchObject({ code: 0 });
    });
  }

  it("to go on once the reader's identity has expired", async () => {
    const notAfterMs = Number(now() / 1_000_000n) + 60_000;
    const by = createTestOrganization("Org1MSP").issue("mayfly", { role: "client", notAfterMs });
    let aheadNanos = 0n;
    const wall = { nowNanos: () => now() + aheadNanos };
    const { client } = await openScene({ ordering, wall });
    const stream = client.deliver();
    stream.send(ordering.seek({ by, stop: endless }));
    expect(await take(stream, 1)).toEqual([0n]);
    aheadNanos = 2n * minuteNanos;
    await broadcast(client, [ordering.transaction("after its time")]);
    expect(await take(stream, 1)).toEqual([403]);
  });

  it("to go on when the orderer closes, with 503", async () => {
    const { client, orderer } = await openScene({ ordering });
    const stream = client.deliver();
    stream.send(ordering.seek({ stop: endless }));
    expect(await take(stream, 1)).toEqual([0n]);
    await orderer.close();
    expect(await take(stream, 1)).toEqual([503]);
  });
});

describe("Deliver with mutual TLS", () => {
  const tls = { cert: fixture("server.pem"), key: fixture("server.key"), clientRootCas: [fixture("ca.pem")] };
  const clientTls = { cert: fixture("client.pem"), key: fixture("client.key"), rootCert: fixture("ca.pem") };
  const tlsCertHash = sha256(new X509Certificate(fixture("client.pem")).raw);

  it("binds a request to the certificate of its connection", async () => {
    const { client } = await openScene({ ordering, tls, clientTls });
    const stream = client.deliver();
    stream.send(ordering.seek({ header: { tlsCertHash } }));
    expect(await take(stream, 2)).toEqual([0n, 200]);
    stream.cancel();
  });

  for (const [what, hash] of [
    ["no hash", new Uint8Array(0)],
    ["the hash of another certificate", new Uint8Array(32).fill(1)],
  ] as const) {
    it(`refuses ${what} with 400`, async () => {
      const { client } = await openScene({ ordering, tls, clientTls });
      const stream = client.deliver();
      stream.send(ordering.seek({ header: { tlsCertHash: hash } }));
      expect(await take(stream, 1)).toEqual([400]);
    });
  }

  it("lets no client in whose certificate its authorities did not issue", async () => {
    const stranger = { ...clientTls, cert: fixture("stranger.pem"), key: fixture("stranger.key") };
    const { client } = await openScene({ ordering, tls, clientTls: stranger });
    expect(await client.deliver().ended).toMatchObject({ code: 14 });
  });

  it("asks for no certificate and no hash when no authorities are given", async () => {
    const { client } = await openScene({ ordering, tls: { ...tls, clientRootCas: [] }, clientTls });
    const stream = client.deliver();
    stream.send(ordering.seek());
    expect(await take(stream, 2)).toEqual([0n, 200]);
    stream.cancel();
  });
});
