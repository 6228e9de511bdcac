import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ChannelEntry, ChannelsView, MembersView } from "@gossip/peer";
import { executable } from "../../../packages/cli/src/executable.js";
import type { FabricNetwork } from "./network.js";
import { type Environment, type Running, runTool } from "./processes.js";
import { domainOf, host, mspIdOf, peerName } from "./shape.js";
import { until } from "./until.js";

/** Who sits in a peer's place: a stock peer, or the node of this repository. */
export type Seat = "go" | "ours";

export interface PeerPorts {
  /** What is advertised to everybody, and in the channel's configuration. */
  readonly gossip: number;
  /** What is advertised to the own organization. @default the same */
  readonly internal?: number;
  /** Where the peer listens. @default the same */
  readonly listen?: number;
  readonly chaincode: number;
  readonly operations: number;
}

export interface PeerStart {
  /** @default "go" */
  readonly seat?: Seat;
  /** Static leader. @default false */
  readonly leader?: boolean;
  /** Leaves leadership, state transfer and the pushing of blocks as the release's core.yaml has them. */
  readonly stock?: boolean;
  /** @default the organization's peer 0 */
  readonly bootstrap?: readonly FabricPeer[];
  /** Advertises no external endpoint. @default false */
  readonly concealed?: boolean;
  /** Set over all else. */
  readonly env?: Environment;
  /** For our node: what Node is told before the program. */
  readonly nodeArguments?: readonly string[];
}

/** What `discover peers` tells of one peer. */
export interface DiscoveredPeer {
  readonly MSPID: string;
  readonly LedgerHeight: number;
  readonly Endpoint: string;
  /** PEM. */
  readonly Identity: string;
  readonly Chaincodes: readonly string[] | null;
}

const root = fileURLToPath(new URL("../../..", import.meta.url));
const startPatienceMs = 60_000;
const askTimeoutMs = 10_000;

/** A place for a peer in a network: identity, ports and data stay, whoever is started in it. */
export class FabricPeer {
  readonly name: string;
  readonly organization: string;
  readonly mspId: string;
  /** What it is known by. */
  readonly endpoint: string;
  /** What its own organization knows it by. */
  readonly internalEndpoint: string;
  /** Where it listens, and tools find it. */
  readonly address: string;
  readonly operations: string;
  /** Its MSP and TLS folders. */
  readonly folder: string;
  readonly data: string;
  readonly #network: FabricNetwork;
  readonly #ports: PeerPorts;
  readonly #index: number;
  #running: Running | undefined;
  #seat: Seat = "go";
  #joined = false;

  constructor(network: FabricNetwork, organization: string, index: number, ports: PeerPorts) {
    this.#network = network;
    this.#ports = ports;
    this.#index = index;
    this.organization = organization;
    this.mspId = mspIdOf(organization);
    this.name = `peer${index}.${organization.toLowerCase()}`;
    this.endpoint = `${host}:${ports.gossip}`;
    this.internalEndpoint = `${host}:${ports.internal ?? ports.gossip}`;
    this.address = `${host}:${ports.listen ?? ports.gossip}`;
    this.operations = `${host}:${ports.operations}`;
    this.folder = join(this.organizationDir, "peers", peerName(organization, index));
    this.data = join(network.dir, "data", this.name);
  }

  get seat(): Seat {
    return this.#seat;
  }

  get isRunning(): boolean {
    return this.#running?.isRunning === true;
  }

  get pid(): number {
    return this.#process.pid;
  }

