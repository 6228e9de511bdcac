import { mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Broadcaster } from "@gossip/deliver";
import type { Binaries } from "./binaries.js";
import { Client, submitTo } from "./client.js";
import { Orderer } from "./orderer.js";
import { FabricPeer, type PeerPorts } from "./peer.js";
import { freePort } from "./ports.js";
import { type Environment, Processes, runTool } from "./processes.js";
import { configtxConfig, cryptogenConfig, domainOf, type NetworkShape, type Places, profile } from "./shape.js";
import { until } from "./until.js";
import { Wire } from "./wire.js";

const settlePatienceMs = 60_000;

export interface NetworkOptions {
  /** An empty folder of its own. */
  readonly dir: string;
  readonly binaries: Binaries;
  readonly shape: NetworkShape;
  /** Set for all peers, over what each gets anyway. */
  readonly peerEnv?: Environment;
  /** Puts a wire between the peers, which the test can listen to and cut. @default false */
  readonly isWired?: boolean;
  /** Called between cryptogen and configtxgen, to change what organizations are made of. */
  readonly alterOrganizations?: (organizationsDir: string) => void;
}

/** A real Fabric network on loopback: TLS everywhere, no Docker, no chaincode, one channel. */
export class FabricNetwork {
  readonly channel = "mychannel";
  readonly dir: string;
  readonly binaries: Binaries;
  readonly shape: NetworkShape;
  readonly peerEnv: Environment;
  readonly processes: Processes;
  readonly orderers: readonly Orderer[];
  readonly #peers: ReadonlyMap<string, readonly FabricPeer[]>;
  #broadcaster: Broadcaster | undefined;
  #wire: Wire | undefined;
  #transactions = 0;

