import { deepStrictEqual, equal, ok } from "node:assert/strict";
import type { DialResult, PingResult, Stream, Transport } from "../ports.js";
import { StreamRecorder } from "./stream-recorder.js";

/** Two transports that can reach each other, for one case. */
export interface TransportPair {
  readonly alice: Transport;
  readonly bob: Transport;
  /** Where `alice` reaches `bob`. */
  readonly bobEndpoint: string;
  /** Where nobody is. */
  readonly nobodyEndpoint: string;
  /** Closes both, and whatever else the case left. */
  close(): Promise<void>;
}

/** One duty of a transport, to be run by any test framework. */
export interface TransportCase {
  readonly name: string;
  /** @throws AssertionError when the transport breaks the duty. */
  run(create: () => Promise<TransportPair>): Promise<void>;
}

const timeoutMs = 5000;

/**
 * The duties of a transport and its streams, for anybody who writes one.
 *
 * @example
 * for (const { name, run } of transportCases) it(name, () => run(createPair));
 */
export const transportCases: readonly TransportCase[] = [
  transportCase("carries messages whole, in order, both ways", async (pair) => {
    const { near, far } = await connect(pair);
    const sizes = [1, 5, 1000, 70_000, 1_500_000, 3];
    for (const [at, size] of sizes.entries()) {
      near.call((stream) => stream.send(filled(size, at)));
      far.call((stream) => stream.send(filled(size, at + 100)));
    }
    await far.until(({ messages }) => messages.length === sizes.length);
    await near.until(({ messages }) => messages.length === sizes.length);
    for (const [at, size] of sizes.entries()) {
      sameBytes(far.messages[at], filled(size, at));
      sameBytes(near.messages[at], filled(size, at + 100));
    }
    equal(near.nestedCalls + far.nestedCalls, 0, "handlers are not called from inside a call to the stream");
  }),
  transportCase("leaves the sender's array alone, and the receiver's", async (pair) => {
    const { near, far } = await connect(pair);
    const bytes = filled(10, 1);
    near.stream.send(bytes);
    await far.until(({ messages }) => messages.length === 1);
    far.messages[0]?.fill(9);
    sameBytes(bytes, filled(10, 1));
  }),
  transportCase("delivers nothing before start, and then what came before", async (pair) => {
    const { near, far } = await open(pair);
    const nearRecorder = new StreamRecorder(near).start();
    nearRecorder.stream.send(filled(3, 1));
    nearRecorder.stream.send(filled(3, 2));
    await roundTrips(pair, 3);
    const farRecorder = new StreamRecorder(far).start();
    equal(farRecorder.messages.length, 0, "nothing from inside start");
    await farRecorder.until(({ messages }) => messages.length === 2);
    deepStrictEqual(
      farRecorder.messages.map(([first]) => first),
      [1, 2],
    );
  }),
  transportCase("tells who opened the stream, and where it leads", async (pair) => {
    const { near, far } = await open(pair);
    equal(near.direction, "outbound");
    equal(far.direction, "inbound");
    equal(near.remoteAddress, pair.bobEndpoint);
    ok(far.remoteAddress.length > 0, "an inbound stream has a remote address");
  }),
  transportCase("shows both sides the same certificate hashes when secure, and none otherwise", async (pair) => {
    const { near, far } = await open(pair);
    deepStrictEqual(near.remoteTlsCertHash, far.localTlsCertHash);
    deepStrictEqual(far.remoteTlsCertHash, near.localTlsCertHash);
    const expected = pair.alice.secure ? 32 : undefined;
    equal(near.remoteTlsCertHash?.length, expected);
    equal(far.remoteTlsCertHash?.length, expected);
  }),
  transportCase("1.2: loses nothing in either direction when the dialler closes", async (pair) => {
    const { near, far } = await connect(pair);
    for (let at = 0; at < 50; at++) far.stream.send(filled(1000, at));
    for (let at = 0; at < 50; at++) near.stream.send(filled(1000, at));
    near.call((stream) => stream.close());
    deepStrictEqual(await okOf(near), true);
    deepStrictEqual(await okOf(far), true);
    equal(near.messages.length, 50, "the dialler reads on to the end");
    equal(far.messages.length, 50, "the acceptor gets what was sent before the close");
    equal(near.nestedCalls + far.nestedCalls, 0);
  }),
  transportCase("delivers what the acceptor sent before it closed", async (pair) => {
    const { near, far } = await connect(pair);
    for (let at = 0; at < 50; at++) far.stream.send(filled(1000, at));
    far.stream.close();
    equal(await okOf(near), true);
    equal(await okOf(far), true);
    equal(near.messages.length, 50);
  }),
  transportCase("keeps messages in front of the end for a reader that is paused", async (pair) => {
    const { near, far } = await connect(pair);
    near.stream.setReading(false);
    for (let at = 0; at < 5; at++) far.stream.send(filled(10, at));
    far.stream.close();
    await roundTrips(pair, 3);
    equal(near.messages.length + near.ends.length, 0, "a paused stream delivers neither messages nor an end in order");
    near.stream.setReading(true);
    equal(await okOf(near), true);
    equal(near.messages.length, 5);
  }),
  transportCase("tells the dialler why the acceptor refused", async (pair) => {
    const { near, far } = await connect(pair);
    far.call((stream) => stream.close("unknown-organization: expected Org1, got Org9"));
    const end = await near.ended();
    equal(end.ok, false);
    ok(end.detail.includes("unknown-organization: expected Org1, got Org9"), `the reason is in: ${end.detail}`);
    equal(await okOf(far), false);
    equal(far.nestedCalls, 0);
  }),
  transportCase("ends the acceptor's side when the dialler breaks off", async (pair) => {
    const { near, far } = await connect(pair);
    near.call((stream) => stream.close("changed my mind"));
    // Not judged is how it shows there: HTTP/2 may bring the end of sending before the reset.
    await far.ended();
    deepStrictEqual(await near.ended(), { ok: false, detail: "changed my mind" });
    equal(near.nestedCalls, 0);
  }),
  transportCase("lets an error cut short a close in order", async (pair) => {
    const { near, far } = await connect(pair);
    far.stream.setReading(false);
    near.stream.send(filled(10, 1));
    near.stream.close();
    near.stream.close("took too long");
    equal(await okOf(near), false);
  }),
  transportCase("ends once, and does nothing after the end", async (pair) => {
    const { near, far } = await connect(pair);
    near.stream.close();
    near.stream.close();
    await near.ended();
    await far.ended();
    near.stream.close("too late");
    far.stream.close("too late");
    equal(near.stream.send(filled(10, 1)), true, "send does nothing after the end");
    far.stream.send(filled(10, 1));
    near.stream.setReading(true);
    await roundTrips(pair, 3);
    equal(near.ends.length + far.ends.length, 2);
    equal(near.messages.length + far.messages.length, 0);
  }),
  transportCase("can be closed before it was started", async (pair) => {
    const { near, far } = await open(pair);
    const recorder = new StreamRecorder(near).start();
    far.close("too-many-handshakes: try later");
    const end = await recorder.ended();
    equal(end.ok, false);
    ok(end.detail.includes("too-many-handshakes"), `the reason is in: ${end.detail}`);
  }),
  transportCase("makes the sender wait for a reader that is paused, and lets it go on", async (pair) => {
    const { near, far } = await connect(pair);
    far.stream.setReading(false);
    let sent = 0;
    // Far more than any sensible window: a transport without backpressure would take it all.
    while (sent < 2000 && near.stream.send(filled(64 * 1024, sent % 256))) sent++;
    ok(sent < 2000, "send says to wait before 128 MiB are on the way");
    await roundTrips(pair, 3);
    equal(far.messages.length, 0, "a paused stream delivers nothing");
    far.stream.setReading(true);
    await near.until(({ drains }) => drains > 0);
    await far.until(({ messages }) => messages.length === sent + 1);
    deepStrictEqual(
      far.messages.map(([first]) => first),
      far.messages.map((_, at) => at % 256),
    );
  }),
  transportCase("stops delivery at once when a handler pauses it", async (pair) => {
    const { near, far } = await open(pair);
    const messages: number[] = [];
    let taken = () => {};
    const first = new Promise<void>((resolve) => {
      taken = resolve;
    });
    far.start({
      onMessage([value = -1]) {
        messages.push(value);
        far.setReading(false);
        taken();
      },
      onDrain() {},
      onEnd() {},
    });
    new StreamRecorder(near).start();
    for (let at = 0; at < 5; at++) near.send(filled(10, at));
    await first;
    await roundTrips(pair, 3);
    deepStrictEqual(messages, [0]);
  }),
  transportCase("says that a dial failed, not from inside the call", async (pair) => {
    let isInside = true;
    const result = await new Promise<DialResult>((resolve) => {
      pair.alice.dial(pair.nobodyEndpoint, timeoutMs, (dialled) => {
        equal(isInside, false);
        resolve(dialled);
      });
      isInside = false;
    });
    equal(result.ok, false);
    if (!result.ok) ok(result.detail.length > 0, "a failed dial has a reason");
  }),
  transportCase("fails a dial to what is no endpoint at all", async (pair) => {
    for (const endpoint of ["", "nonsense", "unix:/tmp/socket", "http://127.0.0.1:80", "127.0.0.1:99999"]) {
      equal((await dial(pair.alice, endpoint)).ok, false, endpoint);
      equal((await ping(pair.alice, endpoint)).ok, false, endpoint);
    }
  }),
  transportCase("never reports a dial or a ping that was cancelled", async (pair) => {
    let reports = 0;
    pair.bob.listen((stream) => new StreamRecorder(stream).start());
    pair.alice.dial(pair.bobEndpoint, timeoutMs, () => reports++).cancel();
    pair.alice.ping(pair.bobEndpoint, timeoutMs, () => reports++).cancel();
    await roundTrips(pair, 3);
    equal(reports, 0);
  }),
  transportCase("pings who is there, and only them", async (pair) => {
    pair.bob.listen(() => {});
    deepStrictEqual(await ping(pair.alice, pair.bobEndpoint), { ok: true });
    equal((await ping(pair.alice, pair.nobodyEndpoint)).ok, false);
  }),
  transportCase("ends its streams when it is closed, and is not there any more", async (pair) => {
    const { near, far } = await connect(pair);
    await Promise.all([pair.bob.close(), near.ended(), far.ended()]);
    equal((await dial(pair.alice, pair.bobEndpoint)).ok, false);
    equal((await ping(pair.alice, pair.bobEndpoint)).ok, false);
    await pair.bob.close();
    await pair.alice.close();
    equal((await dial(pair.alice, pair.bobEndpoint)).ok, false, "a closed transport dials nobody");
  }),
];

