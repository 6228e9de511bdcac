import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { errorText } from "@gossip/runtime";
import type { ConfigRefusals } from "./config-refusals.js";

/** Reads the files that a configuration names, relative to its own folder, and refuses in words that name the key. */
export class ConfigFiles {
  readonly #folder: string;
  readonly #refusals: ConfigRefusals;

  constructor(file: string, refusals: ConfigRefusals) {
    this.#folder = dirname(file);
    this.#refusals = refusals;
  }

  /** The absolute path of what a key names. */
  path(path: string): string {
    return resolve(this.#folder, path);
  }

  async read(key: string, path: string): Promise<Uint8Array> {
    try {
      // A copy, since small files lie in a pool that Node shares between them.
      return new Uint8Array(await readFile(this.path(path)));
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
      const got = isMissing ? `no file at ${this.path(path)}` : errorText(error);
      throw this.#refusals.refuse(key, "to name a readable file", got, error);
    }
  }

  /** A file that another package decodes; what that one refuses is said with key and path. */
  async readAs<T>(key: string, path: string, decode: (text: string) => T): Promise<T> {
    const bytes = await this.read(key, path);
    try {
      return decode(new TextDecoder().decode(bytes));
    } catch (error) {
      throw this.#refusals.wrap(key, error, this.path(path));
    }
  }

  /** PEM of one or more certificates; only the first is looked at. */
  async readCertificates(key: string, path: string): Promise<Uint8Array> {
    const pem = await this.read(key, path);
    try {
      new X509Certificate(pem);
    } catch (error) {
      const got = `other contents at ${this.path(path)}`;
      throw this.#refusals.refuse(key, "to name a file with certificates in PEM", got, error);
    }
    return pem;
  }

  /** A certificate and the key that belongs to it. */
  async readPair(
    certName: string,
    certPath: string,
    keyName: string,
    keyPath: string,
  ): Promise<{ readonly cert: Uint8Array; readonly key: Uint8Array }> {
    const cert = await this.readCertificates(certName, certPath);
    const key = await this.read(keyName, keyPath);
    let privateKey: KeyObject;
    try {
      privateKey = createPrivateKey(Buffer.from(key));
    } catch (error) {
      const got = `other contents at ${this.path(keyPath)}`;
      throw this.#refusals.refuse(keyName, "to name a file with a private key in PEM", got, error);
    }
    if (!new X509Certificate(cert).checkPrivateKey(privateKey)) {
      throw this.#refusals.refuse(keyName, `to name the key of ${certName}`, `another key at ${this.path(keyPath)}`);
    }
    return { cert, key };
  }
}

/** One at a time, so that of several bad files the first in the config is the one named. */
export async function inOrder<T, R>(
  items: readonly T[] | undefined,
  use: (item: T, at: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (const [at, item] of (items ?? []).entries()) results.push(await use(item, at));
  return results;
}
