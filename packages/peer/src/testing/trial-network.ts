import {
  blockHash,
  createSigner,
  generateKeyPair,
  issueIdentity,
  type KeyPair,
  makeBlock,
  makeGenesisBlock,
  makeRevocationList,
  makeTransaction,
  pkiIdOfParts,
} from "@gossip/crypto";
import { orgId } from "@gossip/proto";
import type { IdentityRole } from "@gossip/proto/ed25519";
import { readBlock, readSerializedIdentity } from "@gossip/proto/fabric";
import { assert, systemRandom } from "@gossip/runtime";
import type { Ed25519Trust, PeerConfig } from "../config.js";

const yearMs = 31_536_000_000;

/** What differs from a valid identity of a peer. */
export interface TrialIdentityOptions {
  readonly role?: IdentityRole;
  readonly notAfterMs?: number;
}

/**
 * Keys, identities and blocks of a network with the organizations `Org1`, `Org2` and `OrdererOrg` and the channel `demo`,
 * made in memory, for tests.
 */
export class TrialNetwork {
  readonly channelId = "demo";
  readonly ordererEndpoint = "orderer:7050";
  /** All blocks made so far, the genesis block first. */
  readonly blocks: Uint8Array[];
  readonly #roots: ReadonlyMap<string, KeyPair> = new Map(
    ["Org1", "Org2", "OrdererOrg"].map((org) => [org, generateKeyPair()]),
  );
  readonly #orderer: Ed25519Trust;
  readonly #anchors: Readonly<Record<string, readonly string[]>>;

  /** `anchors` are endpoints by organization. */
  constructor(anchors: Readonly<Record<string, readonly string[]>> = {}) {
    this.#anchors = anchors;
    this.#orderer = this.identity("OrdererOrg", "orderer", { role: "orderer" });
    this.blocks = [this.genesisBlockOf(["Org1", "Org2"])];
  }

  /** Block 0 of the channel between these organizations. */
  genesisBlockOf(organizations: readonly string[]): Uint8Array {
    return makeGenesisBlock({
      channelId: this.channelId,
      sequence: 0n,
      organizations: organizations.map((id) => ({
        id,
        rootPublicKey: this.#root(id).publicKey,
        anchors: this.#anchors[id] ?? [],
      })),
      ordererOrganizations: [
        { id: "OrdererOrg", rootPublicKey: this.#root("OrdererOrg").publicKey, endpoints: [this.ordererEndpoint] },
      ],
    });
  }

  /** A new identity of an organization, with the key that belongs to it. */
  identity(org: string, name: string, options: TrialIdentityOptions = {}): Ed25519Trust {
    const { privateKey, publicKey } = generateKeyPair();
    const identity = issueIdentity({
      org,
      rootPrivateKey: this.#root(org).privateKey,
      name,
      role: options.role ?? "peer",
      publicKey,
      notBeforeMs: 1,
      notAfterMs: options.notAfterMs ?? 200 * yearMs,
    });
    return { type: "ed25519", identity, privateKey, organizations: [] };
  }

  /** The list of those whom an organization has revoked; signed by another, or said of another, in tests of that. */
  revocationList(
    org: string,
    number: bigint,
    revoked: readonly Pick<Ed25519Trust, "identity">[],
    signer = org,
    said = org,
  ): Uint8Array {
    const rootPrivateKey = this.#root(signer).privateKey;
    return makeRevocationList({ org: said, rootPrivateKey, number, revoked: revoked.map(pkiIdOf) });
  }

  /** The configuration of a peer in the channel. */
  peerConfig(
    options: {
      readonly org: string;
      readonly name: string;
      readonly dir: string;
      readonly listenAddress: string;
    } & Partial<PeerConfig>,
  ): PeerConfig {
    const { org, name, dir, ...rest } = options;
    const [genesisBlock = new Uint8Array()] = this.blocks;
    return {
      id: name,
      localMspId: orgId(org),
      fileSystemPath: dir,
      trust: this.identity(org, name),
      channels: [{ genesisBlock }],
      ...rest,
    };
  }

  /** Makes the next block out of one transaction per text, and keeps it. */
  nextBlock(texts: readonly string[]): Uint8Array {
    const block = this.#makeBlock(texts, this.#orderer);
    this.blocks.push(block);
    return block;
  }

  /** What could be the next block, but is signed by no orderer of the channel. */
  forgedBlock(): Uint8Array {
    return this.#makeBlock(["forged"], this.identity("Org1", "forger"));
  }

  #makeBlock(texts: readonly string[], by: Ed25519Trust): Uint8Array {
    const sign = createSigner(by.privateKey);
    const previous = readBlock(this.blocks.at(-1) ?? new Uint8Array());
    assert(previous.ok, "expected the blocks of a trial network to decode");
    const transaction = (text: string) =>
      makeTransaction({
        channelId: this.channelId,
        data: new TextEncoder().encode(text),
        identity: by.identity,
        sign,
        nonce: systemRandom.bytes(24),
        timestampNanos: 1_700_000_000_000_000_000n,
      });
    return makeBlock({
      number: BigInt(this.blocks.length),
      previousHash: blockHash(previous.value.header),
      data: texts.map(transaction),
      lastConfigIndex: 0n,
      identity: by.identity,
      sign,
      nonce: systemRandom.bytes(24),
    });
  }

  #root(org: string): KeyPair {
    const root = this.#roots.get(org);
    assert(root !== undefined, `expected one of ${[...this.#roots.keys()].join(", ")}, got ${org}`);
    return root;
  }
}

function pkiIdOf({ identity }: Pick<Ed25519Trust, "identity">) {
  const serialized = readSerializedIdentity(identity);
  assert(serialized.ok, "expected the identities of a trial network to decode");
  return pkiIdOfParts(serialized.value.mspId, serialized.value.idBytes);
}
