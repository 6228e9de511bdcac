import { createHash, X509Certificate } from "node:crypto";
import { connect as connectTcp, createServer } from "node:net";
import { Client, credentials } from "@grpc/grpc-js";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { recordingLogger } from "../../test/support/recording-logger.js";
import { openTestNetwork, text } from "../../test/support/test-network.js";
import { createOrganization, type TestOrganization } from "../../test/support/tls.js";
import type { DialResult, Stream } from "../ports.js";
import { StreamRecorder } from "../testing/stream-recorder.js";
import { createGrpcTransport, type GrpcTransport } from "./grpc-transport.js";
import type { GrpcTransportOptions, Pem } from "./options.js";
import { fromWire, pingPath, streamPath, toWire } from "./service.js";
import { tlsCertHash } from "./tls.js";
import { createTlsAuthority } from "./tls-authority.js";

const MiB = 1024 * 1024;

describe("createGrpcTransport", () => {
  const opened: GrpcTransport[] = [];
  let organization: TestOrganization;

  beforeAll(async () => {
    organization = await createOrganization();
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((transport) => transport.close()));
  });

  async function open(options: Partial<GrpcTransportOptions> = {}): Promise<GrpcTransport> {
    const transport = await createGrpcTransport({ listen: "127.0.0.1:0", ...options });
    opened.push(transport);
    return transport;
  }

  async function openSecure(options: Partial<GrpcTransportOptions> = {}): Promise<GrpcTransport> {
    return open({ ...options, tls: { ...(await organization.member("peer")), ...options.tls } });
  }

  it("03/13.5.5: binds each side's certificate to the stream: the client's where it dials, the server's where it listens", async () => {
    const [aliceTls, bobTls] = [await organization.member("alice"), await organization.member("bob")];
    const [alice, bob] = [await open({ tls: aliceTls }), await open({ tls: bobTls })];
    const { near, far } = await connect(alice, bob);
    expect(near.localTlsCertHash).toEqual(sha256OfDer(aliceTls.clientCert));
    expect(far.remoteTlsCertHash).toEqual(sha256OfDer(aliceTls.clientCert));
    expect(near.remoteTlsCertHash).toEqual(sha256OfDer(bobTls.cert));
    expect(far.localTlsCertHash).toEqual(sha256OfDer(bobTls.cert));
  });

  it("carries the handshake and messages of two peers over mutual TLS", async () => {
    const network = openTestNetwork();
    const alice = network.openOne("Org1:alice", { transport: await openSecure() });
    const bob = network.openOne("Org1:bob", { transport: await openSecure() });
    alice.comm.send(bob, text("over TLS"));
    await bob.until(() => bob.texts.length === 1);
    bob.received[0]?.respond(text("and back"));
    await alice.until(() => alice.texts.length === 1);
    expect([...bob.texts, ...alice.texts]).toEqual(["over TLS", "and back"]);
    await network.close();
  });

  it("03/13.2.8, 3.4: lets the handshake refuse a hash that is not that of the certificate on the wire", async () => {
    const network = openTestNetwork();
    const inner = await openSecure();
    // A peer that shows the hash of its server certificate where its client certificate was used.
    const mistaken: GrpcTransport = Object.assign(Object.create(inner), {
      secure: true,
      endpoint: inner.endpoint,
      listen: inner.listen.bind(inner),
      close: inner.close.bind(inner),
      dial: (endpoint: string, timeoutMs: number, onResult: (result: DialResult) => void) =>
        inner.dial(endpoint, timeoutMs, (result) => {
          if (result.ok) Object.defineProperty(result.stream, "localTlsCertHash", { value: new Uint8Array(32) });
          onResult(result);
        }),
    });
    const alice = network.openOne("Org1:alice", { transport: mistaken });
    const bob = network.openOne("Org1:bob", { transport: await openSecure() });
    alice.comm.send(bob, text("never read"));
    await bob.until(() => bob.eventsOf("handshake-refused").length > 0);
    expect(bob.eventsOf("handshake-refused")[0]).toMatchObject({
      reason: "tls-hash-mismatch",
      claimed: alice.pkiId,
      org: "Org1",
      direction: "inbound",
    });
    await network.close();
  });

  it("1.4: takes a client without a certificate no further than to the handshake when clientAuthRequired is false", async () => {
    const bob = await openSecure({ tls: { ...(await organization.member("bob")), clientAuthRequired: false } });
    const accepted = new Promise<Stream>((resolve) => bob.listen(resolve));
    const client = new Client(
      bob.endpoint.replace("127.0.0.1", "localhost"),
      credentials.createSsl(Buffer.from(organization.authority.cert)),
    );
    const call = client.makeBidiStreamRequest(streamPath, toWire, fromWire).on("error", () => {});
    const stream = await accepted;
    expect(stream.remoteTlsCertHash).toBeUndefined();
    call.cancel();
    client.close();
  });

  it("takes a client certificate of an unknown authority when clientAuthRequired is false, and sees its hash", async () => {
    const stranger = await createOrganization("Org9");
    const strangerTls = { ...(await stranger.member("mallory")), roots: [organization.authority.cert] };
    const bob = await openSecure({ tls: { ...(await organization.member("bob")), clientAuthRequired: false } });
    const { far } = await connect(await open({ tls: strangerTls }), bob);
    expect(far.remoteTlsCertHash).toEqual(sha256OfDer(strangerTls.clientCert));
  });

  it("refuses a client certificate of an unknown authority, by name, when clientAuthRequired is true", async () => {
    const stranger = await createOrganization("Org9");
    const log = recordingLogger();
    const bob = await openSecure({ log });
    bob.listen(() => {});
    const mallory = await open({
      tls: { ...(await stranger.member("mallory")), roots: [organization.authority.cert] },
    });
    expect(await dial(mallory, bob.endpoint)).toMatchObject({ ok: false });
    expect(log.lines[0]).toMatchObject({
      level: "warn",
      message: "connection refused",
      fields: { reason: "untrusted-client-certificate", detail: expect.stringContaining("mallory-client") },
    });
  });

  it("does not dial a server whose certificate is of an unknown authority or for another host", async () => {
    const stranger = await createOrganization("Org9");
    const alice = await openSecure();
    const bob = await open({ tls: await stranger.member("bob") });
    expect(await dial(alice, bob.endpoint)).toMatchObject({
      ok: false,
      detail: expect.stringContaining("certificate"),
    });
    const elsewhere = await organization.authority.issue({ name: "carol", hosts: ["carol.example.com"] });
    const carol = await open({ tls: { ...elsewhere, roots: [organization.authority.cert] } });
    expect(await dial(alice, carol.endpoint)).toMatchObject({
      ok: false,
      detail: expect.stringContaining("127.0.0.1"),
    });
  });

  it("passes a message of 100 MiB and refuses one byte more, with the reason and without harm", async () => {
    const [alice, bob] = [await openSecure(), await openSecure()];
    const { near, far } = await connect(alice, bob);
    const [nearRecorder, farRecorder] = [new StreamRecorder(near).start(), new StreamRecorder(far).start()];
    near.send(new Uint8Array(100 * MiB));
    await farRecorder.until(({ messages }) => messages.length === 1);
    expect(farRecorder.messages[0]?.length).toBe(100 * MiB);
    near.send(new Uint8Array(100 * MiB + 1));
    const end = await nearRecorder.ended();
    expect(end).toMatchObject({ ok: false, detail: expect.stringMatching(/RESOURCE_EXHAUSTED.*104857600/) });
    await farRecorder.ended();
    expect(farRecorder.messages).toHaveLength(1);
    expect((await dial(alice, bob.endpoint)).ok).toBe(true);
  });

  it("ends a stream on which more comes than is allowed, and says so", async () => {
    const small = { limits: { maxMessageBytes: MiB } };
    const [alice, bob] = [await open(small), await open()];
    const { near, far } = await connect(alice, bob);
    const recorder = new StreamRecorder(near).start();
    far.send(new Uint8Array(MiB + 1));
    expect(await recorder.ended()).toMatchObject({ ok: false, detail: expect.stringContaining("larger than max") });
  });

  it("answers the ping of a client that knows only the wire", async () => {
    const bob = await open();
    const client = new Client(bob.endpoint, credentials.createInsecure());
    const answer = await new Promise<Uint8Array | undefined>((resolve, reject) => {
      client.makeUnaryRequest(pingPath, toWire, fromWire, new Uint8Array(0), (error, value) =>
        error === null ? resolve(value) : reject(error),
      );
    });
    expect(answer).toHaveLength(0);
    client.close();
  });

  it("03/13.3.6: gives up a ping or a dial that is not answered", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await new Promise((resolve) => silent.once("listening", resolve));
    const address = silent.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const alice = await open();
    const result = await new Promise((resolve) => alice.ping(`127.0.0.1:${port}`, 200, resolve));
    expect(result).toMatchObject({ ok: false });
    const dialled = await new Promise((resolve) => alice.dial(`127.0.0.1:${port}`, 200, resolve));
    expect(dialled).toEqual({ ok: false, detail: "no stream within 200 ms" });
    silent.close();
  });

  for (const secure of [true, false]) {
    it(`survives garbage on its port ${secure ? "with" : "without"} TLS`, async () => {
      const log = recordingLogger();
      const bob = secure ? await openSecure({ log }) : await open({ log });
      await Promise.all([
        sendRaw(bob.endpoint, Buffer.alloc(5000, 0x47)),
        sendRaw(bob.endpoint, Buffer.from("GET / HTTP/1.1\r\n\r\n")),
      ]);
      await sendRaw(
        bob.endpoint,
        Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage that is no frame at all, and a lot of it"),
      );
      const alice = secure ? await openSecure() : await open();
      expect((await connect(alice, bob)).far.direction).toBe("inbound");
      const refused = { message: "connection refused", fields: { reason: "tls-handshake", detail: "http request" } };
      if (secure)
        expect(log.lines).toContainEqual(
          expect.objectContaining({ ...refused, fields: expect.objectContaining(refused.fields) }),
        );
    });
  }

  it("holds no more connections of one address than allowed, and counts the others", async () => {
    const log = recordingLogger();
    const bob = await open({ log, limits: { maxConnectionsPerHost: 2 } });
    bob.listen((stream) => new StreamRecorder(stream).start());
    const alice = await open();
    const results = [await dial(alice, bob.endpoint), await dial(alice, bob.endpoint), await dial(alice, bob.endpoint)];
    expect(results.map(({ ok }) => ok)).toEqual([true, true, false]);
    expect(log.lines[0]).toMatchObject({ message: "connection refused", fields: { reason: "too-many-connections" } });
  });

  it("says in one line that the port is taken", async () => {
    const bob = await open();
    await expect(open({ listen: bob.endpoint })).rejects.toMatchObject({
      code: "conflict",
      message: `expected ${bob.endpoint} to be free to listen on, got a port that is in use`,
    });
  });

  it.each([
    ["listen", { listen: "7051" }, /expected listen as host:port, got "7051"/],
    ["a limit", { limits: { maxMessageBytes: 0 } }, /expected maxMessageBytes to be an integer of at least 1, got 0/],
    ["keepalive", { limits: { clientKeepaliveMs: 1000 } }, /expected clientKeepaliveMs of at least 60000/],
    ["a certificate", { tls: { cert: "nonsense", key: "", roots: [] } }, /expected a certificate in PEM/],
  ])("refuses a bad value of %s", async (_name, options, message) => {
    await expect(open(options)).rejects.toMatchObject({
      code: "invalid-config",
      message: expect.stringMatching(message),
    });
  });

  it("refuses a key that does not belong to its certificate", async () => {
    const [alice, bob] = [await organization.member("alice"), await organization.member("bob")];
    await expect(open({ tls: { ...alice, key: bob.key } })).rejects.toMatchObject({
      code: "invalid-config",
      message: expect.stringContaining("expected tls.cert and tls.key to be a matching pair"),
    });
  });

  it.each(["roots", "clientRoots"] as const)(
    "refuses %s without a certificate, which would trust nobody",
    async (name) => {
      const alice = await organization.member("alice");
      await expect(open({ tls: { ...alice, [name]: ["nonsense"] } })).rejects.toMatchObject({
        code: "invalid-config",
        message: expect.stringMatching(`^expected tls.${name} to be certificates in PEM, got `),
      });
    },
  );

  it("3.31: refuses connections as soon as it closes, though a stream has not ended yet", async () => {
    const [alice, bob] = [await openSecure(), await openSecure({ limits: { closeTimeoutMs: 60_000 } })];
    const { near, far } = await connect(bob, alice);
    const recorder = new StreamRecorder(near).start();
    // A stock peer ends its side when it comes to it; this one when it is aborted below.
    far.setReading(false);
    const closed = bob.close();
    const refused = new Promise((resolve) => {
      const [host = "", port = ""] = bob.endpoint.split(":");
      connectTcp({ host, port: Number(port) }, () => resolve("connected")).on("error", (error: NodeJS.ErrnoException) =>
        resolve(error.code),
      );
    });
    expect(await refused).toBe("ECONNREFUSED");
    expect(recorder.ends).toEqual([]);
    far.close("gone");
    await Promise.all([closed, recorder.ended()]);
  });

  it("leaves no socket, timer or port behind when it is closed", async () => {
    const before = process.getActiveResourcesInfo().filter(isLasting).length;
    const [alice, bob] = [await openSecure(), await openSecure()];
    const { near, far } = await connect(alice, bob);
    const recorders = [new StreamRecorder(near).start(), new StreamRecorder(far).start()];
    near.send(new Uint8Array(1000));
    await Promise.all([alice.close(), bob.close(), ...recorders.map((recorder) => recorder.ended())]);
    // Node takes a turn of its loop to forget a closed socket.
    for (let turn = 0; turn < 20 && process.getActiveResourcesInfo().filter(isLasting).length > before; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(process.getActiveResourcesInfo().filter(isLasting).length).toBeLessThanOrEqual(before);
    await open({ listen: bob.endpoint });
  });
});

