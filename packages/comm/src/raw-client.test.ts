/** A client that speaks the wire by hand, against a real communication layer: the tables 13.1 and 13.2 of page 03. */
import { createFakeCrypto, FakeTrust } from "@gossip/crypto/testing";
import {
  type ConnEstablish,
  decodeEnvelope,
  decodeMessage,
  type Envelope,
  encodeEnvelope,
  encodeMessage,
  pkiId,
} from "@gossip/proto";
import { describe, expect, it } from "vitest";
import { text } from "../test/support/test-network.js";
import { VirtualNetwork } from "../test/support/virtual-network.js";
import { StreamRecorder } from "./testing/stream-recorder.js";

const ourHash = new Uint8Array(32).fill(7);
const none = new Uint8Array(0);
const longer = (bytes: Uint8Array) => Uint8Array.of(...bytes, 0);

interface Attempt {
  readonly secure?: boolean;
  /** The client shows no TLS certificate, on a network that has TLS. */
  readonly withoutCertificate?: boolean;
  readonly name?: string;
  readonly change?: Partial<ConnEstablish>;
  /** Done to the envelope after it was signed. */
  readonly damage?: (envelope: Envelope) => Envelope;
  /** In place of a ConnEstablish. */
  readonly first?: Uint8Array;
  readonly afterMs?: number;
}

/** A raw client that has dialled, said who it is, and sent a message after that. */
function attempt(
  options: Attempt = {},
  network = new VirtualNetwork({ secure: options.secure ?? true }),
  acceptor = network.openOne("Org1:acceptor"),
) {
  const { change = {}, damage = (envelope) => envelope, withoutCertificate = false, afterMs = 0 } = options;
  const client = createFakeCrypto({ org: "Org1", name: options.name ?? "client", trust: network.trust });
  const transport = network.memory.transport(
    "client:7051",
    (options.secure ?? true) && !withoutCertificate ? { tlsCertHash: ourHash } : {},
  );
  let recorder: StreamRecorder | undefined;
  transport.dial(acceptor.endpoint, 3_000, (dialled) => {
    if (dialled.ok) recorder = new StreamRecorder(dialled.stream).start();
  });
  network.virtual.runFor(10);
  if (recorder === undefined) throw new Error("expected a stream to the acceptor");
  const payload = encodeMessage({
    type: "conn",
    nonce: 0n,
    channel: "",
    tag: "empty",
    pkiId: client.pkiId,
    identity: client.identity,
    tlsCertHash: (options.secure ?? true) ? ourHash : none,
    probe: false,
    features: none,
    ...change,
  });
  const envelope: Envelope = { payload, signature: client.sign(payload) };
  network.virtual.runFor(afterMs);
  recorder.stream.send(options.first ?? encodeEnvelope(damage(envelope)));
  recorder.stream.send(encodeEnvelope(text("hello")));
  network.virtual.runFor(100);
  return { network, acceptor, client, envelope, recorder };
}

type Outcome = ReturnType<typeof attempt>;

function expectAccepted({ acceptor, client, envelope, recorder }: Outcome): void {
  expect(acceptor.texts).toEqual(["hello"]);
  const [from] = acceptor.received.map((one) => one.from);
  expect(from).toMatchObject({ pkiId: client.pkiId, identity: client.identity, direction: "inbound" });
  const { payload, signature } = from?.handshake ?? { payload: none, signature: none };
  expect([payload, signature]).toEqual([envelope.payload, envelope.signature]);
  expect(client.verify(client.identity, signature, payload).ok).toBe(true);
  expect(connOf(recorder)).toMatchObject({ type: "conn", pkiId: acceptor.pkiId, probe: false });
}

function expectRefused({ acceptor, client, recorder }: Outcome, reason: string): void {
  expect(acceptor.eventsOf("handshake-refused")).toMatchObject([{ direction: "inbound", reason }]);
  expect([acceptor.received, acceptor.comm.connections]).toEqual([[], []]);
  expect(acceptor.identities.has(client.pkiId)).toBe(false);
  expect(recorder.ends).toMatchObject([{ ok: false }]);
  expect(recorder.ends[0]?.detail).toContain(reason);
}

/** What the acceptor said first. */
function connOf({ messages }: StreamRecorder) {
  return decodeMessage(decodeEnvelope(messages[0] ?? none).payload);
}