function transportCase(name: string, check: (pair: TransportPair) => Promise<void>): TransportCase {
  return {
    name,
    async run(create) {
      const pair = await create();
      try {
        await check(pair);
      } finally {
        await pair.close();
      }
    },
  };
}

/** A stream from alice to bob, neither end started. */
async function open({ alice, bob, bobEndpoint }: TransportPair): Promise<{ near: Stream; far: Stream }> {
  const accepted = new Promise<Stream>((resolve) => bob.listen(resolve));
  const result = await dial(alice, bobEndpoint);
  if (!result.ok) throw new Error(`expected a stream to ${bobEndpoint}, got ${result.detail}`);
  return { near: result.stream, far: await accepted };
}

async function connect(pair: TransportPair): Promise<{ near: StreamRecorder; far: StreamRecorder }> {
  const { near, far } = await open(pair);
  return { near: new StreamRecorder(near).start(), far: new StreamRecorder(far).start() };
}

function dial(transport: Transport, endpoint: string): Promise<DialResult> {
  return new Promise((resolve) => transport.dial(endpoint, timeoutMs, resolve));
}

function ping(transport: Transport, endpoint: string): Promise<PingResult> {
  return new Promise((resolve) => transport.ping(endpoint, timeoutMs, resolve));
}

/** Time for what is on the way to arrive, measured by the transport itself. */
async function roundTrips(pair: TransportPair, count: number): Promise<void> {
  for (let trip = 0; trip < count; trip++) await ping(pair.alice, pair.bobEndpoint);
}

async function okOf(recorder: StreamRecorder): Promise<boolean> {
  return (await recorder.ended()).ok;
}

function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

function sameBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  ok(actual !== undefined && Buffer.from(actual).equals(expected), `expected ${expected.length} equal bytes`);
}
