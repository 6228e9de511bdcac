import { join } from "node:path";
import { encodeSerializedIdentity, type FabricMspConfig } from "@gossip/proto/fabric";
import { GossipError, systemWallClock, type WallClock, wallMillis } from "@gossip/runtime";
import type { MspFolder, MspIdentity } from "../api.js";
import { createSigner } from "../signature/signer.js";
import { type Certificate, describeCertificate, parseCertificate } from "../x509/certificate.js";
import { readPem, writePem } from "../x509/pem.js";
import { readFolderConfig } from "./folder-config.js";
import { CertificateIdentity } from "./identity.js";
import { findPrivateKey } from "./key-store.js";
import { createMsp } from "./msp.js";
import { readPemFolder } from "./pem-folder.js";

/** What reading an MSP folder depends on besides the folder. */
export interface MspFolderOptions {
  /**
   * Tells whether the own certificate has expired.
   *
   * @default systemWallClock
   */
  readonly wallClock?: WallClock;
}

/**
 * Reads an MSP folder as a Fabric peer does (page 13 §1.4), and refuses at once what other peers would refuse later: an
 * own certificate that has expired, has no key, or is not valid in the folder's own MSP.
 *
 * @param dir what `CORE_PEER_MSPCONFIGPATH` names
 * @param mspId what `CORE_PEER_LOCALMSPID` names; the folder does not know it
 * @throws GossipError `not-found` without the folder or a part that it must have, `storage` when one cannot be read,
 * `invalid-config` when what is in it cannot be used.
 *
 * @example
 * const folder = await readMspFolder("organizations/peers/peer0/msp", "Org1MSP");
 * folder.sign(payload);
 */
export async function readMspFolder(dir: string, mspId: string, options: MspFolderOptions = {}): Promise<MspFolder> {
  const warnings: string[] = [];
  const config = await readVerifyingMspFolder(dir, mspId, warnings);
  const [signer] = (await readPemFolder(join(dir, "signcerts"), warnings)) ?? [];
  if (signer === undefined) throw missing(join(dir, "signcerts"), "the node's certificate");
  const given = certificateIn(signer.content, signer.path);
  const privateKey = await findPrivateKey(dir, given, warnings);

  const msp = createMsp(config);
  const identity = msp.deserialize(signer.content);
  if (!(identity instanceof CertificateIdentity)) throw untrustedSigner(signer.path, given, identity);
  requireUnexpired(identity, signer.path, wallMillis(options.wallClock ?? systemWallClock));
  const validity = identity.validate();
  if (!validity.ok) throw untrustedSigner(signer.path, given, validity);

  const idBytes = writePem("CERTIFICATE", identity.certificate.raw);
  return {
    config,
    msp,
    identity: encodeSerializedIdentity({ mspId, idBytes }),
    sign: createSigner(privateKey, identity.certificate.publicKey),
    warnings,
  };
}

/**
 * Reads what verifies identities from an MSP folder: that of a node or that of an organization, which has no signer.
 *
 * @param warnings takes what was skipped, for the operator
 * @throws GossipError as `readMspFolder`; the certificates are not judged yet.
 */
export async function readVerifyingMspFolder(
  dir: string,
  mspId: string,
  warnings: string[] = [],
): Promise<FabricMspConfig> {
  const read = async (name: string) => {
    const files = await readPemFolder(join(dir, name), warnings);
    return files?.map(({ content }) => content) ?? [];
  };
  const rootCerts = await read("cacerts");
  if (rootCerts.length === 0) throw missing(join(dir, "cacerts"), "a root certificate");
  const tlsRootCerts = await read("tlscacerts");
  return {
    name: mspId,
    rootCerts,
    intermediateCerts: await read("intermediatecerts"),
    admins: await read("admincerts"),
    revocationList: await read("crls"),
    cryptoConfig: { signatureHashFamily: "SHA2", identityIdentifierHashFunction: "SHA256" },
    tlsRootCerts,
    // Without roots Fabric does not look at them.
    tlsIntermediateCerts: tlsRootCerts.length === 0 ? [] : await read("tlsintermediatecerts"),
    ...(await readFolderConfig(dir, warnings)),
  };
}

function certificateIn(pem: Uint8Array, path: string): Certificate {
  const block = readPem(pem);
  const parsed = block && parseCertificate(block.der);
  if (parsed?.ok === true) return parsed.certificate;
  throw new GossipError("invalid-config", `expected a certificate in ${path}, got: ${parsed?.detail ?? "no PEM"}`);
}

function requireUnexpired(identity: MspIdentity, path: string, nowMs: number): void {
  if (nowMs < identity.notAfterMs) return;
  const end = new Date(identity.notAfterMs).toISOString();
  throw new GossipError(
    "invalid-config",
    `expected the node's certificate ${path} to be valid still, got one until ${end}`,
  );
}

function untrustedSigner(path: string, certificate: Certificate, objection: object): GossipError {
  const detail = "detail" in objection ? String(objection.detail) : "another kind of identity";
  return new GossipError(
    "invalid-config",
    `expected the node's ${describeCertificate(certificate)} in ${path} to be valid in its own MSP, got: ${detail}`,
  );
}

function missing(folder: string, what: string): GossipError {
  return new GossipError("not-found", `expected ${what} in ${folder}, got no file with PEM`);
}
