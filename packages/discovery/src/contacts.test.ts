import type { PkiId } from "@gossip/proto";
import { seededRandom, wake } from "@gossip/runtime";
import { describe, expect, test } from "vitest";
import { type DiscoveryConfig, discoveryDefaults, resolveDiscoveryConfig } from "./config.js";
import { retryDelay } from "./contacts.js";
import { Discovery } from "./discovery.js";
import type { ContactRole, DiscoveryInput, DiscoveryOutput } from "./io.js";
import { aliveOf, pkiIdOf } from "./testing/index.js";

const bob = pkiIdOf("bob");

function setup(config: Partial<DiscoveryConfig> = {}, endpoint = "self.external:7051") {
  const discovery = new Discovery({
    self: { pkiId: pkiIdOf("self"), endpoint, internalEndpoint: "self:7051" },
    incarnation: 1n,
    config,
    disclosure: () => "all",
    random: seededRandom(7),
  });
  let now = 0;
  const seen: { readonly at: number; readonly output: DiscoveryOutput }[] = [];
  const step = (input: DiscoveryInput | typeof wake) => {
    const outputs = discovery.step(input, now);
    for (const output of outputs) seen.push({ at: now, output });
    return outputs;
  };
  return {
    discovery,
    step,
    seen,
    connect: (to = "bob:7051", role: ContactRole = "bootstrap") => step({ type: "connect", endpoint: to, role }),
    identified: (pkiId: PkiId = bob, sameOrg = true) =>
      step({ type: "identified", endpoint: "bob:7051", pkiId, sameOrg }),
    pass(ms: number, onOutput: (output: DiscoveryOutput) => DiscoveryInput | undefined = () => undefined) {
      const outputs: DiscoveryOutput[] = [];
      const until = now + ms;
      while (discovery.deadline <= until) {
        now = Math.max(now, discovery.deadline);
        for (const output of step(wake)) {
          outputs.push(output);
          const answer = onOutput(output);
          if (answer !== undefined) outputs.push(...step(answer));
        }
      }
      now = until;
      return outputs;
    },
  };
}

function types(outputs: readonly DiscoveryOutput[]): string[] {
  return outputs.map((output) => (output.type === "contact" ? `contact ${output.state}` : output.type));
}

function dropReasons(outputs: readonly DiscoveryOutput[]): string[] {
  return outputs.flatMap((output) => (output.type === "dropped" ? [output.reason] : []));
}

/** The request among the outputs. */
function request(outputs: readonly DiscoveryOutput[]) {
  const found = outputs.find((output) => output.type === "request-membership");
  if (found?.type !== "request-membership") throw new Error(`expected a request among ${types(outputs)}`);
  return found;
}

