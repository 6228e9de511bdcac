/** One peer of the catch-up bench: one that serves the chain, or the one that lacks it. */

import { createGrpcTransport } from "@gossip/comm/grpc";
import { createChannelBundle, FabricCrypto, readMspFolder } from "@gossip/fabric";
import { makeChannelConfig } from "@gossip/fabric/testing";
import { createLedger } from "@gossip/ledger";
import { type Channel, createNode } from "@gossip/node";
import { orgId } from "@gossip/proto";
import { systemWallClock, whenDone } from "@gossip/runtime";
import type { Ledger } from "@gossip/state";
import {
  type CatchUpCommand,
  type CatchUpReport,
  type CatchUpResult,
  type CatchUpSetup,
  channelId,
} from "./catch-up-setup.js";
import { chainLedger, forgetfulLedger } from "./chain-file.js";
import { farTransport } from "./far-transport.js";

const report = (message: CatchUpReport) => process.send?.(message);

/** How often it is looked who is there, and how much memory is taken. */
const lookMs = 10;
/** How many pauses are told of. */
const maxPauses = 5;
const tellEvery = 500;

let setup: CatchUpSetup;
let transport: Awaited<ReturnType<typeof createGrpcTransport>>;

/** What the bench wants to know, noted down at each commit. */
class Observer {
  channel: Channel | undefined;
  #metAt = 0;
  #cpuAtStart = 0;
  #bufferedBytes = 0;
  #rssBytes = 0;
  readonly #commits: number[] = [];

  begin(): void {
    this.#metAt = performance.now();
    this.#cpuAtStart = cpuMs();
    setInterval(() => {
      this.#rssBytes = Math.max(this.#rssBytes, process.memoryUsage.rss());
    }, lookMs).unref();
  }

  watch(ledger: Ledger): Ledger {
    const committed = (number: bigint) => {
      this.#commits.push(performance.now());
      this.#bufferedBytes = Math.max(this.#bufferedBytes, this.channel?.buffered.bytes ?? 0);
      if (Number(number) % tellEvery === 0) report({ type: "height", height: Number(number) + 1 });
    };
    return {
      get height() {
        return ledger.height;
      },
      get lastHash() {
        return ledger.lastHash;
      },
      read: (number) => ledger.read(number),
      commit(number, bytes) {
        return whenDone(ledger.commit(number, bytes), () => committed(number));
      },
      close: () => ledger.close(),
    };
  }

  result(drops: ReadonlyMap<string, number>): CatchUpResult {
    const first = this.#commits[0] ?? 0;
    const pauses = this.#commits
      .slice(1)
      .map((at, index) => ({ ms: at - (this.#commits[index] ?? at), height: index + 2 }));
    return {
      startMs: first - this.#metAt,
      tookMs: (this.#commits.at(-1) ?? 0) - first,
      pauses: pauses.sort((one, other) => other.ms - one.ms).slice(0, maxPauses),
      bufferedBytes: this.#bufferedBytes,
      rssBytes: this.#rssBytes,
      cpuMs: cpuMs() - this.#cpuAtStart,
      drops,
    };
  }
}

async function openLedger(chain: Ledger): Promise<Ledger> {
  if (setup.ledger.type === "chain") return chain;
  const genesis = (await chain.read(0n)) as Uint8Array;
  if (setup.ledger.type === "nowhere") return forgetfulLedger(genesis);
  const ledger = await createLedger({ dir: setup.ledger.dir, channel: channelId });
  await ledger.commit(0n, genesis);
  return ledger;
}

async function start(bootstrap: readonly string[], peers: number): Promise<void> {
  const { org, folder: path, organizations, ordererOrganizations, oneWayMs, config } = setup;
  const folder = await readMspFolder(path, org);
  const crypto = new FabricCrypto({ folder, mspId: org, wall: systemWallClock });
  crypto.setChannel(createChannelBundle(channelId, makeChannelConfig({ organizations, ordererOrganizations })));
  const chain = chainLedger(setup.chain);
  const { height } = chain;
  const observer = new Observer();
  const ledger = observer.watch(await openLedger(chain));
  const node = await createNode({
    identity: folder.identity,
    crypto,
    advisor: crypto,
    transport: farTransport(transport, oneWayMs),
    endpoint: transport.endpoint,
    bootstrap,
    config,
  });
  const channel = await node.join(channelId, { ledger, organizations: [orgId(org)] });
  observer.channel = channel;
  await until(() => channel.members.length > 0);
  observer.begin();
  await until(() => channel.members.length === peers - 1);
  report({ type: "met" });
  await until(() => channel.height === height);
  if (setup.ledger.type !== "chain") report({ type: "caught-up", ...observer.result(node.drops) });
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, lookMs));
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

process.on("message", (command: CatchUpCommand) => {
  void handle(command).catch((error) => {
    console.error(error);
    process.exit(1);
  });
});
process.on("disconnect", () => process.exit(0));

async function handle(command: CatchUpCommand): Promise<void> {
  if (command.type === "start") return await start(command.bootstrap, command.peers);
  setup = command.setup;
  const { cert, key, root } = setup.tls;
  transport = await createGrpcTransport({ listen: "127.0.0.1:0", tls: { cert, key, roots: [root] } });
  report({ type: "listening", endpoint: transport.endpoint });
}
