/** How an operator renews and revokes identities while blocks flow: real processes, one network, step by step. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestLedger, type IdentityEntry, networkIdentities, readNetworkFile, stopNetwork } from "@gossip/cli";
import type { HealthView, MembersView } from "@gossip/peer";
import { systemRandom } from "@gossip/runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { portCount } from "../../packages/cli/src/network/layout.js";
import { networkPaths } from "../../packages/cli/src/network/paths.js";
import { findFreePorts } from "../../packages/cli/src/network/ports.js";
import { gossip, start, until as untilWithin } from "../../packages/cli/test/command.js";

const shape = { orgs: 2, peers: 3 };

/** Seven processes start from the sources, on whatever machine this is. */
const patienceMs = 90_000;
const until = <T>(what: string, question: () => Promise<T | undefined | false>) =>
  untilWithin(what, question, patienceMs);

let dir: string;
let up: ReturnType<typeof start>;
const byHand: ReturnType<typeof start>[] = [];

/** What happened when, in seconds from a step's beginning; printed at the end, for the page and for people. */
const times: string[] = [];

beforeAll(async () => {
  dir = join(await mkdtemp(join(tmpdir(), "gossip-identities-")), "net");
  const basePort = await findFreePorts(portCount(shape), systemRandom);
  const size = ["--orgs", String(shape.orgs), "--peers", String(shape.peers)];
  up = start(["network", "up", "--dir", dir, "--base-port", String(basePort), ...size]);
  try {
    await until("all peers see each other", async () => {
      const views = await membersOfAll().catch(() => []);
      return views.length === 6 && views.every(({ view }) => view.members.filter(isAlive).length === 5);
    });
  } catch (error) {
    up.kill("SIGINT");
    const { stdout, stderr } = await up;
    throw new Error(`network up said:\n${stdout}\n${stderr}`, { cause: error });
  }
}, 120_000);

afterAll(async () => {
  await readNetworkFile(dir).then(
    (file) => stopNetwork(dir, file),
    () => {},
  );
  await Promise.all([up, ...byHand]);
  await rm(join(dir, ".."), { recursive: true, force: true });
  process.stderr.write(times.map((line) => `${line}\n`).join(""));
}, 60_000);

const isAlive = ({ state }: { readonly state: string }) => state === "alive";

async function ask<T>(operations: string, path: string): Promise<T> {
  const answer = await fetch(`http://${operations}${path}`, { signal: AbortSignal.timeout(5_000) });
  return (await answer.json()) as T;
}

async function peerOf(name: string) {
  const peer = (await readNetworkFile(dir)).peers.find((one) => one.name === name);
  if (peer === undefined) throw new Error(`expected a peer ${name}`);
  return peer;
}

/** What every peer that answers says of the others. */
async function membersOfAll() {
  const { peers } = await readNetworkFile(dir);
  const all = peers.map(async ({ name, operations }) => {
    const view = await ask<MembersView>(operations, "/gossip/members");
    // A peer that is not ready yet says so, and nothing else.
    if (view.members === undefined) throw new Error(`expected ${name} to be ready`);
    return { name, view };
  });
  return await Promise.all(all);
}

async function identityOf(name: string): Promise<IdentityEntry> {
  const found = (await networkIdentities(dir)).find((one) => one.name === name);
  if (found === undefined) throw new Error(`expected an identity of ${name}`);
  return found;
}

