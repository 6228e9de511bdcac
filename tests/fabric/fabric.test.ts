/**
 * Stories of a seat in a real Fabric network, told once with a Go peer in the seat, which proves the story, and once with
 * our node. One after the other: each starts a network of its own, and all want the same few processors.
 */

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { type Binaries, binaries, skipReason } from "./harness/binaries.js";
import { complaints, isAboutOthers } from "./harness/complaints.js";
import { FabricNetwork } from "./harness/network.js";
import { OwnAuthority } from "./harness/own-authority.js";
import type { Seat } from "./harness/peer.js";
import { type Scenario, Stage } from "./harness/scenario.js";
import { type Result, table } from "./harness/table.js";
import { blocks } from "./scenarios/blocks.js";
import { configuration } from "./scenarios/configuration.js";
import { forgetting } from "./scenarios/forgetting.js";
import { hostility } from "./scenarios/hostility.js";
import { identities } from "./scenarios/identities.js";
import { leadership } from "./scenarios/leadership.js";
import { membership } from "./scenarios/membership.js";
import { organizations } from "./scenarios/organizations.js";
import { privateData } from "./scenarios/private-data.js";
import { pull } from "./scenarios/pull.js";
import { renewal } from "./scenarios/renewal.js";
import { soak } from "./scenarios/soak.js";

const storyTimeoutMs = 240_000;
const kept = fileURLToPath(new URL("../../.gossip/fabric/", import.meta.url));

const wantedSeats = new Set((process.env["FABRIC_SEATS"] ?? "go,ours").split(","));
const keepsLogs = (process.env["FABRIC_KEEP_LOGS"] ?? "") !== "";
const results: Result[] = [];
/** By scenario and seat: what Go peers complained of. */
const heard = new Map<string, ReadonlyMap<string, string>>();

