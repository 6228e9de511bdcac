import { unsigned } from "@gossip/crypto";
import { makeFakeBlock } from "@gossip/crypto/testing";
import { blockDigest, type Envelope, type MessageOf, parseBlockDigest } from "@gossip/proto";
import { dataMessage, digestMessage, helloMessage, requestMessage, updateMessage } from "@gossip/proto/testing";
import { createMemoryLedger, type MemoryLedger } from "@gossip/state/testing";
import { befriend, info } from "./befriend.js";
import { channelName, type Scene, sealed } from "./scene.js";

/** Blocks that link to each other, which every fake accepts. */
export function chain(length: number): readonly Uint8Array[] {
  const ledger = createMemoryLedger();
  return Array.from({ length }, (_, index) => {
    const number = BigInt(index);
    const data = [new TextEncoder().encode(`tx ${number}`)];
    const bytes = makeFakeBlock({ channel: channelName, number, previousHash: ledger.lastHash, data });
    ledger.commit(number, bytes);
    return bytes;
  });
}

/** A ledger that has these blocks. */
export function ledgerOf(blocks: readonly Uint8Array[]): MemoryLedger {
  const ledger = createMemoryLedger();
  for (const [number, bytes] of blocks.entries()) ledger.commit(BigInt(number), bytes);
  return ledger;
}

/** A block as it stands in an update. */
export function itemOf(blocks: readonly Uint8Array[], number: number, channel = channelName): Envelope {
  const payload = { blockNumber: BigInt(number), data: blocks[number] as Uint8Array, privateData: [] };
  return unsigned(dataMessage({ channel, payload }));
}

/** Numbers in the digests of a message. */
export function numbersIn({ digests }: { readonly digests: readonly Uint8Array[] }): readonly number[] {
  return digests.map((digest) => Number(parseBlockDigest(digest))).sort((a, b) => a - b);
}

/** Without state transfer, so that pull alone brings what pushes do not. */
export const pullOnly = { state: { enabled: false } };

/** A victim, and a stranger that is in its channel and has so many blocks, of which it may tell by pull. */
export async function befriendPuller(scene: Scene, options: Parameters<typeof befriend>[1] & { height?: bigint } = {}) {
  const { height = 20n, ...rest } = options;
  const met = await befriend(scene, { config: pullOnly, ...rest });
  let sequence = 0n;
  const tell = (told: bigint) => met.say(sealed(info(met.crypto, ++sequence, told), met.crypto));
  await tell(height);

  const ofBlocks = <T extends "hello" | "digest" | "request" | "update">(type: T): readonly MessageOf<T>[] =>
    met.heardOf(type).filter((message) => "pullType" in message && message.pullType === "block");
  /** The next hello that the victim says to the stranger. */
  const nextHello = async (withinMs = 20_000) => {
    const before = ofBlocks("hello").length;
    for (let waited = 0; ofBlocks("hello").length === before && waited < withinMs; waited += 25) await scene.run(25);
    return ofBlocks("hello").length === before ? undefined : ofBlocks("hello").at(-1);
  };
  /** Offers these blocks in answer to a hello: the request that follows, if any. */
  const offer = async (numbers: readonly (number | string)[], hello?: MessageOf<"hello">) => {
    const before = ofBlocks("request").length;
    const { pullNonce = 0n } = hello ?? (await nextHello()) ?? {};
    const digests = numbers.map((one) =>
      typeof one === "string" ? new TextEncoder().encode(one) : blockDigest(BigInt(one)),
    );
    await met.say(unsigned(digestMessage({ channel: channelName, pullNonce, digests })));
    await scene.run(100);
    return ofBlocks("request").length === before ? undefined : ofBlocks("request").at(-1);
  };
  const update = (pullNonce: bigint, data: readonly Envelope[]) =>
    met.say(unsigned(updateMessage({ channel: channelName, pullNonce, data })));
  const sayHello = (pullNonce: bigint) => met.say(unsigned(helloMessage({ channel: channelName, pullNonce })));
  const request = (pullNonce: bigint, numbers: readonly number[]) => {
    const digests = numbers.map((number) => blockDigest(BigInt(number)));
    return met.say(unsigned(requestMessage({ channel: channelName, pullNonce, digests })));
  };
  return { ...met, tell, ofBlocks, nextHello, offer, update, sayHello, request };
}
