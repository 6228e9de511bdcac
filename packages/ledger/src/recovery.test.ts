import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { blockHash } from "@gossip/crypto";
import { readBlock } from "@gossip/proto/fabric";
import { GossipError, type LogFields, type Logger, silentLogger } from "@gossip/runtime";
import { makeChain } from "@gossip/state/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type BlockLedger, createLedger, type LedgerOptions } from "./ledger.js";
import { encodeRecord, keyOf, recordOf } from "./records.js";
import { openStore, type Store } from "./store.js";

/** A closed ledger with the whole chain, still in LevelDB's log, made once and copied by each test. */
let template: string;
let dir: string;

beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), "gossip-recovery-"));
  const ledger = await createLedger({ dir: template, channel: "demo" });
  // One by one, since blocks that share a write would be torn together.
  for (const block of chain) await ledger.commit(ledger.height, block);
  await ledger.close();
});

afterAll(() => rmSync(template, { recursive: true, force: true }));

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "gossip-recovery-"));
  cpSync(template, dir, { recursive: true });
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

const chain = makeChain(300, { transactionBytes: 1000 });
const blocksDir = () => join(dir, "demo", "blocks");
const files = (pattern: RegExp) =>
  readdirSync(blocksDir())
    .filter((name) => pattern.test(name))
    .sort();

function file(pattern: RegExp): string {
  const name = files(pattern).at(-1);
  if (name === undefined) throw new Error(`expected a file like ${pattern} among ${files(/./)}`);
  return join(blocksDir(), name);
}

const log = () => file(/\.log$/);
const table = () => file(/\.ldb$/);
const manifest = () => file(/^MANIFEST/);
const current = () => file(/^CURRENT$/);

/** Cuts bytes off the end of a file. */
function cut(path: string, bytes: number): void {
  truncateSync(path, readFileSync(path).length - bytes);
}

/** Changes the byte at this place, counted from the end when negative. */
function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  const place = at < 0 ? bytes.length + at : at;
  bytes[place] = (bytes[place] ?? 0) ^ 0xff;
  writeFileSync(path, bytes);
}

/** Has LevelDB move its log into a table, as it does whenever it opens. */
async function moveToTable(): Promise<void> {
  await (await createLedger({ dir, channel: "demo" })).close();
}

function expectBlock(number: bigint, bytes: Uint8Array | undefined): void {
  const expected = chain[Number(number)];
  if (bytes === undefined || expected === undefined || Buffer.compare(bytes, expected) !== 0) {
    throw new Error(`expected the bytes of block ${number} as they were committed`);
  }
}

/** Changes LevelDB's contents behind the ledger's back. */
async function tamper(change: (store: Store) => Promise<void>): Promise<void> {
  const { store } = await openStore(blocksDir(), "");
  await change(store);
  await store.close();
}

/** Opens the ledger, expects it to be sound up to its height, and able to take the rest of the chain. */
async function expectHealed(height: bigint): Promise<BlockLedger> {
  const warnings: LogFields[] = [];
  const log: Logger = { ...silentLogger, warn: (_, fields = {}) => warnings.push(fields) };
  const ledger = await createLedger({ dir, channel: "demo", log });
  expect(ledger.height).toBe(height);
  expect(warnings).toHaveLength(ledger.healed.length);
  for await (const { number, bytes } of ledger.blocks()) expectBlock(number, bytes);
  const missing = chain.slice(Number(height));
  await Promise.all(missing.map((block, at) => ledger.commit(height + BigInt(at), block)));
  await ledger.close();
  return ledger;
}

/** Opens the ledger and reads all of it: every block is as it was committed, or is refused as corrupt. */
async function expectNothingWrong(): Promise<void> {
  const refused: unknown[] = [];
  const ledger = await createLedger({ dir, channel: "demo" }).catch((error: unknown) => void refused.push(error));
  for (let number = 0n; ledger !== undefined && number < ledger.height; number++) {
    const bytes = await ledger.read(number).catch((error: unknown) => void refused.push(error));
    if (bytes !== undefined) expectBlock(number, bytes);
  }
  await ledger?.close();
  expect(ledger === undefined || ledger.height === 300n).toBe(true);
  for (const error of refused) expect(error).toMatchObject({ code: "corrupt" });
}

async function expectRefused(code: string, ...texts: readonly (string | RegExp)[]): Promise<void> {
  await expectRefusal({}, code, ...texts);
}

async function expectRefusal(
  options: Partial<LedgerOptions>,
  code: string,
  ...texts: readonly (string | RegExp)[]
): Promise<void> {
  const error = await createLedger({ dir, channel: "demo", ...options }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof GossipError)) throw new Error(`expected a GossipError, got ${error}`);
  expect(error.code).toBe(code);
  expect(error.message).not.toContain("\n");
  for (const text of texts) expect(error.message).toMatch(text);
}

