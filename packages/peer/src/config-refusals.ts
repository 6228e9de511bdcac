import { errorText, GossipError } from "@gossip/runtime";

/** Longest part of a wrong value that an error line repeats. */
const maxShown = 80;

/** Words the one line that a bad configuration deserves: file, key, what was expected, what came. */
export class ConfigRefusals {
  readonly #file: string;
  readonly #content: unknown;
  readonly #sources: ReadonlyMap<string, string>;

  /** `content` is what was read, before defaults; `sources` names the environment variable that set a key. */
  constructor(file: string, content: unknown, sources: ReadonlyMap<string, string>) {
    this.#file = file;
    this.#content = content;
    this.#sources = sources;
  }

  /** `expected` completes "expected KEY …"; `got` is what the file holds unless said otherwise. */
  refuse(key: string, expected: string, got: string = this.#shown(key), cause?: unknown): GossipError {
    return new GossipError("invalid-config", this.describe(key, expected, got), { cause });
  }

  /** The words of a refusal, for what is only warned of. */
  describe(key: string, expected: string, got: string = this.#shown(key)): string {
    return this.tell(key, `expected ${key === "" ? "the file" : key} ${expected}, got ${got}`);
  }

  /** `text` with the place that its key comes from: the environment variable that set it, or the file. */
  tell(key: string, text: string): string {
    return `${this.#sourceOf(key)}: ${text}`;
  }

  /** What other code refused in its own words, with the place it came from: a key, and the file it names if any. */
  wrap(key: string, error: unknown, path?: string): GossipError {
    const place = path === undefined ? key : `${key}: ${path}`;
    return new GossipError("invalid-config", this.tell(key, `${place}: ${errorText(error)}`), { cause: error });
  }

  #sourceOf(key: string): string {
    return this.#sources.get(key) ?? this.#file;
  }

  #shown(key: string): string {
    let value = this.#content;
    for (const part of key.split(/[.[\]]+/).filter((part) => part !== "")) {
      value = (value as Record<string, unknown> | undefined)?.[part];
    }
    if (value === undefined) return "nothing";
    const text = JSON.stringify(value) ?? String(value);
    return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
  }
}