describe("A raw client", () => {
  it("03/13.1.1, 3.1, 3.9: is accepted without TLS, and its next message delivered with the credential it showed", () => {
    const outcome = attempt({ secure: false });
    expectAccepted(outcome);
    expect(connOf(outcome.recorder)).toMatchObject({ tlsCertHash: none });
  });

  it("03/13.1.2: is accepted with TLS, and told the hash of the certificate that the acceptor uses on this stream", () => {
    const outcome = attempt();
    expectAccepted(outcome);
    expect(connOf(outcome.recorder)).toMatchObject({ tlsCertHash: outcome.recorder.stream.remoteTlsCertHash });
  });

  it("03/13.1.3, 3.2: that presents no certificate is refused and told nothing", () => {
    const outcome = attempt({ withoutCertificate: true });
    expectRefused(outcome, "no-tls-certificate");
    expect(outcome.recorder.messages).toEqual([]);
  });

  it("03/13.1.4: with one byte appended to its signature is refused", () => {
    const damage = (one: Envelope) => ({ ...one, signature: longer(one.signature) });
    expectRefused(attempt({ damage }), "bad-signature");
  });

  it("03/13.1.5: that says to be somebody else is refused", () => {
    expectRefused(attempt({ change: { pkiId: pkiId("abcd") } }), "pki-id-mismatch");
  });

  it("03/13.1.6: with one byte appended to its TLS hash is refused", () => {
    expectRefused(attempt({ change: { tlsCertHash: longer(ourHash) } }), "tls-hash-mismatch");
  });

  it("03/13.1.7: without a PKI-ID is refused", () => {
    expectRefused(attempt({ change: { pkiId: pkiId("") } }), "malformed-conn");
  });

  it("03/13.1.8: whose first message is another one is refused", () => {
    const first = encodeEnvelope(text(""));
    const empty = encodeMessage({ type: "empty", nonce: 0n, channel: "", tag: "empty" });
    expectRefused(attempt({ first: encodeEnvelope({ payload: empty, signature: none }) }), "not-a-conn-message");
    expectRefused(attempt({ first }), "malformed-conn");
  });

  it("03/13.1.9, 3.3: that takes five seconds to say who it is is refused after two", () => {
    const outcome = attempt({ afterMs: 5_000 });
    expectRefused(outcome, "handshake-timeout");
  });

  it("03/13.2.1: without an identity is refused", () => {
    expectRefused(attempt({ change: { identity: none } }), "malformed-conn");
  });

  it("03/13.2.2: whose identity has expired is refused", () => {
    const network = new VirtualNetwork({ secure: true });
    network.trust.expire(createFakeCrypto({ org: "Org1", name: "client" }).identity, -1);
    expectRefused(attempt({}, network), "expired-identity");
  });

  it("03/13.2.3: whose identity no organization vouches for is refused", () => {
    const stranger = createFakeCrypto({ org: "Org9", name: "client", trust: new FakeTrust() });
    const change = { pkiId: stranger.pkiId, identity: stranger.identity };
    const damage = ({ payload }: Envelope) => ({ payload, signature: stranger.sign(payload) });
    expectRefused(attempt({ change, damage }), "unknown-organization");
  });

  it("03/13.2.4: whose first envelope holds no message is refused", () => {
    const first = encodeEnvelope({ payload: Uint8Array.of(1), signature: Uint8Array.of(1) });
    expectRefused(attempt({ first }), "malformed-conn");
  });

  it("03/13.2.5: without a signature is refused", () => {
    expectRefused(attempt({ damage: (one) => ({ ...one, signature: none }) }), "unsigned");
  });

  it("03/13.2.6: with a bad secret beside a valid message is refused", () => {
    const damage = (one: Envelope) => ({ ...one, secret: { payload: Uint8Array.of(1), signature: none } });
    expectRefused(attempt({ damage }), "bad-signature");
  });

  it("03/13.2.7, 3.31: finds nobody when the acceptor is closing", async () => {
    const network = new VirtualNetwork();
    const acceptor = network.openOne("Org1:acceptor");
    await acceptor.comm.close();
    const results: boolean[] = [];
    network.memory.transport("client:7051").dial(acceptor.endpoint, 3_000, ({ ok }) => results.push(ok));
    network.virtual.runFor(100);
    expect(results).toEqual([false]);
  });

  it("03/13.2.9, 3.6: that only asks who is there ends in order, and leaves no trace but its identity", () => {
    const { acceptor, client, recorder } = attempt({ change: { probe: true } });
    expect([acceptor.received, acceptor.comm.connections, acceptor.events]).toEqual([[], [], []]);
    expect(acceptor.identities.has(client.pkiId)).toBe(true);
    expect(connOf(recorder)).toMatchObject({ pkiId: acceptor.pkiId });
    expect(recorder.ends).toEqual([{ ok: true, detail: "closed by the other side" }]);
  });

  it("03/13.2.9, 3.6: that only asks leaves the connection of the same peer as it is", () => {
    const { network, acceptor, recorder } = attempt();
    const again = attempt({ change: { probe: true } }, network, acceptor);
    expect([recorder.ends.length, again.recorder.ends.length]).toEqual([0, 1]);
    recorder.stream.send(encodeEnvelope(text("still here")));
    network.virtual.runFor(100);
    expect(acceptor.texts).toEqual(["hello", "still here"]);
    expect(acceptor.comm.connections).toHaveLength(1);
  });

  it("03/13.3.4: cannot send any more after the acceptor has closed its connection", () => {
    const { network, acceptor, client, recorder } = attempt();
    acceptor.comm.disconnect(client.pkiId, "test");
    network.virtual.runFor(100);
    expect(recorder.ends).toHaveLength(1);
    for (let at = 0; at < 20; at++) recorder.stream.send(new Uint8Array(1024 * 1024));
    network.virtual.runFor(10_000);
    expect([acceptor.texts, acceptor.comm.connections]).toEqual([["hello"], []]);
  });

  it("3.37: is not read beyond its first message before it is known, and waits with what it has", async () => {
    const network = new VirtualNetwork({ secure: true });
    const judges: (() => void)[] = [];
    const slow = createFakeCrypto({ org: "Org1", name: "acceptor", trust: network.trust });
    const verify = (...all: Parameters<typeof slow.verify>) =>
      new Promise((resolve) => judges.push(() => resolve(slow.verify(...all))));
    // Asynchronous as a port allows; the fake's own type promises more.
    const crypto = { verify: verify as unknown as typeof slow.verify };
    const { acceptor, recorder } = attempt({}, network, network.openOne("Org1:acceptor", { crypto }));
    let sent = 0;
    while (sent < 1_000 && recorder.stream.send(encodeEnvelope(text(`${++sent}`)))) network.virtual.runFor(2);
    expect([sent < 1_000, acceptor.received]).toEqual([true, []]);
    for (const judge of judges) judge();
    await acceptor.until(() => acceptor.comm.connections.length === 1);
    network.virtual.runFor(100);
    expect(acceptor.texts).toEqual(["hello", ...Array.from({ length: sent }, (_, at) => `${at + 1}`)]);
  });
});
