import { createPublicKey, sign, verify } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { generateTestKey, type TestKeyType } from "../testing/certificates.js";
import { encodeElement, encodeInteger, tags } from "../x509/der.js";
import type { Curve, PublicKey } from "../x509/public-key.js";
import {
  curveOrders,
  encodeEcdsaSignature,
  isCanonicalLowS,
  isLowS,
  readEcdsaSignature,
  toFixedWidth,
} from "./ecdsa.js";
import { createSigner } from "./signer.js";
import { signatureHashOf, verifySignature } from "./verify.js";

const message = new TextEncoder().encode("a block header");
const curves: readonly Curve[] = ["P-224", "P-256", "P-384", "P-521"];

function pair(type: TestKeyType) {
  const privateKey = generateTestKey(type);
  const key = createPublicKey(privateKey);
  const publicKey: PublicKey =
    type === "Ed25519"
      ? { type: "ed25519", key }
      : type === "RSA"
        ? { type: "rsa", key }
        : { type: "ecdsa", curve: curves.find((curve) => curve === type) ?? "P-256", key };
  return { privateKey, publicKey };
}

/** An element with its length in one octet more than it takes. */
function longForm(element: Uint8Array): Uint8Array {
  const [tag = 0, ...rest] = element;
  const octets = rest[0] === 0x81 ? [0x82, 0] : [0x81];
  return Uint8Array.from([tag, ...octets, ...(octets.length === 2 ? rest.slice(1) : rest)]);
}

/** An INTEGER with a zero in front that it does not need. */
function withZero(integer: Uint8Array): Uint8Array {
  return encodeElement(tags.integer, Uint8Array.of(0), integer.subarray(2));
}

function numbersOf(signature: Uint8Array) {
  const numbers = readEcdsaSignature(signature);
  if (numbers === undefined) throw new Error("expected a signature");
  return numbers;
}

