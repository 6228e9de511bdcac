import { createPublicKey, verify } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import * as noble from "@noble/ed25519";
import { describe, expect, it } from "vitest";
import { isPlausibleSignature, isPrimeOrderPoint } from "../src/ed25519/strict.js";
import { createSigner, Ed25519Verifier, publicKeyOf } from "../src/index.js";
import {
  littleEndian,
  nonCanonicalSmallOrder,
  type OddSignature,
  signOddly,
  smallOrderPoints,
  withLargerS,
} from "./odd-points.js";

const backends = ["node", "noble"] as const;
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
const read = (path: string | URL) => JSON.parse(readFileSync(path, "utf8"));

interface Rfc8032 {
  readonly vectors: readonly Record<"name" | "privateKey" | "publicKey" | "message" | "signature", string>[];
}

interface Wycheproof {
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk: string };
    readonly tests: readonly {
      readonly tcId: number;
      readonly comment: string;
      readonly msg: string;
      readonly sig: string;
      readonly result: string;
    }[];
  }[];
}

const rfc8032 = read(new URL("vectors/rfc8032.json", import.meta.url)) as Rfc8032;

for (const backend of backends) {
  describe(`Ed25519 on ${backend}`, () => {
    for (const { name, privateKey, publicKey, message, signature } of rfc8032.vectors) {
      it(`makes and verifies RFC 8032's ${name}`, () => {
        expect(publicKeyOf(bytes(privateKey), backend)).toEqual(bytes(publicKey));
        expect(createSigner(bytes(privateKey), backend)(bytes(message))).toEqual(bytes(signature));
        expect(new Ed25519Verifier({ backend }).verify(bytes(publicKey), bytes(signature), bytes(message))).toBe(true);
      });
    }
  });
}

/**
 * The vectors of project Wycheproof (C2SP/wycheproof, testvectors_v1/ed25519_test.json, Apache-2.0) are not part of this
 * repository: name a copy in WYCHEPROOF_ED25519 to run them.
 */
const wycheproof = process.env["WYCHEPROOF_ED25519"] ?? "";
const reason = "WYCHEPROOF_ED25519 names no file";

describe("Ed25519 on Wycheproof's vectors", () => {
  for (const backend of backends) {
    it.skipIf(!existsSync(wycheproof))(`gives Wycheproof's results on ${backend} (skipped when ${reason})`, () => {
      const verifier = new Ed25519Verifier({ backend });
      let count = 0;
      for (const { publicKey, tests } of (read(wycheproof) as Wycheproof).testGroups) {
        for (const { tcId, comment, msg, sig, result } of tests) {
          const verdict = verifier.verify(bytes(publicKey.pk), bytes(sig), bytes(msg)) ? "valid" : "invalid";
          expect(`${tcId} ${comment}: ${verdict}`).toBe(`${tcId} ${comment}: ${result}`);
          count++;
        }
      }
      expect(count).toBeGreaterThan(100);
    });
  }
});

const message = new TextEncoder().encode("message");
const order8 = smallOrderPoints[1] ?? noble.Point.ZERO;
const [a, r] = [123_456_789n, 987_654_321n];

/** What each library alone says, without our rules. */
function bare({ publicKey, signature, message }: OddSignature): { readonly node: boolean; readonly noble: boolean } {
  const x = Buffer.from(publicKey).toString("base64url");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  return {
    node: verify(null, message, key, signature),
    noble: noble.verify(signature, message, publicKey, { zip215: false }),
  };
}

function ours({ publicKey, signature, message }: OddSignature): { readonly node: boolean; readonly noble: boolean } {
  const [node, noble] = backends.map((backend) =>
    new Ed25519Verifier({ backend }).verify(publicKey, signature, message),
  );
  return { node: node === true, noble: noble === true };
}

/** The first message whose challenge the predicate picks. */
function search(make: (message: Uint8Array) => OddSignature, picks: (challenge: bigint) => boolean): OddSignature {
  for (let i = 0; i < 1_000; i++) {
    const made = make(new TextEncoder().encode(`message ${i}`));
    if (picks(made.challenge)) return made;
  }
  throw new Error("expected one of 1000 messages to fit, got none");
}

