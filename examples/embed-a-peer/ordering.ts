/** What the peer of this example lives in: the keys that an administrator makes once, an orderer, and a client of it. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  createSigner,
  decodePrivateKey,
  encodePrivateKey,
  generateKeyPair,
  issueIdentity,
  makeGenesisBlock,
  makeTransaction,
} from "@gossip/crypto";
import { createBroadcaster } from "@gossip/deliver";
import { createOrderer, type Orderer } from "@gossip/orderer";
import { systemRandom, systemWallClock } from "@gossip/runtime";

const dayMs = 86_400_000;

/** Writes an identity and a key for each role, and the channel's first block, which says who may do what. */
export async function makeKeys(dir: string): Promise<void> {
  const root = generateKeyPair();
  for (const role of ["peer", "orderer", "client"] as const) {
    const { privateKey, publicKey } = generateKeyPair();
    const validity = { notBeforeMs: Date.now() - dayMs, notAfterMs: Date.now() + 365 * dayMs };
    const holder = { org: "Org1", name: `${role}0.org1`, role, publicKey, ...validity };
    await writeFile(join(dir, `${role}.identity`), issueIdentity({ ...holder, rootPrivateKey: root.privateKey }));
    await writeFile(join(dir, `${role}.key`), encodePrivateKey(privateKey), { mode: 0o600 });
  }
  const organization = { id: "Org1", rootPublicKey: root.publicKey };
  const genesisBlock = makeGenesisBlock({
    channelId: "demo",
    sequence: 0n,
    organizations: [{ ...organization, anchors: [] }],
    ordererOrganizations: [{ ...organization, endpoints: ["orderer:7050"] }],
  });
  await writeFile(join(dir, "demo.block"), genesisBlock);
}

/** What `makeKeys` made for a role. */
export async function readKeys(dir: string, role: "peer" | "orderer" | "client") {
  const identity = await readFile(join(dir, `${role}.identity`));
  return { identity, privateKey: decodePrivateKey(await readFile(join(dir, `${role}.key`), "utf8")) };
}

/** A development orderer. A real ordering service of Fabric takes its place by another address. */
export async function openOrderer(dir: string): Promise<Orderer> {
  return createOrderer({
    ...(await readKeys(dir, "orderer")),
    listenAddress: "127.0.0.1:0",
    fileSystemPath: join(dir, "orderer"),
    genesisBlocks: [await readFile(join(dir, "demo.block"))],
    batch: { batchTimeoutMs: 50 },
  });
}

/** Submits transactions one after the other, so that each gets a block of its own. */
export async function submit(dir: string, orderer: Orderer, texts: readonly string[]): Promise<void> {
  const { identity, privateKey } = await readKeys(dir, "client");
  const broadcaster = createBroadcaster({ endpoint: { address: orderer.endpoint } });
  for (const text of texts) {
    const data = new TextEncoder().encode(text);
    const fresh = { nonce: systemRandom.bytes(24), timestampNanos: systemWallClock.nowNanos() };
    const transaction = { channelId: "demo", data, identity, sign: createSigner(privateKey), ...fresh };
    await broadcaster.submit(makeTransaction(transaction));
  }
  await broadcaster.close();
}
