import { connect as connectTcp } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { createOrganization, type TestOrganization } from "../../test/support/tls.js";
import type { DialResult, Stream } from "../ports.js";
import { StreamRecorder } from "../testing/stream-recorder.js";
import { createGrpcTransport, type GrpcTransport } from "./grpc-transport.js";
import type { GrpcTls } from "./options.js";
import { tlsCertHash } from "./tls.js";

const opened: GrpcTransport[] = [];
let org1: TestOrganization;
let org2: TestOrganization;

beforeAll(async () => {
  [org1, org2] = [await createOrganization("Org1"), await createOrganization("Org2")];
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((transport) => transport.close()));
});

async function open(tls: GrpcTls | undefined): Promise<GrpcTransport> {
  const transport = await createGrpcTransport({
    listen: "127.0.0.1:0",
    ...(tls && { tls }),
    limits: { closeTimeoutMs: 20 },
  });
  opened.push(transport);
  return transport;
}

function dial(from: GrpcTransport, to: GrpcTransport): Promise<DialResult> {
  return new Promise((resolve) => from.dial(to.endpoint, 5000, resolve));
}

/** What the other side is given of each stream that is opened to it. */
function listen(transport: GrpcTransport): Stream[] {
  const streams: Stream[] = [];
  transport.listen((stream) => streams.push(stream));
  return streams;
}

describe("setTlsRoots", () => {
  it("3.32: lets in clients, and reaches servers, of an authority that came later, and no more of one that went", async () => {
    const alice = await open(await org1.member("alice"));
    const bob = await open(await org2.member("bob"));
    const streams = listen(alice);
    listen(bob);
    const both = [org1.authority.cert, org2.authority.cert];
    bob.setTlsRoots({ roots: both });
    expect([await dial(bob, alice), await dial(alice, bob)]).toMatchObject([{ ok: false }, { ok: false }]);
    alice.setTlsRoots({ roots: both });
    expect([await dial(bob, alice), await dial(alice, bob)]).toMatchObject([{ ok: true }, { ok: true }]);
    alice.setTlsRoots({ roots: [org1.authority.cert] });
    expect([await dial(bob, alice), await dial(alice, bob)]).toMatchObject([{ ok: false }, { ok: false }]);
    expect(streams).toHaveLength(1);
  });

  it("keeps apart whom we dial and who dials us", async () => {
    const alice = await open(await org1.member("alice"));
    const bob = await open({ ...(await org2.member("bob")), roots: [org1.authority.cert, org2.authority.cert] });
    listen(alice);
    listen(bob);
    alice.setTlsRoots({ roots: [org1.authority.cert], clientRoots: [org1.authority.cert, org2.authority.cert] });
    expect([(await dial(bob, alice)).ok, (await dial(alice, bob)).ok]).toEqual([true, false]);
    alice.setTlsRoots({ roots: [org2.authority.cert], clientRoots: [org1.authority.cert] });
    expect([(await dial(bob, alice)).ok, (await dial(alice, bob)).ok]).toEqual([false, true]);
  });

  it("3.32: leaves streams that are open as they are", async () => {
    const alice = await open(await org1.member("alice"));
    const bob = await open(await org1.member("bob"));
    const streams = listen(alice);
    const dialled = await dial(bob, alice);
    if (!dialled.ok) throw new Error(`expected a stream, got ${dialled.detail}`);
    alice.setTlsRoots({ roots: [org2.authority.cert] });
    bob.setTlsRoots({ roots: [org2.authority.cert] });
    const recorder = new StreamRecorder(streams[0] as Stream).start();
    dialled.stream.send(Uint8Array.of(7));
    await recorder.until(() => recorder.messages.length === 1);
    expect(recorder.messages).toEqual([Uint8Array.of(7)]);
  });

  it("3.32: replaces nothing when one of them is no certificate, and needs TLS", async () => {
    const alice = await open(await org1.member("alice"));
    const bob = await open(await org1.member("bob"));
    listen(alice);
    listen(bob);
    const nonsense = "no certificate";
    for (const roots of [{ roots: [nonsense] }, { roots: [org2.authority.cert], clientRoots: [nonsense] }]) {
      expect(() => alice.setTlsRoots(roots)).toThrow("to be certificates in PEM");
    }
    expect([(await dial(bob, alice)).ok, (await dial(alice, bob)).ok]).toEqual([true, true]);
    const plain = await open(undefined);
    expect(() => plain.setTlsRoots({ roots: [] })).toThrow("expected a transport with TLS");
  });
});

