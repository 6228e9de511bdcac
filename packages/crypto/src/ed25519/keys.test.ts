import { createPrivateKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { seededRandom } from "@gossip/runtime";
import { describe, expect, it } from "vitest";
import {
  createSigner,
  decodePrivateKey,
  decodePublicKey,
  encodePrivateKey,
  encodePublicKey,
  generateKeyPair,
  publicKeyOf,
} from "./keys.js";

const malformed = (text: string) =>
  expect.objectContaining({ code: "malformed", message: expect.stringContaining(text) });
const invalid = expect.objectContaining({ code: "invalid-argument" });

describe("keys", () => {
  it("are fresh each time, or follow from the random bytes given", () => {
    expect(generateKeyPair().privateKey).not.toEqual(generateKeyPair().privateKey);
    const [one, two] = [seededRandom(7), seededRandom(7)];
    expect(generateKeyPair(one.bytes)).toEqual(generateKeyPair(two.bytes));
  });

  it("have the same public key and signatures on both backends", () => {
    const { privateKey, publicKey } = generateKeyPair();
    const payload = new Uint8Array([1, 2, 3]);
    for (const backend of ["node", "noble"] as const) {
      expect(publicKeyOf(privateKey, backend)).toEqual(publicKey);
      expect(createSigner(privateKey, backend)(payload)).toEqual(createSigner(privateKey)(payload));
    }
  });

  it("are ordinary PKCS#8 and SPKI in PEM, and come back as they were", () => {
    const { privateKey, publicKey } = generateKeyPair();
    expect(encodePrivateKey(privateKey)).toMatch(
      /^-----BEGIN PRIVATE KEY-----\n[\w+/=\n]+-----END PRIVATE KEY-----\n$/,
    );
    expect(encodePublicKey(publicKey)).toMatch(/^-----BEGIN PUBLIC KEY-----\n[\w+/=\n]+-----END PUBLIC KEY-----\n$/);
    expect(decodePrivateKey(encodePrivateKey(privateKey))).toEqual(privateKey);
    expect(decodePublicKey(encodePublicKey(publicKey))).toEqual(publicKey);
  });

  it("written by another tool are read, and the other way round", () => {
    const theirs = generateKeyPairSync("ed25519");
    const seed = decodePrivateKey(theirs.privateKey.export({ format: "pem", type: "pkcs8" }).toString());
    const payload = new Uint8Array([4, 5]);
    expect(verify(null, payload, theirs.publicKey, createSigner(seed)(payload))).toBe(true);
    const ours = createPrivateKey(encodePrivateKey(seed));
    expect(new Uint8Array(sign(null, payload, ours))).toEqual(createSigner(seed)(payload));
  });

  it("refuse text that is no key, a key of another kind, and one of another algorithm", () => {
    const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { publicKey } = generateKeyPair();
    expect(() => decodePrivateKey("secret words")).toThrow(malformed("text that is no key"));
    expect(() => decodePrivateKey("")).toThrow(malformed("text that is no key"));
    expect(() => decodePrivateKey(encodePublicKey(publicKey))).toThrow(malformed("text that is no key"));
    const pem = ec.privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    expect(() => decodePrivateKey(pem)).toThrow(malformed("got one of type ec"));
    expect(() => decodePublicKey("no key")).toThrow(malformed("text that is no key"));
    expect(() => decodePublicKey(ec.publicKey.export({ format: "pem", type: "spki" }).toString())).toThrow(
      malformed("type ec"),
    );
  });

  it("never show the text of a private key in an error", () => {
    const { privateKey } = generateKeyPair();
    const broken = encodePrivateKey(privateKey).replace("BEGIN", "BEGAN");
    const secret = broken.split("\n")[1] ?? "";
    expect(() => decodePrivateKey(broken)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining(secret) }),
    );
  });

  it("of a wrong length are refused", () => {
    const short = new Uint8Array(31);
    expect(() => publicKeyOf(short)).toThrow(invalid);
    expect(() => createSigner(short)).toThrow(invalid);
    expect(() => encodePrivateKey(short)).toThrow(invalid);
    expect(() => encodePublicKey(short)).toThrow(invalid);
  });
});
