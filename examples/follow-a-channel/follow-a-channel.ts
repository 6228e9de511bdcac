/** Takes a peer's place in a channel of a Fabric network and prints each block, once, also over restarts. */

import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createPeer, findPeerConfig, readPeerConfig, showBlock } from "@gossip/peer";

const [genesisFile, last] = process.argv.slice(2);
if (genesisFile === undefined) throw new Error("usage: follow-a-channel GENESIS_BLOCK [LAST_BLOCK]");

// The very core.yaml and CORE_* variables that a Fabric peer in this place would read.
const config = await readPeerConfig(await findPeerConfig(process.env), process.env);
const peer = await createPeer({ ...config, channels: [{ genesisBlock: await readFile(genesisFile) }] });
const [channel] = peer.channels.values();
if (channel === undefined) throw new Error("expected the block to be that of a channel");

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

const progress = join(config.fileSystemPath, "next-block");
const next = BigInt(await readFile(progress, "utf8").catch(() => "0"));
for await (const { number, bytes } of channel.blocks({ from: next, signal: stop.signal })) {
  const { hash, transactions } = showBlock(number, bytes);
  console.log(
    `block ${number} (${hash.slice(0, 16)}): ${transactions.map(({ txId }) => txId).join(", ") || "configuration"}`,
  );
  // What is done with a block comes first; then that it is done, in one step.
  await writeFile(`${progress}.new`, String(number + 1n));
  await rename(`${progress}.new`, progress);
  if (String(number) === last) break;
}
await peer.close();