describe("Discovery joins through a contact", () => {
  test("4.40: identifies, asks with a nonce and its secret, and rests when answered", () => {
    const { connect, identified, step, pass, discovery } = setup();
    expect(connect()).toEqual([{ type: "identify", endpoint: "bob:7051" }]);
    const { to, nonce, self } = request(identified());
    expect(to).toEqual([{ pkiId: bob, endpoint: "bob:7051", includeSecret: true }]);
    expect(nonce).not.toBe(0n);
    expect(self).toMatchObject({ time: { incarnation: 1n, sequence: 1n }, internalEndpoint: "self:7051" });
    const outputs = step({ type: "membership-response", from: bob, nonce, alive: [aliveOf("bob")], dead: [] });
    expect(types(outputs)).toEqual(["contact answered", "member-up", "send-alive"]);
    expect(discovery.members).toHaveLength(1);
    expect(types(pass(24_000))).not.toContain("identify");
  });

  test("04/N7, 4.26, 4.40: takes an empty response for an answer too: the ack is the message, not its content", () => {
    const { connect, identified, step } = setup();
    connect();
    const { nonce } = request(identified());
    const outputs = step({ type: "membership-response", from: bob, nonce, alive: [], dead: [] });
    expect(types(outputs)).toEqual(["contact answered"]);
  });

  test("4.27, 4.40: does not take the answer of another peer, or under another nonce, for an ack", () => {
    const { connect, identified, step } = setup();
    connect();
    const { nonce } = request(identified());
    const response = { type: "membership-response", nonce, from: bob, alive: [], dead: [] } as const;
    expect(dropReasons(step({ ...response, from: pkiIdOf("carol") }))).toEqual(["unsolicited-response"]);
    expect(dropReasons(step({ ...response, nonce: nonce ^ 1n }))).toEqual(["unsolicited-response"]);
    expect(types(step(response))).toEqual(["contact answered"]);
  });

  test("04/4, 04/26, 4.40, 4.45: hides its secret from a peer of another organization", () => {
    const { connect, identified } = setup();
    connect("bob:7051", "foreign-anchor");
    expect(request(identified(bob, false)).to[0]?.includeSecret).toBe(false);
  });

  test("4.38: accepts a foreign anchor that turns out to be of the own organization", () => {
    const { connect, identified } = setup();
    connect("bob:7051", "foreign-anchor");
    expect(request(identified(bob, true)).to[0]?.includeSecret).toBe(true);
  });

  test.each(["bootstrap", "own-anchor"] as const)(
    "04/27, 4.38: sends nothing to a %s of another organization but handshakes, again and again",
    (role) => {
      const { connect, identified, pass } = setup();
      connect("bob:7051", role);
      expect(identified(bob, false)).toMatchObject([
        { type: "contact", state: "retrying", failure: "wrong-organization" },
      ]);
      const outputs = pass(200_000, (output) =>
        output.type === "identify"
          ? { type: "identified", endpoint: output.endpoint, pkiId: bob, sameOrg: false }
          : undefined,
      );
      expect(types(outputs).filter((type) => type === "identify").length).toBeGreaterThan(8);
      expect(types(outputs)).not.toContain("request-membership");
    },
  );

  test("4.41: retries a failed identification after growing pauses of at most the reconnect interval", () => {
    const fail = (output: DiscoveryOutput): DiscoveryInput | undefined =>
      output.type === "identify" ? { type: "identify-failed", endpoint: output.endpoint } : undefined;
    const { connect, step, pass, seen } = setup();
    connect();
    step({ type: "identify-failed", endpoint: "bob:7051" });
    pass(300_000, fail);
    const at = seen.filter(({ output }) => output.type === "identify").map((entry) => entry.at);
    const pauses = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    expect(pauses.length).toBeGreaterThan(12);
    pauses.forEach((pause, attempt) => {
      const full = Math.min(500 * 2 ** attempt, 25_000);
      expect(pause).toBeGreaterThanOrEqual(full / 2);
      expect(pause).toBeLessThanOrEqual(full);
    });
  });

  test("4.42: is done with a contact that does not answer when its member came alive meanwhile", () => {
    const { connect, identified, step, pass } = setup();
    connect();
    identified();
    step({ type: "alive", alive: aliveOf("bob", { internalEndpoint: "bob:7051" }), from: bob });
    const said = pass(10_000).filter(({ type }) => type === "contact" || type === "identify");
    expect(said).toEqual([{ type: "contact", endpoint: "bob:7051", state: "answered" }]);
  });

  test("4.41: begins anew with fresh self information when there is no response", () => {
    const { connect, identified, pass } = setup();
    connect();
    const first = request(identified());
    const outputs = pass(6_000, (output) =>
      output.type === "identify"
        ? { type: "identified", endpoint: output.endpoint, pkiId: bob, sameOrg: true }
        : undefined,
    );
    expect(outputs).toMatchObject([
      { type: "contact", state: "retrying", failure: "no-response" },
      { type: "identify" },
      { type: "request-membership" },
    ]);
    const second = request(outputs);
    expect(second.nonce).not.toBe(first.nonce);
    expect(second.self.time.sequence).toBe(first.self.time.sequence + 1n);
  });

  test("4.41: treats an identification without result as failed", () => {
    const { connect, pass } = setup();
    connect();
    expect(pass(15_000)).toMatchObject([{ type: "contact", state: "retrying", failure: "not-identified" }]);
  });
});

describe("Discovery gives up a contact", () => {
  const silent = (output: DiscoveryOutput): DiscoveryInput | undefined =>
    output.type === "identify"
      ? { type: "identified", endpoint: output.endpoint, pkiId: bob, sameOrg: true }
      : undefined;
  const config = { maxConnectionAttempts: 2, connectRetryMs: 100, reconnectIntervalMs: 100 };

  test("04/N11, 4.41: makes exactly the configured number of attempts while it knows somebody else", () => {
    const { connect, identified, step, pass, seen } = setup({ ...config, aliveExpirationTimeoutMs: 60_000 });
    step({ type: "alive", alive: aliveOf("alice"), from: pkiIdOf("alice") });
    connect();
    identified();
    pass(50_000, silent);
    const attempts = seen.filter(({ output }) => output.type === "request-membership" && output.nonce !== 0n);
    expect(attempts).toHaveLength(2);
    const [first, second] = attempts.map(({ at }) => at);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(5_050);
    expect((second ?? 0) - (first ?? 0)).toBeLessThanOrEqual(5_100);
    expect(seen.map(({ output }) => output)).toContainEqual({
      type: "contact",
      endpoint: "bob:7051",
      state: "given-up",
      failure: "no-response",
    });
  });

  test("4.41, 4.42: never gives up while it knows nobody, and starts over when the last member dies", () => {
    const { connect, identified, step, pass, seen } = setup(config);
    connect();
    identified();
    pass(60_000, silent);
    expect(seen.filter(({ output }) => output.type === "identify").length).toBeGreaterThan(5);
    step({ type: "alive", alive: aliveOf("alice"), from: pkiIdOf("alice") });
    pass(10_000, silent);
    expect(seen.at(-1)?.output).not.toMatchObject({ type: "identify" });
    expect(types(seen.map(({ output }) => output))).toContain("contact given-up");
    step({ type: "presumed-dead", pkiId: pkiIdOf("alice") });
    expect(types(pass(100, silent))).toContain("identify");
  });

  test("4.42: starts over with a contact whose identity is gone", () => {
    const { connect, step, pass } = setup();
    step({ type: "alive", alive: aliveOf("alice"), from: bob });
    step({ type: "alive", alive: aliveOf("bob", { internalEndpoint: "bob:7051" }), from: bob });
    expect(types(connect())).toEqual(["contact answered"]);
    step({ type: "identity-removed", pkiId: bob });
    expect(types(pass(500))).toContain("identify");
  });

  test("4.42: stops trying an endpoint whose member is alive", () => {
    const { connect, step, pass } = setup();
    connect();
    step({ type: "identify-failed", endpoint: "bob:7051" });
    const alive = aliveOf("bob", { internalEndpoint: "bob:7051" });
    expect(types(step({ type: "alive", alive, from: bob }))).toContain("contact answered");
    expect(types(pass(20_000))).not.toContain("identify");
  });
});