describe("10.29: A damaged tail", () => {
  it("is healed when the end of the log is cut off, and said to be lost", async () => {
    cut(log(), 10);
    const ledger = await expectHealed(299n);
    expect(ledger.healed).toEqual([{ lost: { from: 299n, to: 299n }, detail: "expected 300 blocks, found 299" }]);
  });

  it("is healed when the end of the log has changed", async () => {
    flip(log(), -5);
    const { healed } = await expectHealed(299n);
    expect(healed).toMatchObject([{ lost: { from: 299n, to: 299n } }]);
  });

  it("is healed once: the next start finds nothing", async () => {
    cut(log(), 10);
    await expectHealed(299n);
    expect((await expectHealed(300n)).healed).toEqual([]);
  });

  it("is healed when the newest block's bytes do not match their checksum", async () => {
    await tamper((store) => store.put(keyOf("block", 299n), chain[298] ?? new Uint8Array()));
    const { healed } = await expectHealed(299n);
    expect(healed).toMatchObject([
      { lost: { from: 299n, to: 299n }, detail: expect.stringMatching(/^expected checksum/) },
    ]);
  });

  it("is healed when the newest blocks have lost their records", async () => {
    await tamper((store) => store.batch([298n, 299n].map((number) => ({ type: "del", key: keyOf("record", number) }))));
    const { healed } = await expectHealed(298n);
    expect(healed).toMatchObject([{ lost: { from: 298n, to: 299n } }]);
  });

  it("is healed when the newest record has lost its block", async () => {
    await tamper((store) => store.del(keyOf("block", 299n)));
    await expectHealed(299n);
  });

  it("is healed when it is no block at all, checksum or not", async () => {
    const junk = Uint8Array.of(0xff, 0xff);
    const record = encodeRecord(recordOf(junk, new Uint8Array(32)));
    await tamper(async (store) => {
      await store.put(keyOf("block", 299n), junk);
      await store.put(keyOf("record", 299n), record);
    });
    await expectHealed(299n);
  });

  it("is left alone when it is longer than a crash can tear", async () => {
    await tamper((store) =>
      store.batch(chain.slice(200).map((_, at) => ({ type: "del", key: keyOf("record", BigInt(200 + at)) }))),
    );
    // Blocks and no records: nothing may be removed.
    await expectRefused("corrupt", /block 235 of channel demo is damaged/);
    await expectRefused("corrupt", /block 235 of channel demo is damaged/);
  });
});

describe("10.29: Blocks that nobody else has", () => {
  const refetchable = false;
  const cure = /restore .*demo from a copy/;

  it("are missed at every start, when the end of the log is cut off", async () => {
    cut(log(), 10);
    const damage = "block 299 of channel demo is damaged: expected 300 blocks, found 299";
    await expectRefusal({ refetchable }, "corrupt", damage, cure);
    await expectRefusal({ refetchable }, "corrupt", damage, cure);
  });

  it("are not dropped because the newest is broken", async () => {
    await tamper((store) => store.put(keyOf("block", 299n), chain[298] ?? new Uint8Array()));
    await expectRefusal({ refetchable }, "corrupt", "block 299 of channel demo is damaged: expected checksum", cure);
    await expectRefusal({ refetchable }, "corrupt", "block 299 of channel demo is damaged: expected checksum", cure);
  });

  it("are not said to be with other peers when a table is gone", async () => {
    await moveToTable();
    rmSync(table());
    await expectRefusal({ refetchable }, "corrupt", cure);
  });
});

describe("10.29: Damage in the middle", () => {
  it("is refused by the number of the first missing block when the log has changed there", async () => {
    flip(log(), 100_000);
    await expectRefused(
      "corrupt",
      /block \d+ of channel demo is damaged: expected the block, found block \d+ next/,
      /move .* away/,
    );
  });

  it("is refused when the first blocks are missing", async () => {
    flip(log(), 20);
    await expectRefused("corrupt", /block 0 of channel demo is damaged/);
  });

  it("is refused when all blocks are gone", async () => {
    truncateSync(log(), 0);
    await expectRefused("corrupt", /block 0 of channel demo is damaged: expected 300 blocks, found none/);
  });

  it("is refused when a block near the tail does not match its checksum", async () => {
    await tamper((store) => store.put(keyOf("block", 280n), chain[281] ?? new Uint8Array()));
    await expectRefused(
      "corrupt",
      /block 280 of channel demo is damaged: expected checksum [0-9a-f]{8}, found [0-9a-f]{8}/,
    );
  });

  it("is refused when a block near the tail does not link to the one below", async () => {
    const other = makeChain(300, { transactionBytes: 1000, variant: 9 });
    const foreign = other[290] ?? new Uint8Array();
    const read = readBlock(foreign);
    if (!read.ok) throw new Error("expected a block");
    const record = encodeRecord(recordOf(foreign, blockHash(read.value.header)));
    await tamper(async (store) => {
      await store.put(keyOf("block", 290n), foreign);
      await store.put(keyOf("record", 290n), record);
    });
    await expectRefused(
      "corrupt",
      /block 291 of channel demo is damaged: expected a link to [0-9a-f]{64}, found [0-9a-f]{64}/,
    );
  });

  it("is met when the block is read, if it lies deep", async () => {
    await tamper((store) => store.put(keyOf("block", 7n), chain[8] ?? new Uint8Array()));
    const ledger = await createLedger({ dir, channel: "demo" });
    await expect(ledger.read(7n)).rejects.toMatchObject({
      code: "corrupt",
      message: expect.stringMatching(/block 7 of channel demo is damaged: expected checksum/),
    });
    expect(await ledger.read(8n)).toEqual(chain[8]);
    await ledger.close();
  });
});