  /** Makes crypto material and the channel's first block; starts nothing. */
  static async create(options: NetworkOptions): Promise<FabricNetwork> {
    const { shape, dir, isWired = false } = options;
    for (const folder of ["data", "logs", "config"]) mkdirSync(join(dir, folder), { recursive: true });
    const ordererPorts = await many(shape.orderers, async () => ({
      service: await freePort(),
      admin: await freePort(),
    }));
    const peerPorts = new Map<string, readonly PeerPorts[]>();
    for (const { name, peers } of [...shape.organizations, ...shape.later]) {
      const ports = async () => ({
        gossip: await freePort(),
        chaincode: await freePort(),
        operations: await freePort(),
        ...(isWired ? { internal: await freePort(), listen: await freePort() } : {}),
      });
      peerPorts.set(name, await many(peers, ports));
    }
    const network = new FabricNetwork(options, ordererPorts, peerPorts);
    await network.#generate(options, {
      orderers: ordererPorts.map(({ service }) => service),
      anchors: new Map(
        [...peerPorts].flatMap(([name, ports]) => {
          const anchor = ports[shape.anchors === undefined ? 0 : (shape.anchors[name] ?? -1)];
          return anchor === undefined ? [] : [[name, anchor.gossip] as const];
        }),
      ),
    });
    if (isWired) {
      network.#wire = new Wire();
      await network.#wire.lay(network.peers);
    }
    return network;
  }

  private constructor(
    { dir, binaries, shape, peerEnv = {} }: NetworkOptions,
    ordererPorts: readonly { service: number; admin: number }[],
    peerPorts: ReadonlyMap<string, readonly PeerPorts[]>,
  ) {
    this.dir = dir;
    this.binaries = binaries;
    this.shape = shape;
    this.peerEnv = peerEnv;
    this.processes = new Processes(join(dir, "logs"));
    this.orderers = ordererPorts.map((ports, index) => new Orderer(this, index, ports));
    this.#peers = new Map(
      [...peerPorts].map(([name, all]) => [name, all.map((ports, index) => new FabricPeer(this, name, index, ports))]),
    );
  }

  get organizationsDir(): string {
    return join(this.dir, "organizations");
  }

  /** The channel's first block. */
  get genesis(): string {
    return join(this.dir, `${this.channel}.block`);
  }

  get configDir(): string {
    return join(this.dir, "config");
  }

  /** Of a network that is wired. */
  get wire(): Wire {
    if (this.#wire === undefined) throw new Error("expected the story to be told over a wire");
    return this.#wire;
  }

  get orderer(): Orderer {
    const [first] = this.orderers;
    if (first === undefined) throw new Error("expected an orderer");
    return first;
  }

  /** All places for peers, whether anybody was started in them or not. */
  get peers(): readonly FabricPeer[] {
    return [...this.#peers.values()].flat();
  }

  peer(organization: string, index: number): FabricPeer {
    const found = this.#peers.get(organization)?.[index];
    if (found === undefined) throw new Error(`expected ${organization} to have a peer ${index}`);
    return found;
  }

  async startOrderers(): Promise<void> {
    for (const orderer of this.orderers) orderer.start();
    await Promise.all(this.orderers.map((orderer) => orderer.join()));
    // Served only once there is a leader among them.
    await Promise.all(this.orderers.map((orderer) => this.fetchBlock("0", orderer)));
  }

  client(organization: string, user: "User1" | "Admin" = "User1"): Client {
    return Client.of(this.peer(organization, 0).organizationDir, organization, user);
  }

  /**
   * Has the orderer make blocks: as many as `count`, when the channel's blocks hold one transaction each. They
   * are no endorsements, and marked invalid by peers that validate, which to orderers and to gossip is all the same.
   */
  async submit(count: number, bytes = 100): Promise<void> {
    const organization = this.shape.organizations[0]?.name ?? "";
    const client = this.client(organization);
    if (this.#broadcaster === undefined) {
      const name = `User1@${domainOf(organization)}`;
      const tls = join(this.peer(organization, 0).organizationDir, "users", name, "tls");
      this.#broadcaster = submitTo(this.orderer.endpoint, this.orderer.tlsCa, tls);
    }
    const broadcaster = this.#broadcaster;
    await Promise.all(
      Array.from({ length: count }, async () => {
        const data = new Uint8Array(bytes);
        data.set(new TextEncoder().encode(`transaction ${++this.#transactions}`));
        await broadcaster.submit(client.envelope(this.channel, "endorser-transaction", data));
      }),
    );
  }

  /**
   * A real transaction that a Go peer endorses, and that writes private data of its organization. Its event is not waited
   * for, since a Go peer ends its streams of events at a block with what `submit` makes.
   */
  async approve(peer: FabricPeer, name: string): Promise<void> {
    const orderer = this.ordererFlags(peer);
    const chaincode = ["--channelID", this.channel, "--name", name, "--version", "1", "--sequence", "1"];
    await peer.cli(["lifecycle", "chaincode", "approveformyorg", "--waitForEvent=false", ...orderer, ...chaincode]);
  }

  /** What `peer` is told of the orderer that it is to ask, as the administrator of a peer's organization. */
  ordererFlags({ adminTls }: FabricPeer, orderer = this.orderer): readonly string[] {
    const ours = [
      "--clientauth",
      "--certfile",
      join(adminTls, "client.crt"),
      "--keyfile",
      join(adminTls, "client.key"),
    ];
    const flags = ["-o", orderer.endpoint, "--tls", "--cafile", orderer.tlsCa];
    return this.shape.clientAuthRequired === true ? [...flags, ...ours] : flags;
  }

  /** The bytes of a block as the orderer serves it. `which` is a number, `oldest`, `newest` or `config`. */
  async fetchBlock(which: string, from = this.orderer): Promise<Buffer> {
    const file = join(this.dir, `${from.name}-${which}.block`);
    const peer = this.peer(this.shape.organizations[0]?.name ?? "", 0);
    const orderer = this.ordererFlags(peer, from);
    const fetched = async () => {
      await peer.cli(["channel", "fetch", which, file, "-c", this.channel, ...orderer]);
      return await readFile(file);
    };
    // An orderer that has just started, or has yet to catch up, says that it cannot serve.
    return await until(`block ${which} from ${from.name}`, fetched, settlePatienceMs);
  }

  /** Waits until all these peers have one and the same height, `height` at least; it is the result. */
  async settled(peers: readonly FabricPeer[], height: number, patienceMs = settlePatienceMs): Promise<number> {
    let seen: readonly (readonly [string, number])[] = [];
    const question = async () => {
      seen = await Promise.all(peers.map(async (peer) => [peer.name, await peer.height()] as const));
      const [first] = seen;
      return first !== undefined && first[1] >= height && seen.every(([, one]) => one === first[1]) && first[1];
    };
    const what = `${peers.map(({ name }) => name).join(", ")} at one height of ${height} or more`;
    return await until(what, question, patienceMs, () => seen.map((one) => one.join(": ")).join(", "));
  }

  async close(): Promise<void> {
    await this.#broadcaster?.close();
    await this.processes.close();
    await this.#wire?.close();
  }

  async #generate({ shape, alterOrganizations }: NetworkOptions, places: Places): Promise<void> {
    const tool = (name: string, ...args: string[]) =>
      runTool([join(this.binaries.bin, name), ...args], { cwd: this.dir, env: { FABRIC_LOGGING_SPEC: "error" } });
    const crypto = join(this.configDir, "crypto-config.yaml");
    writeFileSync(crypto, JSON.stringify(cryptogenConfig(shape), undefined, 2));
    await tool("cryptogen", "generate", `--config=${crypto}`, `--output=${this.organizationsDir}`);
    alterOrganizations?.(this.organizationsDir);
    const configtx = configtxConfig(shape, this.organizationsDir, places);
    writeFileSync(join(this.configDir, "configtx.yaml"), JSON.stringify(configtx, undefined, 2));
    const made = ["-profile", profile, "-channelID", this.channel, "-outputBlock", this.genesis];
    await tool("configtxgen", "-configPath", this.configDir, ...made);
  }
}

async function many<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  while (all.length < count) all.push(await make());
  return all;
}
