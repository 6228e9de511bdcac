import { createPrivateKey, createPublicKey } from "node:crypto";
import { GossipError, systemRandom } from "@gossip/runtime";
import { type BackendName, backendFor } from "./backend.js";
import { importPrivateKey, importPublicKey, publicKeyBytes } from "./node-backend.js";

/** Ed25519 keys as raw bytes, the form that identities and options take them in. */
export interface KeyPair {
  /** 32-byte seed (RFC 8032 §5.1.5). Keep it secret. */
  readonly privateKey: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** A fresh key pair. `random` is for tests and simulation; the operating system's is the default. */
export function generateKeyPair(random: (length: number) => Uint8Array = systemRandom.bytes): KeyPair {
  const privateKey = random(32);
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

/**
 * The public key that belongs to a private key.
 *
 * @throws GossipError `invalid-argument` unless the private key has 32 bytes.
 */
export function publicKeyOf(privateKey: Uint8Array, backend?: BackendName): Uint8Array {
  requirePrivateKey(privateKey);
  return backendFor(backend).publicKeyOf(privateKey);
}

/**
 * A function that signs with a private key; the key is copied.
 *
 * @throws GossipError `invalid-argument` unless the private key has 32 bytes.
 */
export function createSigner(privateKey: Uint8Array, backend?: BackendName): (payload: Uint8Array) => Uint8Array {
  requirePrivateKey(privateKey);
  return backendFor(backend).createSigner(privateKey);
}

/** A private key as PKCS#8 in PEM (`PRIVATE KEY`), the form in which other tools keep keys on disk. */
export function encodePrivateKey(privateKey: Uint8Array): string {
  requirePrivateKey(privateKey);
  return importPrivateKey(privateKey).export({ format: "pem", type: "pkcs8" }).toString();
}

/**
 * Reads what `encodePrivateKey` or `openssl genpkey -algorithm ed25519` wrote.
 *
 * @throws GossipError `malformed` when the text is no Ed25519 private key. The message never shows the text.
 */
export function decodePrivateKey(pem: string): Uint8Array {
  const key = readKey("private", () => createPrivateKey({ key: pem, format: "pem" }));
  return new Uint8Array(Buffer.from(key.export({ format: "jwk" }).d ?? "", "base64url"));
}

/** A public key as SubjectPublicKeyInfo in PEM (`PUBLIC KEY`). */
export function encodePublicKey(publicKey: Uint8Array): string {
  if (publicKey.length !== 32) {
    throw new GossipError("invalid-argument", `expected a public key of 32 bytes, got ${publicKey.length}`);
  }
  return importPublicKey(publicKey).export({ format: "pem", type: "spki" }).toString();
}

/**
 * Reads what `encodePublicKey` or `openssl pkey -pubout` wrote.
 *
 * @throws GossipError `malformed` when the text is no Ed25519 public key.
 */
export function decodePublicKey(pem: string): Uint8Array {
  return publicKeyBytes(readKey("public", () => createPublicKey({ key: pem, format: "pem" })));
}

function readKey(kind: string, read: () => ReturnType<typeof createPublicKey>): ReturnType<typeof createPublicKey> {
  let key: ReturnType<typeof createPublicKey>;
  try {
    key = read();
  } catch (cause) {
    throw new GossipError("malformed", `expected an Ed25519 ${kind} key in PEM, got text that is no key`, { cause });
  }
  if (key.asymmetricKeyType !== "ed25519") {
    throw new GossipError("malformed", `expected an Ed25519 ${kind} key, got one of type ${key.asymmetricKeyType}`);
  }
  return key;
}

function requirePrivateKey(privateKey: Uint8Array): void {
  if (privateKey.length === 32) return;
  throw new GossipError("invalid-argument", `expected a private key of 32 bytes, got ${privateKey.length}`);
}
