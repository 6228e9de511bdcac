import { readFileSync } from "node:fs";

/** One line of a recorded conversation; `fixtures/README.md` tells what the fields are. */
interface RecordedLine {
  readonly ms: number;
  readonly dir: "in" | "out";
  readonly type: string;
  readonly envelope: string;
  /** The decoded message; beside nonce, channel and tag it has one field, which `type` names. */
  readonly message: Readonly<Record<string, unknown>>;
}

export const conversationNames = ["peer0-org1", "peer1-org1-leader"] as const;

export function conversation(name: (typeof conversationNames)[number]): readonly RecordedLine[] {
  const text = readFileSync(new URL(`./fixtures/conversations/${name}.jsonl`, import.meta.url), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as RecordedLine);
}

export const blockNumbers = [0, 1, 2, 3, 4, 5, 6, 7] as const;

export function blockFile(number: number): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`./fixtures/blocks/${number}.block`, import.meta.url)));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