/** What a Go peer may say of our node, though by chance it said it of no Go peer in the seat, and why that is as it should be. */
const explained: readonly { readonly complaint: RegExp; readonly why: string }[] = [
  {
    complaint: /MESSAGE of SEAT (is found invalid: PKIID wasn't found|isn't valid)/,
    why: "a state info was passed on to somebody who had only just come, before the identity; Go peers do it to one another",
  },
  {
    complaint:
      /(Deep probe of|Could not connect to Endpoint:|failed to connect to \{Addr: ")SEAT.*(deadline exceeded|unknown authority)/,
    why:
      "a Go peer that starts probes the anchors of its channels before it has installed the TLS authorities of these very " +
      "channels; it succeeds when it tries again",
  },
  {
    complaint: /(Identity store rejected SEAT|Authentication failed) ?: gossipping peer identity expired/,
    why: "whoever's certificate has expired dials on; a Go peer in the seat is told the same, but not in every run",
  },
  {
    complaint: /Server TLS handshake failed .*(certificate signed by unknown authority|didn't provide a certificate)/,
    why:
      "with clientAuthRequired, a Go peer that has not joined yet knows no authority of others: a Go client then withholds " +
      "its certificate, while Node's TLS sends it, so the same refusal has another text",
  },
];

const skipV3 = binaries === undefined || !binaries.isV3;

describe.sequential(`in a real Fabric network (skipped when ${skipReason})`, () => {
  const all = [
    membership,
    forgetting,
    organizations,
    identities,
    renewal,
    pull,
    blocks,
    leadership,
    privateData,
    configuration,
    hostility,
  ].flat();
  for (const scenario of all) {
    const isV3 = scenario.shape.capability === "V3_0";
    for (const seat of scenario.seats.filter((one) => wantedSeats.has(one))) {
      const name = `${scenario.name}: ${seat === "go" ? "a Go peer" : "our node"} in the seat`;
      test.skipIf(isV3 ? skipV3 : binaries === undefined)(
        `${name} (skipped when ${isV3 ? `${skipReason} or names a release before v3` : skipReason})`,
        async () => {
          if (binaries !== undefined) await tell(scenario, seat, binaries);
        },
        storyTimeoutMs,
      );
    }
  }

  test.skipIf(binaries === undefined || wantedSeats.size < 2)(
    `Go peers complain of nothing beside our node that they do not complain of beside a Go peer (skipped when ${skipReason} or FABRIC_SEATS names one seat only)`,
    () => {
      const onlyOurs = compare();
      expect(onlyOurs.filter(({ complaint }) => !explained.some((one) => one.complaint.test(complaint)))).toEqual([]);
    },
  );
});

const minutes = Number(process.env["FABRIC_SOAK_MINUTES"] ?? 0);

describe(`in a real Fabric network for long (skipped when ${skipReason} or FABRIC_SOAK_MINUTES is not set)`, () => {
  const scenario = soak(minutes === 0 ? 30 : minutes);
  test.skipIf(binaries === undefined || minutes === 0)(
    `${scenario.name} (skipped when ${skipReason} or FABRIC_SOAK_MINUTES is not set)`,
    async () => {
      if (binaries !== undefined) await tell(scenario, "ours", binaries);
    },
    2 * minutes * 60_000 + storyTimeoutMs,
  );
});

/**
 * What was heard beside our node but in no story beside a Go peer in the same seat. All stories together, because much of
 * what Go peers say while others start and stop is a matter of moments; who sits in the seat is told apart from others,
 * and what is said of others only is theirs.
 */
function compare() {
  const beside = (seat: Seat) => [...heard].filter(([key]) => key.endsWith(`/${seat}`));
  // What Go peers say of one another in the same words, a Go peer in the seat would be told as well.
  const kind = (complaint: string) => complaint.replaceAll("SEAT", "OTHER");
  const known = new Set(beside("go").flatMap(([, complaints]) => [...complaints.keys()].map(kind)));
  return beside("ours").flatMap(([key, complaints]) => {
    const only = [...complaints].filter(([complaint]) => !known.has(kind(complaint)) && !isAboutOthers(complaint));
    return only.map(([complaint, example]) => ({ story: key, complaint, example }));
  });
}

afterAll(() => {
  if (binaries === undefined) return;
  const text = table(binaries.version, results);
  process.stdout.write(`\n${text}\n`);
  mkdirSync(kept, { recursive: true });
  writeFileSync(join(kept, `results-${binaries.version}.md`), text);
  const all = [...heard].map(([key, found]) => [key, Object.fromEntries(found)]);
  writeFileSync(
    join(kept, `complaints-${binaries.version}.json`),
    JSON.stringify(Object.fromEntries(all), undefined, 2),
  );
});

async function tell(scenario: Scenario, seat: Seat, release: Binaries): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "gossip-fabric-"));
  const started = performance.now();
  const { shape, peerEnv, isWired = false } = scenario;
  const authorities = new Map(
    Object.entries(scenario.authorities ?? {}).map(([name, depth]) => [name, new OwnAuthority(name, depth)]),
  );
  const network = await FabricNetwork.create({
    dir,
    binaries: release,
    shape,
    isWired,
    ...(peerEnv === undefined ? {} : { peerEnv }),
    alterOrganizations: (organizationsDir) => {
      for (const authority of authorities.values()) authority.take(organizationsDir);
    },
  });
  const stage = new Stage(network, seat, authorities);
  let outcome: Result["outcome"] = "failed";
  try {
    await scenario.run(stage);
    outcome = "passed";
  } finally {
    await stage.close();
    // Before the end, at which every process loses its neighbours.
    if (scenario.seats.includes("go")) heard.set(`${scenario.name}/${seat}`, complaints(network, stage.seated));
    await network.close();
    results.push({ scenario: scenario.name, seat, outcome, seconds: (performance.now() - started) / 1000 });
    const logs = join(kept, `${scenario.name.replaceAll(/[^a-z0-9]+/gi, "-").slice(0, 60)}-${seat}`);
    rmSync(logs, { recursive: true, force: true });
    if (outcome === "failed" || keepsLogs) cpSync(join(dir, "logs"), logs, { recursive: true });
    rmSync(dir, { recursive: true, force: true });
  }
}
