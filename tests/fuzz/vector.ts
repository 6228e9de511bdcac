import { readdirSync, readFileSync } from "node:fs";
import { harmIn } from "./harm.js";
import type { HostilePeer } from "./hostile.js";
import { type Crypto, smallConfig, World } from "./world.js";

/** What was found once, as a file in `vectors`, and must not come again. */
export interface Vector {
  /** What happened, and which rule says that it must not. */
  readonly about: string;
  readonly crypto: Crypto;
  /** Which peer said it, after how many milliseconds, and the hex of the envelope. */
  readonly said: readonly { readonly by: number; readonly afterMs: number; readonly envelope: string }[];
}

const folder = new URL("./vectors/", import.meta.url);

export function readVectors(): readonly (Vector & { readonly name: string })[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return names.sort().map((name) => ({
    name,
    ...(JSON.parse(readFileSync(new URL(name, folder), "utf8")) as Vector), // written by hand, in this form
  }));
}

/** Says it all to a new node; what went wrong. */
export async function replay({ crypto, said }: Vector): Promise<readonly string[]> {
  const wrong: string[] = [];
  const world = await World.open(crypto, 1n, smallConfig, (bytes) => {
    const harm = harmIn(bytes);
    if (harm !== undefined) wrong.push(harm);
  });
  for (const { by, afterMs, envelope } of said) {
    await world.run(afterMs);
    await world.say(world.peers[by] as HostilePeer, new Uint8Array(Buffer.from(envelope, "hex")));
  }
  await world.run(2_000);
  await world.close();
  return [...wrong, ...world.faults.map(String)];
}
