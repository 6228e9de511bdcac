/** What an operator of a Fabric peer does with it, done with ours: a folder, variables, a channel's block, and a look at it. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeChannelConfig, makeGenesisBlock, makeOrganization, privateKeyPem } from "@gossip/fabric/testing";
import type { ChannelsView, MembersView } from "@gossip/peer";
import { afterEach, beforeEach, expect, test } from "vitest";
import { start, until } from "../../packages/cli/test/command.js";

let dir: string;
const running: ReturnType<typeof start>[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "gossip-operator-"));
  const org1 = makeOrganization("Org1MSP");
  const member = org1.issue("peer0.org1", "peer");
  const files: Readonly<Record<string, string | Uint8Array>> = {
    "core.yaml": coreYaml,
    "msp/cacerts/ca.pem": org1.root.pem,
    "msp/signcerts/peer0.pem": member.pem,
    "msp/keystore/any-name": privateKeyPem(member.privateKey),
    "msp/config.yaml": nodeOus,
    "shop.block": makeGenesisBlock(
      "shop",
      makeChannelConfig({ organizations: [org1], ordererOrganizations: [makeOrganization("OrdererMSP")] }),
    ),
  };
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(dir, name, ".."), { recursive: true });
    await writeFile(join(dir, name), content);
  }
});

afterEach(async () => {
  for (const peer of running.splice(0)) {
    peer.kill("SIGKILL");
    await peer;
  }
  await rm(dir, { recursive: true, force: true });
});

const nodeOus = `
NodeOUs:
  Enable: true
  ClientOUIdentifier: { OrganizationalUnitIdentifier: client }
  PeerOUIdentifier: { OrganizationalUnitIdentifier: peer }
  AdminOUIdentifier: { OrganizationalUnitIdentifier: admin }
  OrdererOUIdentifier: { OrganizationalUnitIdentifier: orderer }
`;

const coreYaml = `
peer:
  id: shop
  listenAddress: 0.0.0.0:7051
  address: 0.0.0.0:7051
  gateway: { enabled: true }
  gossip: { bootstrap: 127.0.0.1:7051, orgLeader: true, pullInterval: 4s }
  BCCSP: { Default: SW, SW: { Hash: SHA2, Security: 256 } }
  mspConfigPath: msp
  localMspId: ShopMSP
  fileSystemPath: /nonexistent
vm: { endpoint: "unix:///var/run/docker.sock" }
chaincode: { mode: net }
operations: { listenAddress: "127.0.0.1:9443" }
metrics: { provider: disabled }
`;

/** What a deployment says of one peer. */
const deployment = () => ({
  FABRIC_CFG_PATH: dir,
  FABRIC_LOGGING_FORMAT: "json",
  FABRIC_LOGGING_SPEC: "gossip.discovery=debug:info",
  CORE_PEER_ID: "peer0.org1",
  CORE_PEER_LISTENADDRESS: "127.0.0.1:0",
  CORE_PEER_ADDRESS: "127.0.0.1:7051",
  CORE_PEER_LOCALMSPID: "Org1MSP",
  CORE_PEER_GOSSIP_ORGLEADER: "false",
  CORE_PEER_FILESYSTEMPATH: join(dir, "data"),
  CORE_OPERATIONS_LISTENADDRESS: "127.0.0.1:0",
  CORE_METRICS_PROVIDER: "prometheus",
  CORE_VM_ENDPOINT: "",
});

interface Entry {
  readonly level: string;
  readonly name: string;
  readonly msg: string;
  readonly operations?: string;
}

/** Starts a peer and waits until it serves. */
async function startPeer(...args: readonly string[]) {
  const peer = start(["peer", "start", ...args], { env: deployment() });
  running.push(peer);
  let text = "";
  peer.stderr?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const log = () => {
    const lines = text.split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Entry);
  };
  const { operations = "" } = await until("a peer that serves", async () => {
    if (peer.exitCode !== null && peer.exitCode !== undefined) throw new Error(`the peer ended: ${text}`);
    return log().find(({ msg }) => msg === "peer started");
  });
  const ask = async (path: string, init?: RequestInit) => await fetch(`http://${operations}${path}`, init);
  return { peer, log, ask };
}

test("a peer starts from FABRIC_CFG_PATH and CORE_ variables, joins a channel and remembers it after a kill", async () => {
  const first = await startPeer("--channel-block", join(dir, "shop.block"));
  const warnings = first.log().filter(({ level, msg }) => level === "warn" && msg.includes("core.yaml"));
  expect(warnings).toEqual([
    expect.objectContaining({
      name: "peer",
      msg:
        `${join(dir, "core.yaml")}: without effect: of parts that this peer does not have: chaincode, vm, peer.gateway; ` +
        "not in this version: peer.BCCSP.SW.Hash, peer.BCCSP.SW.Security",
    }),
  ]);
  const { self } = (await (await first.ask("/gossip/members")).json()) as MembersView;
  expect(self).toMatchObject({ id: "peer0.org1", org: "Org1MSP", endpoint: "127.0.0.1:7051" });
  expect((await first.ask("/healthz")).status).toBe(200);
  expect(await (await first.ask("/metrics")).text()).toContain('gossip_state_height{channel="shop"} 1');

  first.peer.kill("SIGKILL");
  await first.peer;

  const second = await startPeer();
  const { channels } = (await (await second.ask("/gossip/channels")).json()) as ChannelsView;
  expect(channels).toMatchObject([{ channel: "shop", height: "1" }]);
}, 60_000);

test("12.14a: an operator's log specification fits, at the start and while a peer runs", async () => {
  const { log, ask } = await startPeer("--channel-block", join(dir, "shop.block"));
  expect(await (await ask("/logspec")).json()).toEqual({ spec: "gossip.discovery=debug:info" });
  const names = new Set(log().map(({ name }) => name));
  expect(names).toContain("gossip.gossip");
  const put = { method: "PUT", body: JSON.stringify({ spec: "gossip=error:warn" }) };
  expect((await ask("/logspec", put)).status).toBe(204);
  expect(await (await ask("/logspec")).json()).toEqual({ spec: "gossip=error:warn" });
}, 60_000);

test.each([
  [
    { CORE_PEER_BCCSP_DEFAULT: "PKCS11" },
    "CORE_PEER_BCCSP_DEFAULT: expected peer.BCCSP.Default to be SW, with the private key in the folder keystore of " +
      'peer.mspConfigPath (keys in a hardware module cannot be used), got "PKCS11"',
  ],
  [{ CORE_PEER_MSPCONFIGPATH: "elsewhere" }, /^peer\.mspConfigPath: expected .*elsewhere.*$/],
])(
  "a peer that cannot start says which key is wrong and what it should be (%#)",
  async (wrong, message) => {
    const refused = start(["peer", "start"], { env: { ...deployment(), ...wrong } });
    running.push(refused);
    const { exitCode, stderr } = await refused;
    expect(exitCode).toBe(1);
    // Warnings come before it, as JSON.
    const last = stderr.split("\n").at(-1) ?? "";
    expect(last.replace(/^gossip: /, "")).toEqual(
      typeof message === "string" ? message : expect.stringMatching(message),
    );
  },
  60_000,
);
