import { ConfigFiles } from "./config-files.js";
import type { ConfigRefusals } from "./config-refusals.js";
import type { PeerFile, UnknownKey } from "./config-schema.js";

/** The keys under `peer`. */
export type PeerSection = NonNullable<PeerFile["peer"]>;

/** What is needed to read a configuration. */
export interface ReadingInput {
  readonly file: string;
  readonly content: PeerFile;
  readonly refusals: ConfigRefusals;
  /** Whether the file is read as Fabric reads it. */
  readonly isFabric: boolean;
  /** Keys and variables that the schema does not know. */
  readonly unknown: readonly UnknownKey[];
  /** What is warned of already; more comes to it. */
  readonly warnings: string[];
}

/** One configuration while it is read: what it says, the files it names, and what its operator shall be told. */
export class Reading {
  readonly file: string;
  readonly content: PeerFile;
  readonly peer: PeerSection;
  readonly refusals: ConfigRefusals;
  readonly isFabric: boolean;
  readonly unknown: readonly UnknownKey[];
  readonly files: ConfigFiles;
  readonly warnings: string[];
  /** What the one warning of keys without effect shall name besides those that are unknown. */
  readonly withoutEffect: string[] = [];

  constructor({ file, content, refusals, isFabric, unknown, warnings }: ReadingInput) {
    this.file = file;
    this.content = content;
    this.peer = content.peer ?? {};
    this.refusals = refusals;
    this.isFabric = isFabric;
    this.unknown = unknown;
    this.files = new ConfigFiles(file, refusals);
    this.warnings = warnings;
  }

  /** Tells the operator something that a key's place in the file explains. */
  warn(key: string, text: string): void {
    this.warnings.push(this.refusals.tell(key, text));
  }

  /** @throws GossipError `invalid-config` when there is no value. */
  required<T>(key: string, expected: string, value: T | undefined): T {
    if (value === undefined) throw this.refusals.refuse(key, expected);
    return value;
  }

  /** What another package refuses for reasons of its own still names the file. */
  checked(key: string, check: () => unknown): void {
    try {
      check();
    } catch (error) {
      throw this.refusals.wrap(key, error);
    }
  }
}

/** The entry alone, or nothing: how an optional property is set under `exactOptionalPropertyTypes`. */
export function present<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: V });
}