describe.each(curves)("ECDSA on %s", (curve) => {
  const { privateKey, publicKey } = pair(curve);
  const { order } = curveOrders[curve];
  const signer = createSigner(privateKey, publicKey);
  const judge = (signature: Uint8Array) => verifySignature(publicKey, "sha256", signature, message, "any");

  it("has the order by which the two forms of a signature are the same to OpenSSL", () => {
    const { r, s } = numbersOf(sign("sha256", message, privateKey));
    expect(
      verify(
        "sha256",
        message,
        publicKey.type === "ecdsa" ? publicKey.key : "",
        Buffer.from(encodeEcdsaSignature({ r, s: order - s })),
      ),
    ).toBe(true);
  });

  it("13.26: signs with a low S and SHA-256, whatever OpenSSL makes of it", () => {
    // Half of what OpenSSL makes is high, so one that was let through would be among these.
    for (let count = 0; count < 40; count++) {
      const signature = signer(message);
      expect(isLowS(curve, numbersOf(signature).s)).toBe(true);
      expect(verifySignature(publicKey, "sha256", signature, message)).toEqual({ ok: true });
    }
  });

  it("13.26: refuses a high S, and says so", () => {
    const { r, s } = numbersOf(signer(message));
    expect(judge(encodeEcdsaSignature({ r, s: order - s }))).toMatchObject({
      ok: false,
      reason: "bad-signature",
      detail: expect.stringContaining("high S"),
    });
  });

  it("takes S up to half of the order and not one more", () => {
    expect([order / 2n, order / 2n + 1n].map((s) => isLowS(curve, s))).toEqual([true, false]);
  });

  it("is known by its bytes exactly when its numbers say so", () => {
    const byNumbers = (bytes: Uint8Array) => {
      const numbers = readEcdsaSignature(bytes);
      const isCanonical = numbers !== undefined && Buffer.compare(encodeEcdsaSignature(numbers), bytes) === 0;
      return isCanonical && isLowS(curve, numbers.s);
    };
    const near = (value: bigint) => fc.bigInt({ min: value - 2n, max: value + 2n });
    const number = fc.oneof(fc.bigInt({ min: 0n, max: order }), near(order / 2n), near(128n), near(256n), near(order));
    const change = fc.record({ at: fc.nat({ max: 140 }), to: fc.nat({ max: 255 }), cut: fc.nat({ max: 2 }) });
    fc.assert(
      fc.property(number, number, fc.option(change), (r, s, changed) => {
        const whole = encodeEcdsaSignature({ r, s });
        const contents = [encodeInteger(r), encodeInteger(s)] as const;
        const odd = [
          longForm(whole),
          encodeElement(tags.sequence, withZero(contents[0]), contents[1]),
          encodeElement(tags.sequence, contents[0], withZero(contents[1])),
          encodeElement(tags.sequence, longForm(contents[0]), contents[1]),
          Buffer.concat([whole, Uint8Array.of(0)]),
        ];
        expect(isCanonicalLowS(curve, whole)).toBe(byNumbers(whole));
        expect(odd.map((bytes) => isCanonicalLowS(curve, bytes))).toEqual(odd.map(() => false));
        if (changed === null) return;
        const bytes = whole.slice(0, whole.length - changed.cut);
        bytes[changed.at % bytes.length] = changed.to;
        expect(isCanonicalLowS(curve, bytes)).toBe(byNumbers(bytes));
      }),
      { numRuns: 500 },
    );
  });

  const { r, s } = numbersOf(signer(message));
  const sequence = (...parts: readonly Uint8Array[]) => encodeElement(tags.sequence, ...parts);
  const padded = encodeElement(tags.integer, Uint8Array.of(0), encodeInteger(s).subarray(2));
  const good = encodeEcdsaSignature({ r, s });
  const tolerated: readonly [string, Uint8Array][] = [
    ["bytes after it", Buffer.concat([good, Uint8Array.of(1, 2, 3)])],
    ["a further number in it", sequence(encodeInteger(r), encodeInteger(s), encodeInteger(7n))],
    ["what is no DER after the numbers", sequence(encodeInteger(r), encodeInteger(s), Uint8Array.of(0xff, 0xff))],
  ];
  it.each(tolerated)(
    "13.27: takes a signature with %s for blocks, as Go does, and for nothing else",
    (_, signature) => {
      expect(judge(signature)).toEqual({ ok: true });
      expect(verifySignature(publicKey, "sha256", signature, message)).toMatchObject({
        ok: false,
        detail: expect.stringContaining("one DER encoding"),
      });
    },
  );

  const bad: readonly [string, Uint8Array][] = [
    ["no bytes", new Uint8Array(0)],
    ["half of it", good.subarray(0, good.length / 2)],
    ["an R of 0", sequence(encodeInteger(0n), encodeInteger(s))],
    ["an S of 0", sequence(encodeInteger(r), encodeInteger(0n))],
    ["a negative R", sequence(encodeElement(tags.integer, Uint8Array.of(0xff)), encodeInteger(s))],
    ["an R that is the order", sequence(encodeInteger(order), encodeInteger(s))],
    ["an R one order too large", sequence(encodeInteger(r + order), encodeInteger(s))],
    ["an S in more octets than it takes", sequence(encodeInteger(r), padded)],
    [
      "an indefinite length",
      Buffer.concat([Uint8Array.of(0x30, 0x80), encodeInteger(r), encodeInteger(s), Uint8Array.of(0, 0)]),
    ],
    ["a SET", encodeElement(tags.set, encodeInteger(r), encodeInteger(s))],
    ["the numbers alone", toFixedWidth(curve, { r, s }) ?? new Uint8Array(0)],
    ["SHA-512 for a hash", sign("sha512", message, privateKey)],
  ];
  it.each(bad)("refuses %s", (_, signature) => {
    expect(judge(signature)).toMatchObject({ ok: false, reason: "bad-signature" });
  });

  it("refuses a signature over another message", () => {
    expect(judge(signer(message.subarray(1)))).toMatchObject({ ok: false, detail: expect.stringContaining(curve) });
  });

  it("13.26: goes by the family of hashes that the MSP says", () => {
    const sha3 = createSigner(privateKey, publicKey, "sha3-256")(message);
    expect(verifySignature(publicKey, signatureHashOf("SHA3"), sha3, message)).toEqual({ ok: true });
    expect(verifySignature(publicKey, signatureHashOf("SHA2"), sha3, message)).toMatchObject({ ok: false });
    expect(verifySignature(publicKey, signatureHashOf("MD5"), sha3, message)).toMatchObject({
      ok: false,
      detail: expect.stringContaining("hash family"),
    });
  });
});

describe("Ed25519", () => {
  const { privateKey, publicKey } = pair("Ed25519");
  const signature = createSigner(privateKey, publicKey)(message);

  it("13.26: signs the message itself, whatever the family of hashes", () => {
    expect(signature).toHaveLength(64);
    for (const family of ["SHA2", "SHA3", "none"]) {
      expect(verifySignature(publicKey, signatureHashOf(family), signature, message)).toEqual({ ok: true });
    }
  });

  it("refuses signatures of another length, message or key", () => {
    const other = createSigner(pair("Ed25519").privateKey, publicKey)(message);
    for (const bad of [signature.subarray(1), Buffer.concat([signature, Uint8Array.of(0)]), other]) {
      expect(verifySignature(publicKey, "sha256", bad, message)).toMatchObject({ reason: "bad-signature" });
    }
    expect(verifySignature(publicKey, "sha256", signature, message.subarray(1))).toMatchObject({ ok: false });
  });
});

describe("RSA", () => {
  it("neither signs nor verifies, since no Fabric identity has such a key", () => {
    const { privateKey, publicKey } = pair("RSA");
    expect(() => createSigner(privateKey, publicKey)).toThrow(expect.objectContaining({ code: "invalid-config" }));
    const signature = sign("sha256", message, privateKey);
    expect(verifySignature(publicKey, "sha256", signature, message)).toMatchObject({ reason: "bad-signature" });
  });
});
