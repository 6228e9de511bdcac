import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { blockHash } from "@gossip/crypto";
import {
  makeBlock,
  makeChannelConfig,
  makeConfigTransaction,
  makeGenesisBlock,
  makeOrganization,
  makeTransaction,
  privateKeyPem,
  type TestChannelOptions,
  type TestMember,
  type TestOrganization,
} from "@gossip/fabric/testing";
import { type Config, readBlock } from "@gossip/proto/fabric";
import { assert } from "@gossip/runtime";

/** What the organizations of a trial are: each with its authority, so that tests can enroll and revoke. */
export class FabricTrial {
  readonly org1: TestOrganization = makeOrganization("Org1MSP");
  readonly org2: TestOrganization = makeOrganization("Org2MSP");
  readonly orderers: TestOrganization = makeOrganization("OrdererMSP");

  /** A channel of these organizations, by default of both. */
  channel(options: Partial<TestChannelOptions> & { readonly id?: string } = {}): FabricChain {
    const { id = "payments", ...rest } = options;
    const { org1, org2, orderers } = this;
    return new FabricChain(id, orderers, {
      organizations: [org1, org2],
      ordererOrganizations: [{ ...orderers, endpoints: ["orderer0:7050"] }],
      ...rest,
    });
  }

  /** Writes the MSP folder of a member, as `cryptogen` lays it out. */
  async writeMsp(dir: string, { root, tlsRoot }: TestOrganization, member: TestMember): Promise<string> {
    const files: readonly (readonly [string, string, Uint8Array | string])[] = [
      ["cacerts", "ca.pem", root.pem],
      ["tlscacerts", "tlsca.pem", tlsRoot.pem],
      ["signcerts", "cert.pem", member.pem],
      ["keystore", "priv_sk", privateKeyPem(member.privateKey)],
      [".", "config.yaml", nodeUnits],
    ];
    for (const [folder, name, content] of files) {
      await mkdir(join(dir, folder), { recursive: true });
      await writeFile(join(dir, folder, name), content);
    }
    return dir;
  }
}

const nodeUnits = `NodeOUs:
  Enable: true
${["Client", "Peer", "Admin", "Orderer"]
  .map((name) => `  ${name}OUIdentifier:\n    OrganizationalUnitIdentifier: ${name.toLowerCase()}\n`)
  .join("")}`;

/** The blocks of a channel as its orderer makes them, each signed, config blocks among them. */
export class FabricChain {
  readonly id: string;
  /** The newest configuration. */
  config: Config;
  /** All blocks made so far, the genesis block first. */
  readonly blocks: Uint8Array[];
  readonly #orderer: TestMember;
  readonly #options: TestChannelOptions;
  #lastConfigIndex = 0n;

  constructor(id: string, orderers: TestOrganization, options: TestChannelOptions) {
    this.id = id;
    this.#orderer = orderers.issue("orderer0", "orderer");
    this.#options = options;
    this.config = makeChannelConfig(options);
    this.blocks = [makeGenesisBlock(id, this.config)];
  }

  get genesisBlock(): Uint8Array {
    return this.blocks[0] ?? new Uint8Array(0);
  }

  /** Makes the next block out of one transaction, and keeps it. */
  next(text: string): Uint8Array {
    return this.#keep(this.#make([this.#transaction(text)], this.#lastHash));
  }

  /** What an orderer that lies may sign: a block of the next number that follows another one than the last. */
  fork(text: string, ahead = 0): Uint8Array {
    const elsewhere = new Uint8Array(32).fill(0x66);
    return this.#make([this.#transaction(text)], elsewhere, BigInt(this.blocks.length + ahead));
  }

  /** Makes the next block out of a new configuration, and keeps it. */
  reconfigure(change: Partial<TestChannelOptions> | ((config: Config) => Config)): Uint8Array {
    const sequence = this.config.sequence + 1n;
    const changed =
      typeof change === "function" ? change(this.config) : makeChannelConfig({ ...this.#options, ...change });
    this.config = { ...changed, sequence };
    this.#lastConfigIndex = BigInt(this.blocks.length);
    const transaction = makeConfigTransaction({ channelId: this.id, creator: this.#orderer, config: this.config });
    return this.#keep(this.#make([transaction], this.#lastHash));
  }

  get #lastHash(): Uint8Array {
    const last = readBlock(this.blocks.at(-1) ?? new Uint8Array(0));
    assert(last.ok, "expected the blocks of a trial to decode");
    return blockHash(last.value.header);
  }

  #transaction(text: string): Uint8Array {
    return makeTransaction({ channelId: this.id, creator: this.#orderer, data: new TextEncoder().encode(text) });
  }

  #make(data: readonly Uint8Array[], previousHash: Uint8Array, number = BigInt(this.blocks.length)): Uint8Array {
    const signers = [{ member: this.#orderer }];
    return makeBlock({ number, previousHash, data, signers, lastConfigIndex: this.#lastConfigIndex });
  }

  #keep(block: Uint8Array): Uint8Array {
    this.blocks.push(block);
    return block;
  }
}