const refusedByBoth = { node: false, noble: false };
const acceptedByBoth = { node: true, noble: true };

describe("2.15: Ed25519 on points that are not of prime order", () => {
  it("accepts, as a control, what the same construction makes without torsion", () => {
    const made = signOddly({ a, r, message });
    expect(bare(made)).toEqual(acceptedByBoth);
    expect(ours(made)).toEqual(acceptedByBoth);
  });

  it("refuses a torsion component in A, where node:crypto refuses and noble accepts", () => {
    const made = search(
      (message) => signOddly({ a, r, torsionOfA: order8, message }),
      (k) => k % 8n !== 0n,
    );
    expect(bare(made)).toEqual({ node: false, noble: true });
    expect(ours(made)).toEqual(refusedByBoth);
  });

  it("refuses a torsion component in A that the challenge cancels, where both libraries accept", () => {
    const made = search(
      (message) => signOddly({ a, r, torsionOfA: order8, message }),
      (k) => k % 8n === 0n,
    );
    expect(bare(made)).toEqual(acceptedByBoth);
    expect(ours(made)).toEqual(refusedByBoth);
  });

  it("refuses a torsion component in R, where node:crypto refuses and noble accepts", () => {
    for (const torsionOfR of smallOrderPoints.slice(1)) {
      const made = signOddly({ a, r, torsionOfR, message });
      expect(bare(made)).toEqual({ node: false, noble: true });
      expect(ours(made)).toEqual(refusedByBoth);
    }
  });

  it("refuses torsion in A and R that cancel each other, where both libraries accept", () => {
    const torsionOfR = order8.negate();
    const made = search(
      (message) => signOddly({ a, r, torsionOfA: order8, torsionOfR, message }),
      (k) => k % 8n === 1n,
    );
    expect(bare(made)).toEqual(acceptedByBoth);
    expect(ours(made)).toEqual(refusedByBoth);
  });

  it("refuses a neutral R, where both libraries accept", () => {
    const made = signOddly({ a, r: 0n, message });
    expect(bare(made)).toEqual(acceptedByBoth);
    expect(ours(made)).toEqual(refusedByBoth);
  });

  it("refuses an R of small order, where the libraries differ", () => {
    for (const torsionOfR of smallOrderPoints.slice(1)) {
      const made = signOddly({ a, r: 0n, torsionOfR, message });
      expect(bare(made)).toEqual({ node: false, noble: true });
      expect(ours(made)).toEqual(refusedByBoth);
    }
  });

  it("refuses an A of small order, under which node:crypto accepts a signature that nobody made", () => {
    for (const torsionOfA of smallOrderPoints) {
      const made = search(
        (message) => signOddly({ a: 0n, r, torsionOfA, message }),
        (k) => k % 8n === 0n,
      );
      expect(bare(made)).toEqual({ node: true, noble: false });
      expect(ours(made)).toEqual(refusedByBoth);
      expect(isPrimeOrderPoint(made.publicKey)).toBe(false);
    }
  });

  it("refuses A and R both neutral with S = 0, which is good for every message", () => {
    const made = signOddly({ a: 0n, r: 0n, message });
    expect(bare(made).node).toBe(true);
    expect(ours(made)).toEqual(refusedByBoth);
  });
});

