import { readFile } from "node:fs/promises";
import {
  blockHash,
  decodePrivateKey,
  Ed25519Crypto,
  makeTransaction,
  readGenesisBlock,
  transactionData,
} from "@gossip/crypto";
import { type Broadcaster, type ClientTls, createBroadcaster, createDeliver, type Deliver } from "@gossip/deliver";
import { type Block, readBlock } from "@gossip/proto/fabric";
import { GossipError, systemRandom, systemWallClock } from "@gossip/runtime";
import type { NetworkFile } from "./network-file.js";
import { readOrdererConfig } from "./orderer-file.js";
import { clientName, networkPaths } from "./paths.js";

/** What a block brought, for a client that follows the channel. */
interface FollowedBlock {
  readonly number: bigint;
  /** How many it holds; none for a block of configuration. */
  readonly transactions: number;
}

/** A member of the network's first organization that submits transactions and may read the channel. */
export interface NetworkClient {
  readonly channel: string;
  /** Largest data of one transaction that the orderer takes. */
  readonly maxDataBytes: number;
  /** A transaction of its own: equal data gives different transactions, each of which is ordered. */
  transaction(data: Uint8Array): Uint8Array;
  /** A connection for submitting. */
  submitter(): Broadcaster;
  /** Takes the channel's blocks from the orderer, from block 1 on, each checked as a peer would. */
  follow(onBlock: (block: FollowedBlock) => void): Deliver;
}

/** Opens the client whose keys lie in a network's folder. */
export async function openClient(dir: string, file: NetworkFile): Promise<NetworkClient> {
  const paths = networkPaths(dir);
  const [channel, orderer, org] = [file.channels[0], file.orderers[0], file.peers[0]?.org];
  if (channel === undefined || orderer === undefined || org === undefined) {
    throw new GossipError("invalid-config", `expected the network in ${dir} to have a channel, an orderer and a peer`);
  }
  const own = paths.member("client", clientName(org));
  const [identity, key, cert, tlsKey, roots, genesis, ordererFile] = await Promise.all([
    readBytes(own.identity),
    readFile(own.key, "utf8"),
    readBytes(own.tlsCert),
    readBytes(own.tlsKey),
    readBytes(paths.tlsRoots),
    readBytes(paths.genesisBlock(channel)),
    readOrdererConfig(orderer.config),
  ]);
  const privateKey = decodePrivateKey(key);
  const crypto = new Ed25519Crypto({ identity, privateKey, organizations: [], wall: systemWallClock });
  crypto.setChannel(readGenesisBlock(genesis));
  const sign = (payload: Uint8Array) => crypto.sign(payload);
  const tls: ClientTls = { cert, key: tlsKey };
  const endpoint = { address: orderer.endpoint, tlsRoots: [roots] };
  const transaction = (data: Uint8Array) =>
    makeTransaction({
      channelId: channel,
      data,
      identity,
      sign,
      nonce: systemRandom.bytes(24),
      timestampNanos: systemWallClock.nowNanos(),
    });
  return {
    channel,
    maxDataBytes: ordererFile.config.batch.absoluteMaxBytes - transaction(new Uint8Array()).length - lengthFieldBytes,
    transaction,
    submitter: () => createBroadcaster({ endpoint, tls }),
    follow: (onBlock) =>
      createDeliver({
        channel,
        endpoints: [endpoint],
        tls,
        identity,
        sign,
        position: { next: 1n, lastHash: hashOf(genesis) },
        verify: (blockNumber, block) => crypto.verifyBlock(channel, blockNumber, block),
        async onBlock(number, _, block) {
          onBlock({ number, transactions: transactionCount(block) });
        },
      }),
  };
}

/** A configuration stands alone in its block (protocol page 13 §4.2), so of many transactions none has to be decoded. */
function transactionCount({ data: [first, ...more] }: Block): number {
  if (first === undefined) return 0;
  return more.length > 0 || transactionData(first) !== undefined ? 1 + more.length : 0;
}

/** Lengths of the data and of what holds it take up to this many bytes more than those of an empty transaction. */
const lengthFieldBytes = 12;

function hashOf(block: Uint8Array): Uint8Array {
  const decoded = readBlock(block);
  if (!decoded.ok)
    throw new GossipError("malformed", `expected a genesis block, got bytes that are none: ${decoded.detail}`);
  return blockHash(decoded.value.header);
}

async function readBytes(path: string): Promise<Uint8Array> {
  return new Uint8Array(await readFile(path));
}
