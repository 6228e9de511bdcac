import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { join } from "node:path";
import { GossipError } from "@gossip/runtime";
import { type Certificate, describeCertificate } from "../x509/certificate.js";
import { readPem } from "../x509/pem.js";
import { readFolder } from "./pem-folder.js";

/** Largest file that is looked at as a private key, as in Fabric. */
const maxKeyFileBytes = 65_536;

/**
 * The private key of a certificate, from the `keystore` of an MSP folder: whichever file's public key is the
 * certificate's (page 13 §1.4). PKCS#8 and SEC1 are read, whatever the PEM calls them.
 *
 * @throws GossipError `invalid-config` when no file has it; the message never shows a key.
 */
export async function findPrivateKey(
  mspFolder: string,
  certificate: Certificate,
  warnings: string[],
): Promise<KeyObject> {
  const folder = join(mspFolder, "keystore");
  const files = (await readFolder(folder, maxKeyFileBytes, warnings)) ?? [];
  const name = describeCertificate(certificate);
  if (files.length === 0) {
    throw new GossipError(
      "invalid-config",
      `expected the private key of ${name} in ${folder}, got no file; keys in a hardware module (PKCS#11) cannot be ` +
        "used here: have a certificate issued for a key in a file, and put that key into the folder",
    );
  }
  for (const { path, content } of files) {
    const key = readPrivateKey(content);
    if (key === undefined)
      warnings.push(`${path}: expected a private key in PEM, unencrypted, got none; it is skipped`);
    else if (belongsTo(key, certificate)) return key;
  }
  throw new GossipError(
    "invalid-config",
    `expected the private key of ${name} in ${folder}, got ${files.length} files with other keys or none`,
  );
}

function readPrivateKey(content: Uint8Array): KeyObject | undefined {
  const block = readPem(content);
  if (block === undefined) return undefined;
  for (const type of ["pkcs8", "sec1"] as const) {
    try {
      return createPrivateKey({ key: Buffer.from(block.der), format: "der", type });
    } catch {
      // Of another form, which the next turn or the caller deals with.
    }
  }
  return undefined;
}

/** By their bytes: `KeyObject.equals` of two kinds of keys leaves an error behind on which the next call fails (Node 20). */
function belongsTo(key: KeyObject, { publicKey }: Certificate): boolean {
  if (publicKey.type === "other") return false;
  const [own, given] = [createPublicKey(key), publicKey.key].map((one) => one.export({ format: "der", type: "spki" }));
  return own !== undefined && given !== undefined && Buffer.compare(own, given) === 0;
}