describe("A damaged index", () => {
  beforeEach(moveToTable);

  const damages: Readonly<Record<string, () => void>> = {
    "CURRENT is gone": () => rmSync(current()),
    "CURRENT is empty": () => truncateSync(current(), 0),
    "CURRENT names another file": () => writeFileSync(current(), "MANIFEST-000999\n"),
    "CURRENT is garbage": () => writeFileSync(current(), "garbage"),
    "MANIFEST is gone": () => rmSync(manifest()),
    "MANIFEST is empty": () => truncateSync(manifest(), 0),
    "MANIFEST has changed": () => flip(manifest(), 10),
    "all of it is gone": () => {
      rmSync(current());
      rmSync(manifest());
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    it(`is rebuilt, with no block lost, when ${name}`, async () => {
      damage();
      const { healed } = await expectHealed(300n);
      expect(healed).toEqual([{ lost: undefined, detail: expect.stringMatching(/^rebuilt the index/) }]);
    });
  }

  it("is rebuilt over a damaged table too, without taking that for intact", async () => {
    rmSync(current());
    flip(table(), 100_000);
    await expectNothingWrong();
  });
});

describe("A damaged table", () => {
  beforeEach(moveToTable);

  it("is refused when it is gone, and fine again when it is put back", async () => {
    const path = table();
    const bytes = readFileSync(path);
    rmSync(path);
    // The folder with the mark in it, or the next start would miss the blocks that were moved away.
    await expectRefused("corrupt", /expected the ledger in .* to be intact, got .*missing files/, /move \S+demo away/);
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, bytes);
    expect((await expectHealed(300n)).healed).toEqual([]);
  });

  it("is refused when it is cut short", async () => {
    cut(table(), 20_000);
    await expectRefused("corrupt", /move .* away/);
  });

  it.each([0, 1000, 50_000, 150_000, 299_000, -300, -30])(
    "is never taken for intact when byte %i has changed",
    async (at) => {
      flip(table(), at);
      await expectNothingWrong();
    },
  );
});

/** Runs this without the right to write to the directory: root, whom no mode stops, becomes nobody meanwhile. */
async function withoutPermission(path: string, run: () => Promise<void>): Promise<void> {
  const isRoot = process.geteuid?.() === 0;
  chmodSync(dir, 0o755);
  chmodSync(path, 0o555);
  if (isRoot) process.seteuid?.(65_534);
  try {
    await run();
  } finally {
    if (isRoot) process.seteuid?.(0);
    chmodSync(path, 0o755);
  }
}

const noModes = "Windows has no file modes";

describe("A directory without permission", () => {
  it("is refused with its name when a ledger should be made in it", async ({ skip }) => {
    skip(process.platform === "win32", noModes);
    rmSync(join(dir, "demo"), { recursive: true });
    await withoutPermission(dir, () => expectRefused("storage", /demo/, /permission denied/i));
  });

  it("is refused when a ledger lies in it, which is as it was afterwards", async () => {
    await withoutPermission(blocksDir(), () => expectRefused("storage", /demo/, /permission denied/i));
    expect((await expectHealed(300n)).healed).toEqual([]);
  });
});

describe("A place where no directory can be made", () => {
  it("is refused, though the one above is there", async ({ skip }) => {
    skip(process.platform !== "linux", "only Linux has /proc, which says of a new directory that it does not exist");
    await expect(createLedger({ dir: "/proc/gossip", channel: "demo" })).rejects.toMatchObject({ code: "storage" });
  });
});

describe("10.30: A damaged height mark", () => {
  it.each(["", "garbage", "99"])("costs nothing but its own knowledge when it is %j", async (content) => {
    writeFileSync(join(dir, "demo", "height"), content);
    const ledger = await createLedger({ dir, channel: "demo" });
    expect(ledger.height).toBe(300n);
    expect(ledger.healed).toEqual([]);
    await ledger.close();
    expect(readFileSync(join(dir, "demo", "height"), "utf8")).toBe("00000000000000000300\n");
  });
});
