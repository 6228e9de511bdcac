import { join } from "node:path";
import type { FabricNetwork } from "./network.js";
import type { Running } from "./processes.js";
import { runTool } from "./processes.js";
import { host, ordererName } from "./shape.js";
import { until } from "./until.js";

const startPatienceMs = 60_000;

export interface OrdererPorts {
  readonly service: number;
  readonly admin: number;
}

/** One of a network's orderers; it keeps its folder and its ports over restarts. */
export class Orderer {
  readonly name: string;
  readonly mspId = "OrdererMSP";
  readonly endpoint: string;
  /** Its MSP and TLS folders. */
  readonly folder: string;
  readonly #network: FabricNetwork;
  readonly #ports: OrdererPorts;
  #running: Running | undefined;
  #joined = false;

  constructor(network: FabricNetwork, index: number, ports: OrdererPorts) {
    this.#network = network;
    this.#ports = ports;
    this.name = `orderer${index}`;
    this.endpoint = `${host}:${ports.service}`;
    this.folder = join(network.organizationsDir, "ordererOrganizations", "example.com", "orderers", ordererName(index));
  }

  get tlsCa(): string {
    return join(this.folder, "tls", "ca.crt");
  }

  start(): void {
    const { processes, binaries, dir } = this.#network;
    this.#running = processes.start(this.name, [join(binaries.bin, "orderer")], { cwd: dir, env: this.#environment() });
  }

  /** Gives it the channel's first block, and waits until it takes part. */
  async join(): Promise<void> {
    if (this.#joined) return;
    await until(`${this.name} to join`, () => this.#join(), startPatienceMs);
    this.#joined = true;
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
  }

  async kill(): Promise<void> {
    await this.#running?.kill();
  }

  async #join(): Promise<boolean> {
    const { binaries, channel, genesis, dir } = this.#network;
    if (this.#running?.isRunning !== true)
      throw new Error(`expected ${this.name} to run, see ${this.#running?.logFile}`);
    const tls = join(this.folder, "tls");
    const command = [
      ...[join(binaries.bin, "osnadmin"), "channel", "join", "--channelID", channel, "--config-block", genesis],
      ...["-o", `${host}:${this.#ports.admin}`, "--ca-file", join(tls, "ca.crt")],
      ...["--client-cert", join(tls, "server.crt"), "--client-key", join(tls, "server.key")],
    ];
    const said = (await runTool(command, { cwd: dir })).toString("utf8");
    // 201 for created, 405 for a channel that is joined already.
    return /Status: (201|405)/.test(said);
  }

  #environment(): Record<string, string> {
    const { dir, binaries } = this.#network;
    const data = join(dir, "data", this.name);
    const tls = join(this.folder, "tls");
    const [cert, key, ca] = [join(tls, "server.crt"), join(tls, "server.key"), join(tls, "ca.crt")];
    return {
      FABRIC_CFG_PATH: binaries.conf,
      FABRIC_LOGGING_SPEC: "info",
      ORDERER_GENERAL_LISTENADDRESS: host,
      ORDERER_GENERAL_LISTENPORT: String(this.#ports.service),
      ORDERER_GENERAL_LOCALMSPID: this.mspId,
      ORDERER_GENERAL_LOCALMSPDIR: join(this.folder, "msp"),
      ORDERER_GENERAL_TLS_ENABLED: "true",
      ORDERER_GENERAL_TLS_PRIVATEKEY: key,
      ORDERER_GENERAL_TLS_CERTIFICATE: cert,
      ORDERER_GENERAL_TLS_ROOTCAS: `[${ca}]`,
      ORDERER_GENERAL_CLUSTER_CLIENTCERTIFICATE: cert,
      ORDERER_GENERAL_CLUSTER_CLIENTPRIVATEKEY: key,
      ORDERER_GENERAL_CLUSTER_ROOTCAS: `[${ca}]`,
      ORDERER_GENERAL_TLS_CLIENTAUTHREQUIRED: String(this.#network.shape.clientAuthRequired ?? false),
      ORDERER_GENERAL_TLS_CLIENTROOTCAS: `[${ca}]`,
      ORDERER_GENERAL_BOOTSTRAPMETHOD: "none",
      ORDERER_CHANNELPARTICIPATION_ENABLED: "true",
      ORDERER_ADMIN_LISTENADDRESS: `${host}:${this.#ports.admin}`,
      ORDERER_ADMIN_TLS_ENABLED: "true",
      ORDERER_ADMIN_TLS_CERTIFICATE: cert,
      ORDERER_ADMIN_TLS_PRIVATEKEY: key,
      ORDERER_ADMIN_TLS_ROOTCAS: `[${ca}]`,
      ORDERER_ADMIN_TLS_CLIENTROOTCAS: `[${ca}]`,
      ORDERER_ADMIN_TLS_CLIENTAUTHREQUIRED: "true",
      ORDERER_FILELEDGER_LOCATION: data,
      ORDERER_CONSENSUS_WALDIR: join(data, "wal"),
      ORDERER_CONSENSUS_SNAPDIR: join(data, "snap"),
      ORDERER_OPERATIONS_LISTENADDRESS: `${host}:0`,
      ORDERER_METRICS_PROVIDER: "disabled",
    };
  }
}
