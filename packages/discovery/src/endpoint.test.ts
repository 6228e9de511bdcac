import { expect, test } from "vitest";
import { canonicalEndpoint, isPlausibleEndpoint, leadsTo } from "./endpoint.js";

test.each([
  ["peer0:7051", "peer0:7051"],
  ["Peer0.Org1.Example.COM:7051", "peer0.org1.example.com:7051"],
  ["10.0.0.1:07051", "10.0.0.1:7051"],
  ["[2001:DB8::1]:7051", "[2001:db8::1]:7051"],
  ["2001:db8::1:7051", "[2001:db8::1]:7051"],
  ["", undefined],
  ["peer0", undefined],
  ["peer0:", undefined],
  [":7051", undefined],
  ["peer0:0", undefined],
  ["peer0:65536", undefined],
  ["peer 0:7051", undefined],
  ["[::1:7051", undefined],
  [`${"a".repeat(300)}:1`, undefined],
])("canonicalEndpoint spells %j as %j", (text, expected) => {
  expect(canonicalEndpoint(text)).toBe(expected);
});

test("4.14: isPlausibleEndpoint takes what a peer may claim, which need not be reachable", () => {
  expect(["", "peer0:7051", "peer0", "[::1]:7051"].every(isPlausibleEndpoint)).toBe(true);
  expect(["a b", "a\n", "\u0000", "x".repeat(301)].some(isPlausibleEndpoint)).toBe(false);
});

test("4.39: leadsTo knows our own endpoints, and our port under every name of this host", () => {
  const own = { endpoint: "us.example.com:8051", internalEndpoint: "peer0:7051" };
  expect(
    ["peer0:7051", "us.example.com:8051", "localhost:7051", "127.0.0.1:7051", "[::1]:7051"].every((at) =>
      leadsTo(at, own),
    ),
  ).toBe(true);
  expect(["peer1:7051", "peer0:8051", "localhost:8051"].some((at) => leadsTo(at, own))).toBe(false);
});