describe("the authorities that a client is shown", () => {
  it("3.33: are none without clientAuthRequired, so that a client of a foreign authority sends its certificate", async () => {
    const bob = await open({ ...(await org1.member("bob")), clientAuthRequired: false });
    const streams = listen(bob);
    bob.setTlsRoots({ roots: [org1.authority.cert], clientRoots: [org1.authority.cert] });
    expect(await authoritiesShown(bob)).toEqual([]);
    const foreign = { ...(await org2.member("mallory")), roots: [org1.authority.cert] };
    await dial(await open(foreign), bob);
    expect(streams[0]?.remoteTlsCertHash).toEqual(tlsCertHash(foreign.clientCert));
  });

  it("3.33: are all of clientRoots with clientAuthRequired, those of a bundle too, and others once they are replaced", async () => {
    const bob = await open(await org1.member("bob"));
    listen(bob);
    expect(await authoritiesShown(bob)).toEqual(["tls-ca.Org1"]);
    const bundle = `${org1.authority.cert}${org2.authority.cert}`;
    bob.setTlsRoots({ roots: [org1.authority.cert], clientRoots: [bundle] });
    expect((await authoritiesShown(bob)).sort()).toEqual(["tls-ca.Org1", "tls-ca.Org2"]);
    bob.setTlsRoots({ roots: [org1.authority.cert], clientRoots: [org2.authority.cert] });
    expect(await authoritiesShown(bob)).toEqual(["tls-ca.Org2"]);
  });
});

/**
 * The common names in the server's CertificateRequest (RFC 5246 §7.4.4). Node's client does not tell them, but under TLS 1.2
 * they are in the clear.
 */
async function authoritiesShown({ endpoint }: GrpcTransport): Promise<string[]> {
  const [host = "", port = ""] = endpoint.split(":");
  const seen: Buffer[] = [];
  const tcp = connectTcp({ host, port: Number(port) });
  const tap = new Duplex({
    read: () => {},
    write: (bytes: Buffer, _encoding, done) => {
      tcp.write(bytes);
      done();
    },
  });
  tcp.on("data", (bytes: Buffer) => {
    seen.push(bytes);
    tap.push(bytes);
  });
  tcp.on("close", () => tap.push(null));
  const { clientCert, clientKey } = await org1.member("looker");
  const client = connectTls({
    socket: tap,
    cert: clientCert,
    key: clientKey,
    rejectUnauthorized: false,
    maxVersion: "TLSv1.2",
    ALPNProtocols: ["h2"],
  });
  client.on("error", () => {});
  await new Promise<void>((resolve) => client.once("secureConnect", resolve).once("close", () => resolve()));
  client.destroy();
  tcp.destroy();
  return namesIn(certificateRequest(Buffer.concat(seen)));
}

/** The body of the handshake message of type 13 among the records of a server's first flight. */
function certificateRequest(records: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at + 5 <= records.length; ) {
    const length = records.readUInt16BE(at + 3);
    if (records[at] === 22) parts.push(records.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  const handshake = Buffer.concat(parts);
  for (let at = 0; at + 4 <= handshake.length; ) {
    const length = handshake.readUIntBE(at + 1, 3);
    if (handshake[at] === 13) return handshake.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
  throw new Error("expected a CertificateRequest, got none");
}

/** Reads certificate types, signature algorithms, and then the names; each one ends with its common name here. */
function namesIn(body: Buffer): string[] {
  const algorithmsAt = 1 + body.readUInt8(0);
  let at = algorithmsAt + 2 + body.readUInt16BE(algorithmsAt);
  const end = at + 2 + body.readUInt16BE(at);
  const names: string[] = [];
  for (at += 2; at < end; ) {
    const length = body.readUInt16BE(at);
    const text = body.subarray(at + 2, at + 2 + length).toString("latin1");
    names.push(/tls-ca\.\w+/.exec(text)?.[0] ?? text);
    at += 2 + length;
  }
  return names;
}
