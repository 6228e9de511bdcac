import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readMspFolder } from "@gossip/fabric";
import { issueCertificate, makeOrganization, privateKeyPem, type TestRole } from "@gossip/fabric/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FabricTrial } from "../test/support/fabric-channel.js";
import type { PeerTls } from "./config.js";
import { roleWarnings, tlsWarnings } from "./own-certificates.js";

const dayMs = 86_400_000;
const nowMs = Date.parse("2026-06-01T12:00:00Z");
const { tlsRoot } = makeOrganization("Org1MSP");

/** TLS files whose certificate names these hosts and ends then. */
function tlsFor(dnsNames: readonly string[], endMs = nowMs + 365 * dayMs): PeerTls {
  const certificate = issueCertificate(tlsRoot, {
    subject: { commonName: "peer0" },
    notBeforeMs: nowMs - 400 * dayMs,
    notAfterMs: endMs,
    dnsNames,
  });
  return {
    cert: certificate.pem,
    key: privateKeyPem(certificate.privateKey),
    rootCerts: [],
    clientRootCas: [],
    clientAuthRequired: false,
  };
}

describe("tlsWarnings", () => {
  it("names each host, of whatever kind, that others dial and the certificate does not have", () => {
    const tls = tlsFor(["peer0.org1", "localhost"]);
    const said = (endpoint: string, externalEndpoint = "") => tlsWarnings({ endpoint, externalEndpoint }, tls, nowMs);
    expect(said("peer0.org1:7051")).toEqual([]);
    expect(said("localhost:7051", "peer0.org1:7051")).toEqual([]);
    expect(said("peer9.org1:7051", "10.0.0.9:7051")).toEqual([
      "peer.tls.cert.file does not name peer9.org1, so other peers will refuse to dial it",
      "peer.tls.cert.file does not name 10.0.0.9, so other peers will refuse to dial it",
    ]);
    expect(said("[fd00::1]:7051")).toEqual([
      "peer.tls.cert.file does not name fd00::1, so other peers will refuse to dial it",
    ]);
  });

  it("does not take a common name for a host, since Go does not", () => {
    expect(tlsWarnings({ endpoint: "peer0:7051" }, tlsFor([]), nowMs)).toEqual([
      "peer.tls.cert.file does not name peer0, so other peers will refuse to dial it",
    ]);
  });

  it("tells of an end that has come, or comes within a week, of either certificate", () => {
    const endpoint = "peer0.org1:7051";
    const said = (tls: PeerTls) => tlsWarnings({ endpoint }, tls, nowMs);
    const [expired, ending, lasting] = [-dayMs, 6 * dayMs, 8 * dayMs].map((ms) => tlsFor(["peer0.org1"], nowMs + ms));
    if (expired === undefined || ending === undefined || lasting === undefined) throw new Error("expected three");
    expect(said(lasting)).toEqual([]);
    expect(said(expired)).toEqual([
      "peer.tls.cert.file expired at 2026-05-31T12:00:00.000Z, so other peers refuse it: issue it again and restart this peer",
    ]);
    expect(said({ ...lasting, clientCert: ending.cert, clientKey: ending.key })).toEqual([
      "peer.tls.clientCert.file expires at 2026-06-07T12:00:00.000Z, from when on other peers refuse it: issue it again and restart this peer",
    ]);
  });
});

describe("roleWarnings", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "gossip-own-certificates-"));
  });
  afterEach(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  async function said(role: TestRole): Promise<readonly string[]> {
    const trial = new FabricTrial();
    const member = trial.org1.issue("node", role);
    return roleWarnings(await readMspFolder(await trial.writeMsp(dir, trial.org1, member), "Org1MSP"));
  }

  it("has nothing to say of a peer", async () => {
    expect(await said("peer")).toEqual([]);
  });

  it.each(["client", "admin"] as const)("tells of the certificate of a role that is no peer's: %s", async (role) => {
    const [warning, ...rest] = await said(role);
    expect(rest).toEqual([]);
    expect(warning).toContain(`expected the certificate of a peer, got that of ${role}`);
  });
});