describe("2.15: Ed25519 on encodings that are not canonical", () => {
  it("refuses every second encoding of a point of small order, as A and as R", () => {
    const good = signOddly({ a, r, message });
    for (const encoded of nonCanonicalSmallOrder) {
      expect(isPrimeOrderPoint(encoded)).toBe(false);
      expect(ours({ ...good, publicKey: encoded })).toEqual(refusedByBoth);
      const signature = good.signature.slice();
      signature.set(encoded);
      expect(ours({ ...good, signature })).toEqual(refusedByBoth);
    }
  });

  it("refuses every y from 2^255 - 19 on, with either sign", () => {
    for (let y = 2n ** 255n - 19n; y < 2n ** 255n; y++) {
      for (const sign of [0n, 1n]) expect(isPrimeOrderPoint(littleEndian(y + (sign << 255n)))).toBe(false);
    }
  });

  it("refuses before any backend is asked an R that is not canonical or of small order, and an S from L on", () => {
    const { signature } = signOddly({ a, r, message });
    expect(isPlausibleSignature(signature)).toBe(true);
    const withR = (encoded: Uint8Array) => new Uint8Array([...encoded, ...signature.subarray(32)]);
    const noPrimeOrder = [
      ...nonCanonicalSmallOrder,
      ...smallOrderPoints.map((point) => point.toBytes()),
      littleEndian(2n ** 255n - 1n),
    ];
    for (const encoded of noPrimeOrder) expect(isPlausibleSignature(withR(encoded))).toBe(false);
    for (let n = 1n; n < 16n; n++) expect(isPlausibleSignature(withLargerS(signature, n))).toBe(false);
    expect(isPlausibleSignature(signature.subarray(1))).toBe(false);
  });

  it("refuses bytes that are no point", () => {
    expect(isPrimeOrderPoint(littleEndian(2n))).toBe(false);
    expect(isPrimeOrderPoint(new Uint8Array(31))).toBe(false);
    expect(isPrimeOrderPoint(new Uint8Array(0))).toBe(false);
  });

  it("refuses S + L and every further multiple that fits 32 bytes", () => {
    const good = signOddly({ a, r, message });
    for (let n = 1n; n < 16n; n++) {
      expect(ours({ ...good, signature: withLargerS(good.signature, n) })).toEqual(refusedByBoth);
    }
  });

  it("refuses S at its edges: 0, L - 1, L, L + 1 and all ones", () => {
    const good = signOddly({ a, r, message });
    const order = noble.Point.CURVE().n;
    for (const s of [0n, order - 1n, order, order + 1n, 2n ** 256n - 1n]) {
      const signature = good.signature.slice();
      signature.set(littleEndian(s), 32);
      expect(ours({ ...good, signature })).toEqual(refusedByBoth);
    }
  });

  it("refuses a signature of any other length than 64 bytes, and a key of any other than 32", () => {
    const good = signOddly({ a, r, message });
    const longer = new Uint8Array(65);
    longer.set(good.signature);
    for (const signature of [
      longer,
      good.signature.subarray(0, 63),
      good.signature.subarray(0, 32),
      new Uint8Array(0),
    ]) {
      expect(ours({ ...good, signature })).toEqual(refusedByBoth);
    }
    for (const publicKey of [
      good.publicKey.subarray(0, 31),
      new Uint8Array([...good.publicKey, 0]),
      new Uint8Array(0),
    ]) {
      expect(ours({ ...good, publicKey })).toEqual(refusedByBoth);
    }
  });
});

describe("Ed25519Verifier", () => {
  it("2.15: remembers a good signature together with its key and payload, not by itself", () => {
    const good = signOddly({ a, r, message });
    const other = signOddly({ a: a + 1n, r, message });
    const verifier = new Ed25519Verifier({ maxSignatures: 1 });
    expect(verifier.verify(good.publicKey, good.signature, message)).toBe(true);
    expect(verifier.verify(good.publicKey, good.signature, message)).toBe(true);
    expect(verifier.verify(other.publicKey, good.signature, message)).toBe(false);
    expect(verifier.verify(good.publicKey, other.signature, message)).toBe(false);
    expect(verifier.verify(good.publicKey, good.signature, new TextEncoder().encode("massage"))).toBe(false);
  });

  it("answers the same when its memory of keys and signatures is too small", () => {
    const verifier = new Ed25519Verifier({ maxKeys: 1, maxSignatures: 1 });
    const made = [1n, 2n, 3n].map((scalar) => signOddly({ a: scalar, r, message }));
    for (const { publicKey, signature } of [...made, ...made]) {
      expect(verifier.verify(publicKey, signature, message)).toBe(true);
      expect(verifier.verify(publicKey, withLargerS(signature, 1n), message)).toBe(false);
    }
  });
});