async function isEnded(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

async function measured<T>(what: string, action: () => Promise<T>): Promise<T> {
  const from = performance.now();
  const result = await action();
  times.push(`${what}: ${((performance.now() - from) / 1000).toFixed(1)} s`);
  return result;
}

/** Nobody shows the PKI-ID in members, alive or dead, nor among connections. */
async function goneEverywhere(pkiId: string, except = ""): Promise<boolean> {
  const views = (await membersOfAll()).filter(({ name }) => name !== except);
  return views.every(({ view }) => ![...view.members, ...view.connections].some((one) => one.pkiId === pkiId));
}

describe.sequential("identities of a network under traffic", () => {
  const submitted: string[] = [];
  let submitting: ReturnType<typeof start>;
  const feed = (count: number) => {
    for (let line = 0; line < count; line++) {
      const text = `transaction ${submitted.length}`;
      submitted.push(text);
      submitting.stdin?.write(`${text}\n`);
    }
  };

  test("all peers of an organization get new ones, one by one; the old are forgotten, alive and dead", async () => {
    submitting = start(["submit", "--dir", dir, "--json"], { stdin: "pipe" });
    const before = (await readNetworkFile(dir)).peers;
    const incarnations = new Map((await membersOfAll()).map(({ name, view }) => [name, view.self.incarnation]));
    // The leader, the anchor and bootstrap of the others, is among them.
    for (const name of ["peer1.org1", "peer0.org1", "peer2.org1"]) {
      const old = await identityOf(name);
      feed(20);
      const renewed = await gossip(["identity", "renew", name, "--dir", dir]);
      expect(renewed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`in place of ${old.pkiId}`) });
      expect(renewed.stderr).toContain("stop it, and start it again");
      const { pid, config } = await peerOf(name);
      process.kill(pid ?? 0, "SIGTERM");
      await until(`${name} ended`, async () => await isEnded(pid ?? 0));
      feed(20);
      byHand.push(start(["peer", "start", "--config", config]));
      const { pkiId } = await identityOf(name);
      const others = 5;
      await until(`${name} is known by its new identity`, async () => {
        const views = await membersOfAll().catch(() => []);
        const knowing = views.filter(({ view }) => view.members.filter(isAlive).some((one) => one.pkiId === pkiId));
        return knowing.length === others && views.every(({ view }) => view.members.filter(isAlive).length === others);
      });
      await measured(`old identity of ${name} gone after all know the new one`, () =>
        until(`the old identity of ${name} gone`, () => goneEverywhere(old.pkiId)),
      );
    }
    feed(20);
    submitting.stdin?.end();
    const { exitCode, stdout } = await submitting;
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { transactions: submitted.length }]);

    const rotated = new Set(["peer0.org1", "peer1.org1", "peer2.org1"]);
    const after = (await readNetworkFile(dir)).peers;
    expect(after.filter(({ name }) => !rotated.has(name))).toEqual(before.filter(({ name }) => !rotated.has(name)));
    for (const { name, view } of await membersOfAll()) {
      if (!rotated.has(name)) expect(view.self.incarnation).toBe(incarnations.get(name));
    }
  }, 400_000);

  test("a revoked one is gone everywhere, and its peer says why", async () => {
    const { pkiId } = await identityOf("peer2.org2");
    const { operations } = await peerOf("peer2.org2");
    const revoked = await gossip(["identity", "revoke", "peer2.org2", "--dir", dir]);
    expect(revoked).toEqual({ exitCode: 0, stdout: `${pkiId} revoked: list 2 of org2`, stderr: "" });
    await measured("revoked identity gone everywhere", () =>
      until("the revoked identity gone", () => goneEverywhere(pkiId, "peer2.org2")),
    );
    const health = await until("the revoked peer knows", async () => {
      const view = await ask<HealthView>(operations, "/healthz");
      return view.status === "OK" ? undefined : view;
    });
    expect(health.failed_checks).toEqual([
      { component: "gossip", reason: expect.stringContaining("own identity was revoked") },
    ]);
    const { stdout } = await gossip(["identity", "list", "--dir", dir]);
    expect(stdout).toMatch(new RegExp(`^peer2\\.org2 +org2 +peer +${pkiId} .* revoked$`, "m"));
    // It calls again and again, and is let in nowhere.
    const refusing = await until("somebody refused it by name", async () => {
      const views = await membersOfAll();
      return views.find(({ view }) => view.refusals.some(({ reason }) => reason === "revoked-identity"));
    });
    expect(refusing.view.members.map((one) => one.pkiId)).not.toContain(pkiId);
    expect(await goneEverywhere(pkiId, "peer2.org2")).toBe(true);
  }, 200_000);

  test("no block was lost: every ledger holds what was acknowledged, once and in order", async () => {
    const height = (
      await ask<{ channels: { height: string }[] }>((await peerOf("peer0.org1")).operations, "/gossip/channels")
    ).channels[0]?.height;
    const { peers } = await readNetworkFile(dir);
    await until("all peers at one height", async () => {
      const heights = peers.map(async ({ operations }) => {
        const { channels } = await ask<{ channels: { height: string }[] }>(operations, "/gossip/channels");
        return channels[0]?.height;
      });
      return (await Promise.all(heights)).every((one) => one === height);
    });
    await stopNetwork(dir, await readNetworkFile(dir));
    const folders = peers.map(({ name }) => networkPaths(dir).member("peer", name).data);
    const [first, ...others] = await Promise.all(folders.map((folder) => digestLedger(folder, "demo")));
    expect(first).toMatchObject({ transactions: submitted.length });
    expect(others).toEqual(others.map(() => first));
  }, 60_000);
});
