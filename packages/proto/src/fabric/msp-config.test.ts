import { expect, test } from "vitest";
import {
  encodeFabricMspConfig,
  encodeMspConfig,
  type FabricMspConfig,
  readFabricMspConfig,
  readMspConfig,
} from "./msp-config.js";

const ou = { certificate: bytes(1), organizationalUnitIdentifier: "client" };
const config: FabricMspConfig = {
  name: "Org1MSP",
  rootCerts: [bytes(1), bytes(2)],
  intermediateCerts: [bytes(3)],
  admins: [bytes(4)],
  revocationList: [bytes(5)],
  organizationalUnitIdentifiers: [ou],
  cryptoConfig: { signatureHashFamily: "SHA3", identityIdentifierHashFunction: "SHA3_256" },
  tlsRootCerts: [bytes(6)],
  tlsIntermediateCerts: [bytes(7)],
  nodeOus: { enable: true, client: ou, peer: ou, admin: ou, orderer: ou },
};
/** Made by Fabric's own Go types. */
const hex =
  "0a074f7267314d53501201011201021a01032201042a01053a0b0a01011206636c69656e7442100a04534841331208534841335f3235364a01065201075a360801120b0a01011206636c69656e741a0b0a01011206636c69656e74220b0a01011206636c69656e742a0b0a01011206636c69656e74";

test("An X.509 MSP has the bytes that Go makes, and decodes from them", () => {
  expect(toHex(encodeFabricMspConfig(config))).toBe(hex);
  expect(readFabricMspConfig(fromHex(hex))).toStrictEqual({ ok: true, value: config });
});

test("An MSP of any kind is a type and bytes", () => {
  const msp = { type: 1, config: bytes(9) };
  expect(toHex(encodeMspConfig(msp))).toBe("0801120109");
  expect(readMspConfig(fromHex("0801120109"))).toStrictEqual({ ok: true, value: msp });
  expect(() => encodeMspConfig({ ...msp, type: 2 ** 31 })).toThrow(
    expect.objectContaining({ code: "invalid-argument" }),
  );
});

test("An MSP may have nothing but a name, and a signer that is not kept", () => {
  const bare = { ...config, cryptoConfig: undefined, nodeOus: undefined, organizationalUnitIdentifiers: [] };
  const lists = { rootCerts: [], intermediateCerts: [], admins: [], revocationList: [] };
  const value = { ...bare, ...lists, tlsRootCerts: [], tlsIntermediateCerts: [] };
  expect(readFabricMspConfig(fromHex("0a074f7267314d535032030a0107"))).toStrictEqual({ ok: true, value });
  expect(toHex(encodeFabricMspConfig(value))).toBe("0a074f7267314d5350");
});

test("Roles that are not told apart are absent, not undefined", () => {
  const value = { ...config, nodeOus: { enable: false, admin: ou } };
  expect(readFabricMspConfig(encodeFabricMspConfig(value))).toStrictEqual({ ok: true, value });
});

test("An MSP is refused without a name, and when it does not decode", () => {
  expect(readFabricMspConfig(bytes())).toMatchObject({ ok: false, reason: "missing-field" });
  expect(readFabricMspConfig(bytes(0xff))).toMatchObject({ ok: false, reason: "undecodable" });
  expect(readMspConfig(bytes(0xff))).toMatchObject({ ok: false, reason: "undecodable" });
  expect(() => encodeFabricMspConfig({ ...config, name: "\ud800" })).toThrow(
    expect.objectContaining({ code: "invalid-argument" }),
  );
});

function bytes(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values);
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
