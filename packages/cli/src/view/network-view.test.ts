import { describe, expect, it } from "vitest";
import type { NetworkStatus, PeerStatus } from "../network/status.js";
import { peerLine, renderNetwork } from "./network-view.js";
import { noPaint } from "./paint.js";

const running: PeerStatus = {
  name: "peer0.org1",
  org: "org1",
  endpoint: "127.0.0.1:7051",
  operations: "127.0.0.1:7054",
  pid: 12,
  state: "running",
  detail: "",
  members: 5,
  dead: 0,
  leader: true,
  height: 14,
  lastBlock: { number: 13, hash: "3fa94c01aa77bb".padEnd(64, "0") },
  refusals: [],
};
const stopped: PeerStatus = {
  ...running,
  name: "peer1.org1",
  pid: null,
  state: "stopped",
  detail: "process 13 ended without closing",
  members: null,
  dead: null,
  leader: null,
  height: null,
  lastBlock: null,
};
const status: NetworkStatus = {
  channels: ["demo"],
  orderers: [{ name: "orderer0", endpoint: "127.0.0.1:7050", pid: 11, state: "running" }],
  peers: [running, { ...running, name: "peer2.org1", members: 4, dead: 1, leader: false }, stopped],
};

describe("renderNetwork", () => {
  it("shows each peer, what it sees, and what is wrong", () => {
    expect(`\n${renderNetwork(status, { paint: noPaint }).join("\n")}\n`).toMatchInlineSnapshot(`
      "
      channel demo, orderer orderer0 127.0.0.1:7050 running

      PEER        ORG   ENDPOINT           MEMBERS  LEADER  HEIGHT  LAST BLOCK       STATE
      peer0.org1  org1  127.0.0.1:7051           5  yes         14  13 3fa94c01aa77  running
      peer2.org1  org1  127.0.0.1:7051  4 (1 dead)  no          14  13 3fa94c01aa77  running
      peer1.org1  org1  127.0.0.1:7051           -  -            -  -                stopped

      peer1.org1: process 13 ended without closing
      "
    `);
  });

  it("never makes a line longer than the terminal is wide, painted or not", () => {
    const mark = (text: string) => `<${text}>`;
    const paint = { bold: mark, dim: mark, good: mark, bad: mark };
    for (let width = 1; width < 100; width++) {
      for (const line of renderNetwork(status, { paint, width })) {
        expect(line.replaceAll(/[<>]/g, "").length).toBeLessThanOrEqual(width);
      }
    }
  });
});

describe("peerLine", () => {
  it("tells a peer in one line", () => {
    expect(peerLine(running)).toBe(
      "peer0.org1 127.0.0.1:7051 running, members 5, leader, height 14, last block 13 3fa94c01aa77",
    );
    expect(peerLine(stopped)).toBe("peer1.org1 127.0.0.1:7051 stopped, process 13 ended without closing");
  });
});
