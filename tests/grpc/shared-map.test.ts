/** Six processes over gRPC with TLS keep a map in common, while all of them write and each is killed and comes back. */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createTlsAuthority, type TlsAuthority } from "@gossip/comm/grpc";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Order, ProcessSetup, Report } from "./support/shared-map-process.js";

const program = fileURLToPath(new URL("./support/shared-map-process.ts", import.meta.url));
const organizations = ["Org1MSP", "Org2MSP"];

let authority: TlsAuthority;
const processes: PeerProcess[] = [];
/** Looks again at each report; set while somebody waits. */
let onReport = () => {};

class PeerProcess {
  readonly name: string;
  readonly org: string;
  #child: ChildProcess | undefined;
  endpoint = "127.0.0.1:0";
  state: Extract<Report, { type: "state" }> = { type: "state", members: 0, map: {} };

  constructor(name: string, org: string) {
    this.name = name;
    this.org = org;
  }

  /** Where it was before, if it was. */
  async listen(): Promise<void> {
    const { cert, key } = await authority.issue({ name: this.name, hosts: ["127.0.0.1"] });
    const tls = { cert, key, root: authority.cert };
    const setup: ProcessSetup = { name: this.name, org: this.org, organizations, listen: this.endpoint, tls };
    const child = fork(program, [JSON.stringify(setup)], { execArgv: ["--import", "tsx"] });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.once("exit", (code, signal) => reject(new Error(`${this.name} ended with ${code ?? signal}`)));
      child.on("message", (report: Report) => {
        if (report.type === "listening") {
          this.endpoint = report.endpoint;
          return resolve();
        }
        this.state = report;
        onReport();
      });
    });
  }

  order(order: Order): void {
    this.#child?.send(order);
  }

  start(): void {
    const peers = processes.filter((one) => one !== this).map(({ org, endpoint }) => ({ org, endpoint }));
    this.order({ type: "start", peers });
  }

  /** With no chance to say goodbye. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.state = { type: "state", members: 0, map: {} };
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }
}

/** Resolves when it holds of the reports. */
function until(what: string, holds: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = setTimeout(() => {
      const seen = processes.map(({ name, state }) => `${name}: ${state.members} ${JSON.stringify(state.map)}`);
      reject(new Error(`expected ${what}, got\n${seen.join("\n")}`));
    }, 60_000);
    onReport = () => {
      if (!holds()) return;
      clearTimeout(giveUp);
      onReport = () => {};
      resolve();
    };
    onReport();
  });
}

const isEverywhere = (map: Readonly<Record<string, string>>) => {
  const expected = JSON.stringify(sorted(map));
  return processes.every(({ state }) => JSON.stringify(sorted(state.map)) === expected);
};
const sorted = (map: Readonly<Record<string, string>>) => Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));

beforeAll(async () => {
  authority = await createTlsAuthority({ name: "tls-ca" });
  for (const org of organizations) {
    for (const at of [0, 1, 2]) processes.push(new PeerProcess(`peer${at}.${org}`, org));
  }
  await Promise.all(processes.map((one) => one.listen()));
  for (const one of processes) one.start();
  await until("all to be members of the channel", () => processes.every(({ state }) => state.members === 5));
}, 120_000);

afterAll(async () => {
  await Promise.all(processes.map((one) => one.kill()));
});

describe("six processes", () => {
  test("14.8, 14.15: hold the same after writes of all, contested ones and deletions among them", async () => {
    for (let round = 0; round < 10; round++) {
      for (const one of processes) {
        one.order({ type: "set", key: `of ${one.name}`, value: `${round}` });
        one.order({ type: "set", key: "contested", value: `${one.name} ${round}` });
        one.order({ type: "set", key: `gone ${one.name}`, value: "x" });
        one.order({ type: "delete", key: `gone ${one.name}` });
      }
    }
    const own = Object.fromEntries(processes.map(({ name }) => [`of ${name}`, "9"]));
    await until("one view", () => {
      const contested = processes[0]?.state.map["contested"] ?? "";
      return / 9$/.test(contested) && isEverywhere({ ...own, contested });
    });
  }, 90_000);

  test("14.11, 14.16: hold the same again after each was killed, while the others wrote, and came back", async () => {
    const expected: Record<string, string> = { ...processes[0]?.state.map };
    for (const [at, killed] of processes.entries()) {
      const writer = processes[(at + 1) % processes.length];
      const other = processes[(at + 2) % processes.length];
      // What it wrote last is in nobody's hands but those it was pushed to.
      killed.order({ type: "set", key: `last of ${killed.name}`, value: "said" });
      expected[`last of ${killed.name}`] = "said";
      await until(`somebody to hear the last of ${killed.name}`, () =>
        processes.some((one) => one !== killed && one.state.map[`last of ${killed.name}`] === "said"),
      );
      await killed.kill();
      writer?.order({ type: "set", key: `while ${killed.name} was away`, value: "written" });
      expected[`while ${killed.name} was away`] = "written";
      // Overwritten by another, though its author does not know.
      other?.order({ type: "set", key: `of ${killed.name}`, value: `by ${other.name}` });
      expected[`of ${killed.name}`] = `by ${other?.name}`;
      await killed.listen();
      killed.start();
      await until(`${killed.name} to hold what the others hold`, () => isEverywhere(expected));
    }
    expect(processes.map(({ state }) => Object.keys(state.map).length)).toEqual(processes.map(() => 19));
  }, 240_000);
});