  get organizationDir(): string {
    return join(this.#network.organizationsDir, "peerOrganizations", domainOf(this.organization));
  }

  /** TLS folder of its organization's administrator. */
  get adminTls(): string {
    return join(this.organizationDir, "users", `Admin@${domainOf(this.organization)}`, "tls");
  }

  get tlsCa(): string {
    return join(this.folder, "tls", "ca.crt");
  }

  /** PEM of the certificate it signs with. */
  get certificate(): string {
    const file = `${peerName(this.organization, this.#index)}-cert.pem`;
    return readFileSync(join(this.folder, "msp", "signcerts", file), "utf8");
  }

  /** All that it has written so far, over all of its starts. */
  get log(): string {
    return readFileSync(this.#process.logFile, "utf8");
  }

  /** Starts whoever sits here and waits until the operations service answers; the channel is joined at the first start. */
  async start(options: PeerStart = {}): Promise<void> {
    const { seat = "go", nodeArguments = [] } = options;
    this.#seat = seat;
    const env = this.environment(options);
    const { processes, binaries, dir, genesis } = this.#network;
    if (seat === "go") {
      const command = [join(binaries.bin, "peer"), "node", "start"];
      this.#running = processes.start(this.name, command, { cwd: dir, env });
      await this.#answers();
      if (!this.#joined) await until(`${this.name} to join`, () => this.#join(), startPatienceMs);
    } else {
      const node = [process.execPath, ...nodeArguments, ...executable];
      // What was joined is remembered, so a later start names no block.
      const command = [...node, "peer", "start", ...(this.#joined ? [] : ["--channel-block", genesis])];
      const ours = { ...env, TSX_TSCONFIG_PATH: join(root, "tsconfig.json"), NO_COLOR: "1" };
      this.#running = processes.start(this.name, command, { cwd: dir, env: ours });
      await this.#answers();
    }
    this.#joined = true;
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
  }

  async kill(): Promise<void> {
    await this.#running?.kill();
  }

  freeze(): void {
    this.#process.freeze();
  }

  thaw(): void {
    this.#process.thaw();
  }

  /** Blocks in its ledger, as the peer itself tells. */
  async height(): Promise<number> {
    if (this.#seat === "ours") return Number((await this.channel()).height);
    const metrics = await this.metrics();
    const { channel } = this.#network;
    const [, height] =
      new RegExp(`^ledger_blockchain_height\\{channel="${channel}"\\} (\\S+)$`, "m").exec(metrics) ?? [];
    if (height === undefined) throw new Error(`expected ${this.name} to tell a height for ${channel}`);
    return Number(height);
  }

  async metrics(): Promise<string> {
    return await (await this.#ask("/metrics")).text();
  }

  /** Of our node only. */
  async members(): Promise<MembersView> {
    return (await (await this.#ask("/gossip/members")).json()) as MembersView;
  }

  /** Of our node only. */
  async channel(): Promise<ChannelEntry> {
    const { channels } = (await (await this.#ask("/gossip/channels")).json()) as ChannelsView;
    const found = channels.find(({ channel }) => channel === this.#network.channel);
    if (found === undefined) throw new Error(`expected ${this.name} to have joined ${this.#network.channel}`);
    return found;
  }

  /** The channel's members as this Go peer tells them to a client of its organization. */
  async discover(): Promise<readonly DiscoveredPeer[]> {
    const { binaries, dir, channel } = this.#network;
    const home = join(this.organizationDir, "users", `User1@${domainOf(this.organization)}`);
    const [user, tls] = [join(home, "msp"), join(home, "tls")];
    const command = [
      ...[join(binaries.bin, "discover"), "--peerTLSCA", this.tlsCa, "--MSP", this.mspId],
      ...["--tlsCert", join(tls, "client.crt"), "--tlsKey", join(tls, "client.key")],
      ...["--userKey", join(user, "keystore", "priv_sk")],
      ...["--userCert", join(user, "signcerts", `User1@${domainOf(this.organization)}-cert.pem`)],
      ...["peers", "--channel", channel, "--server", this.address],
    ];
    const said = (await runTool(command, { cwd: dir, env: { FABRIC_CFG_PATH: binaries.conf } })).toString("utf8");
    return (JSON.parse(said) as DiscoveredPeer[] | null) ?? [];
  }

  /** Runs `peer` as this organization's administrator, against this peer. */
  async cli(args: readonly string[]): Promise<Buffer> {
    const { binaries, dir } = this.#network;
    return await runTool([join(binaries.bin, "peer"), ...args], {
      cwd: dir,
      env: {
        FABRIC_CFG_PATH: binaries.conf,
        FABRIC_LOGGING_SPEC: "error",
        CORE_PEER_ADDRESS: this.address,
        CORE_PEER_LOCALMSPID: this.mspId,
        CORE_PEER_MSPCONFIGPATH: join(this.organizationDir, "users", `Admin@${domainOf(this.organization)}`, "msp"),
        CORE_PEER_TLS_ENABLED: "true",
        CORE_PEER_TLS_ROOTCERT_FILE: this.tlsCa,
        CORE_PEER_TLS_CLIENTAUTHREQUIRED: String(this.#network.shape.clientAuthRequired ?? false),
        CORE_PEER_TLS_CLIENTCERT_FILE: join(this.adminTls, "client.crt"),
        CORE_PEER_TLS_CLIENTKEY_FILE: join(this.adminTls, "client.key"),
      },
    });
  }

  /** What a peer in this place is started with, whoever it is. */
  environment({ leader = false, stock = false, concealed = false, bootstrap, env }: PeerStart): Environment {
    const { chaincode } = this.#ports;
    const tls = join(this.folder, "tls");
    const roles = {
      CORE_PEER_GOSSIP_USELEADERELECTION: "false",
      CORE_PEER_GOSSIP_ORGLEADER: String(leader),
      CORE_PEER_GOSSIP_STATE_ENABLED: "true",
      CORE_PEER_DELIVERYCLIENT_BLOCKGOSSIPENABLED: "true",
    };
    const first = bootstrap ?? [this.#network.peer(this.organization, 0)];
    return {
      FABRIC_CFG_PATH: this.#network.binaries.conf,
      FABRIC_LOGGING_SPEC: "info",
      FABRIC_LOGGING_FORMAT: "json",
      CORE_PEER_ID: this.name,
      CORE_PEER_LISTENADDRESS: this.address,
      CORE_PEER_ADDRESS: this.address,
      CORE_PEER_CHAINCODELISTENADDRESS: `${host}:${chaincode}`,
      CORE_PEER_CHAINCODEADDRESS: `${host}:${chaincode}`,
      CORE_PEER_GOSSIP_BOOTSTRAP: first.map(({ internalEndpoint }) => internalEndpoint).join(" "),
      CORE_PEER_GOSSIP_ENDPOINT: this.internalEndpoint,
      CORE_PEER_GOSSIP_EXTERNALENDPOINT: concealed ? "" : this.endpoint,
      CORE_PEER_LOCALMSPID: this.mspId,
      CORE_PEER_MSPCONFIGPATH: join(this.folder, "msp"),
      CORE_PEER_TLS_ENABLED: "true",
      CORE_PEER_TLS_CERT_FILE: join(tls, "server.crt"),
      CORE_PEER_TLS_KEY_FILE: join(tls, "server.key"),
      CORE_PEER_TLS_ROOTCERT_FILE: join(tls, "ca.crt"),
      CORE_PEER_TLS_CLIENTAUTHREQUIRED: String(this.#network.shape.clientAuthRequired ?? false),
      CORE_PEER_TLS_CLIENTROOTCAS_FILES: join(tls, "ca.crt"),
      ...(stock ? {} : roles),
      CORE_PEER_FILESYSTEMPATH: this.data,
      CORE_LEDGER_SNAPSHOTS_ROOTDIR: join(this.data, "snapshots"),
      CORE_OPERATIONS_LISTENADDRESS: this.operations,
      CORE_METRICS_PROVIDER: "prometheus",
      // No Docker.
      CORE_VM_ENDPOINT: "",
      ...this.#network.peerEnv,
      ...env,
    };
  }

  get #process(): Running {
    if (this.#running === undefined) throw new Error(`expected ${this.name} to have been started`);
    return this.#running;
  }

  async #answers(): Promise<void> {
    const answers = async () => {
      if (!this.isRunning) throw new Error(`expected ${this.name} to run, it said:\n${this.log.slice(-3_000)}`);
      const { ok } = await this.#ask("/healthz");
      // A v2.5 peer without Docker says for ever that it is unhealthy.
      return ok || this.#seat === "go";
    };
    await until(`${this.name} to answer`, answers, startPatienceMs);
  }

  async #join(): Promise<boolean> {
    await this.cli(["channel", "join", "-b", this.#network.genesis]);
    return true;
  }

  #ask(path: string): Promise<Response> {
    return fetch(`http://${this.operations}${path}`, { signal: AbortSignal.timeout(askTimeoutMs) });
  }
}