describe("createTlsAuthority", () => {
  it("issues certificates that OpenSSL takes for the hosts named and for both roles", async () => {
    const authority = await createTlsAuthority({ name: "tls-ca.Org1", validityDays: 30 });
    const leaf = await authority.issue({ name: "peer0", hosts: ["localhost", "127.0.0.1", "::1", "fe80::12:0:3"] });
    const [root, certificate] = [new X509Certificate(authority.cert), new X509Certificate(leaf.cert)];
    expect(root.ca).toBe(true);
    expect(root.verify(root.publicKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.checkIssued(root)).toBe(true);
    expect(certificate.verify(root.publicKey)).toBe(true);
    expect(certificate.subject).toBe("CN=peer0");
    expect(certificate.checkHost("localhost")).toBe("localhost");
    expect(certificate.checkHost("elsewhere")).toBeUndefined();
    for (const address of ["127.0.0.1", "::1", "fe80::12:0:3"]) expect(certificate.checkIP(address)).toBe(address);
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  });

  it("dates certificates by the clock it is given, beyond 2050 too", async () => {
    const wall = { nowNanos: () => BigInt(Date.UTC(2049, 11, 31)) * 1_000_000n };
    const authority = await createTlsAuthority({ name: "ca", validityDays: 10, wall });
    const certificate = new X509Certificate(authority.cert);
    expect(certificate.validFrom).toBe("Dec 30 23:55:00 2049 GMT");
    expect(certificate.validTo).toBe("Jan  9 23:55:00 2050 GMT");
  });

  it.each([
    ["an empty name", { name: "", hosts: ["localhost"] }],
    ["an empty host", { name: "peer0", hosts: [""] }],
    ["no validity", { name: "peer0", hosts: ["localhost"], validityDays: 0 }],
  ])("refuses %s", async (_name, options) => {
    const authority = await createTlsAuthority({ name: "ca" });
    await expect(authority.issue(options)).rejects.toMatchObject({ code: "invalid-argument" });
  });
});

describe("tlsCertHash", () => {
  it("is the SHA-256 of the first certificate's DER, whatever follows it", async () => {
    const authority = await createTlsAuthority({ name: "ca" });
    const { cert } = await authority.issue({ name: "peer0", hosts: ["localhost"] });
    expect(tlsCertHash(`${cert}${authority.cert}`)).toEqual(sha256OfDer(cert));
  });
});

function sha256OfDer(pem: Pem): Uint8Array {
  return new Uint8Array(createHash("sha256").update(new X509Certificate(pem).raw).digest());
}

function dial(from: GrpcTransport, endpoint: string): Promise<DialResult> {
  return new Promise((resolve) => from.dial(endpoint, 5000, resolve));
}

async function connect(from: GrpcTransport, to: GrpcTransport): Promise<{ near: Stream; far: Stream }> {
  const accepted = new Promise<Stream>((resolve) => to.listen(resolve));
  const result = await dial(from, to.endpoint);
  if (!result.ok) throw new Error(`expected a stream, got ${result.detail}`);
  return { near: result.stream, far: await accepted };
}

/** Sends bytes to a port and waits until the other side has hung up, or has had its say. */
function sendRaw(endpoint: string, bytes: Uint8Array): Promise<void> {
  const [host = "", port = ""] = endpoint.split(":");
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port: Number(port) }, () => socket.write(bytes));
    socket.on("error", () => {}).on("close", () => resolve());
    socket.on("data", () => socket.destroy());
  });
}

/** What would keep a process from ending. */
function isLasting(resource: string): boolean {
  return /^(TCP|TLS|Timeout)/.test(resource);
}
