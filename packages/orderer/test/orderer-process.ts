import { createOrderer } from "../src/index.js";
import { createTestOrdering } from "../src/testing/index.js";

/** An orderer in a process of its own, for tests that kill it: prints its endpoint, and then serves until it is killed. */
const [fileSystemPath = "", batchTimeoutMs = "20"] = process.argv.slice(2);
const orderer = await createOrderer({
  ...createTestOrdering().options,
  listenAddress: "127.0.0.1:0",
  fileSystemPath,
  batch: { batchTimeoutMs: Number(batchTimeoutMs), maxMessageCount: 20 },
});
process.stdout.write(`${orderer.endpoint}\n`);