describe("Discovery chooses its contacts", () => {
  test.each(["self:7051", "SELF:7051", "self.external:7051", "localhost:7051", "127.0.0.1:7051", "[::1]:7051"])(
    "04/14, 4.39: does not contact itself at %s",
    (endpoint) => {
      const { connect, discovery } = setup();
      expect(dropReasons(connect(endpoint))).toEqual(["own-endpoint"]);
      expect(discovery.deadline).toBe(Number.POSITIVE_INFINITY);
    },
  );

  test("04/14, 4.39: gives up an endpoint that turns out to be its own", () => {
    const { connect, identified, discovery } = setup();
    connect();
    expect(dropReasons(identified(pkiIdOf("self")))).toEqual(["own-endpoint"]);
    expect(discovery.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  test.each(["", "no-port", "host:70000"])("04/N10: does not contact %j, which is no endpoint", (endpoint) => {
    expect(dropReasons(setup().connect(endpoint))).toEqual(["malformed"]);
  });

  test("4.38: without external endpoint does not contact foreign anchors", () => {
    const { connect } = setup({}, "");
    expect(dropReasons(connect("bob:7051", "foreign-anchor"))).toEqual(["no-external-endpoint"]);
    expect(types(connect("bob:7051", "own-anchor"))).toEqual(["identify"]);
  });

  test("4.43: contacts an endpoint once, however often it is told and however it is spelled", () => {
    const { connect } = setup();
    expect(types(connect("bob:7051"))).toEqual(["identify"]);
    expect(connect("BOB:7051")).toEqual([]);
    expect(connect("bob:7051", "foreign-anchor")).toEqual([]);
  });

  test("Discovery holds no more contacts than configured", () => {
    const { connect } = setup({ maxContacts: 1 });
    connect("a:1");
    expect(dropReasons(connect("b:1"))).toEqual(["contacts-full"]);
  });

  test("Discovery forgets about a released endpoint, and refuses late answers about it", () => {
    const { connect, step, identified, discovery } = setup();
    connect();
    step({ type: "release", endpoint: "bob:7051" });
    expect(discovery.deadline).toBe(Number.POSITIVE_INFINITY);
    expect(dropReasons(identified())).toEqual(["unexpected-result"]);
    expect(dropReasons(step({ type: "identify-failed", endpoint: "bob:7051" }))).toEqual(["unexpected-result"]);
  });

  test("4.36: never forgets a member at a contact's endpoint, and forgets it once that is released", () => {
    const { step, pass, discovery } = setup({ msgExpirationFactor: 2 });
    const alive = aliveOf("bob", { internalEndpoint: "bob:7051" });
    step({ type: "alive", alive, from: bob });
    step({ type: "connect", endpoint: "bob:7051", role: "own-anchor" });
    pass(500_000);
    expect(discovery.lookup(bob)?.state).toBe("dead");
    step({ type: "release", endpoint: "bob:7051" });
    pass(2_500);
    expect(discovery.lookup(bob)).toBeUndefined();
  });
});

test("retryDelay grows to the reconnect interval and no further", () => {
  const config = resolveDiscoveryConfig();
  const random = seededRandom(3);
  for (const attempts of [0, 1, 5, 30, 1_000]) {
    const delay = retryDelay(attempts, config, random);
    expect(delay).toBeGreaterThanOrEqual(Math.min(250 * 2 ** attempts, 12_500));
    expect(delay).toBeLessThanOrEqual(discoveryDefaults.reconnectIntervalMs);
  }
});
