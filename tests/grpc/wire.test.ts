/** What a stock peer sees of our connections before the first message, by clients and servers that know only HTTP/2. */

import { once } from "node:events";
import { connect, createServer, type Http2Server, type IncomingHttpHeaders } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Stream } from "@gossip/comm";
import { createGrpcTransport } from "@gossip/comm/grpc";
import { afterEach, expect, test } from "vitest";

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function transport() {
  const made = await createGrpcTransport({ listen: "127.0.0.1:0" });
  opened.push(() => made.close());
  return made;
}

/** A server that notes with what headers streams are opened, and over which sockets. */
async function listen() {
  const server: Http2Server = createServer();
  const heard: IncomingHttpHeaders[] = [];
  let sockets = 0;
  server.on("session", () => sockets++);
  server.on("stream", (stream, headers) => {
    heard.push(headers);
    stream.respond({ ":status": 200, "content-type": "application/grpc+proto" });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  opened.push(async () => server.close());
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return { endpoint: `127.0.0.1:${port}`, heard, sockets: () => sockets };
}

test("1.1: each dial has a connection of its own, with one stream on it", async () => {
  const [server, dialler] = [await listen(), await transport()];
  const dial = () =>
    new Promise<Stream>((resolve, reject) =>
      dialler.dial(server.endpoint, 5_000, (result) =>
        result.ok ? resolve(result.stream) : reject(new Error(result.detail)),
      ),
    );
  const streams = [await dial(), await dial(), await dial()];
  expect([server.sockets(), server.heard.length]).toEqual([3, 3]);
  for (const stream of streams) stream.close("done");
});

test("1.3: a dial says nothing but what gRPC needs: no metadata of ours, no deadline, no compression", async () => {
  const [server, dialler] = [await listen(), await transport()];
  const dialled = new Promise<Stream | undefined>((resolve) =>
    dialler.dial(server.endpoint, 5_000, (result) => resolve(result.ok ? result.stream : undefined)),
  );
  (await dialled)?.close("done");
  const [headers = {}] = server.heard;
  const known = [
    ":authority",
    ":method",
    ":path",
    ":scheme",
    "accept-encoding",
    "content-type",
    "grpc-accept-encoding",
    "te",
    "user-agent",
  ];
  expect(Object.keys(headers).filter((name) => !known.includes(name))).toEqual([]);
  expect(headers[":path"]).toBe("/gossip.Gossip/GossipStream");
});

test("1.3: an acceptor sends its headers at once, before anything is said, and compresses nothing", async () => {
  const acceptor = await transport();
  acceptor.listen((stream) => stream.start({ onMessage() {}, onDrain() {}, onEnd() {} }));
  const session = connect(`http://${acceptor.endpoint}`);
  opened.push(async () => session.destroy());
  const call = session.request({
    ":method": "POST",
    ":path": "/gossip.Gossip/GossipStream",
    "content-type": "application/grpc",
    te: "trailers",
  });
  const [headers] = (await once(call, "response")) as [IncomingHttpHeaders];
  expect(headers[":status"]).toBe(200);
  expect(headers["grpc-encoding"] ?? "identity").toBe("identity");
});
