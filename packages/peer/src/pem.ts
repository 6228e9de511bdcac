import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { GossipError } from "@gossip/runtime";

/** The 32-byte seed in a PKCS#8 PEM. @throws GossipError `malformed`. */
export function seedOfPem(pem: Uint8Array): Uint8Array {
  return jwkPart(() => createPrivateKey({ key: Buffer.from(pem), format: "pem" }), "d");
}

/** The 32 bytes of the public key in an SPKI PEM. @throws GossipError `malformed`. */
export function publicKeyOfPem(pem: Uint8Array): Uint8Array {
  // Node would derive the public key, and nobody would notice that an organization's root key lies on a peer.
  if (Buffer.from(pem).includes("PRIVATE KEY-----")) throw new GossipError("malformed", "a private key");
  return jwkPart(() => createPublicKey({ key: Buffer.from(pem), format: "pem" }), "x");
}

function jwkPart(load: () => KeyObject, part: "d" | "x"): Uint8Array {
  let key: KeyObject;
  try {
    key = load();
  } catch (error) {
    throw new GossipError("malformed", "no key that can be read", { cause: error });
  }
  if (key.asymmetricKeyType !== "ed25519") {
    throw new GossipError("malformed", `a key of type ${key.asymmetricKeyType}`);
  }
  return new Uint8Array(Buffer.from(key.export({ format: "jwk" })[part] ?? "", "base64url"));
}
