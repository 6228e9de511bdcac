import { createHash, createPrivateKey, type KeyObject, randomBytes, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type Broadcaster, createBroadcaster } from "@gossip/deliver";
import {
  type ChannelHeader,
  encodePayload,
  encodeSerializedIdentity,
  encodeSignedEnvelope,
  type HeaderType,
} from "@gossip/proto/fabric";
import { domainOf, mspIdOf } from "./shape.js";

const p256Order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** A user of an organization, with a wallet of its own; its signatures do not depend on the code that is tested. */
export class Client {
  /** Serialized. */
  readonly identity: Uint8Array;
  readonly #key: KeyObject;

  constructor(mspId: string, mspFolder: string, certificateFile: string) {
    const idBytes = readFileSync(join(mspFolder, "signcerts", certificateFile));
    this.identity = encodeSerializedIdentity({ mspId, idBytes });
    this.#key = createPrivateKey(readFileSync(join(mspFolder, "keystore", "priv_sk")));
  }

  /** A client or `Admin` as cryptogen made it. */
  static of(organizationDir: string, organization: string, user: "User1" | "Admin" = "User1"): Client {
    const name = `${user}@${domainOf(organization)}`;
    return new Client(mspIdOf(organization), join(organizationDir, "users", name, "msp"), `${name}-cert.pem`);
  }

  /** With the keys of a peer or an orderer. */
  static ofNode({ folder, mspId }: { readonly folder: string; readonly mspId: string }): Client {
    return new Client(mspId, join(folder, "msp"), `${basename(folder)}-cert.pem`);
  }

  /** ECDSA over P-256 with SHA-256, low S. */
  sign(message: Uint8Array): Uint8Array {
    return this.#sign(message, false);
  }

  /** The same signature's twin, which every library but Fabric takes. */
  signWithHighS(message: Uint8Array): Uint8Array {
    return this.#sign(message, true);
  }

  /** A signed `common.Envelope` for a channel. */
  envelope(channelId: string, type: HeaderType, data: Uint8Array): Uint8Array {
    const nonce = randomBytes(24);
    const txId = createHash("sha256").update(nonce).update(this.identity).digest("hex");
    const channelHeader: ChannelHeader = {
      type,
      version: 0,
      timestampNanos: BigInt(Date.now()) * 1_000_000n,
      channelId,
      txId,
      epoch: 0n,
      extension: new Uint8Array(),
      tlsCertHash: new Uint8Array(),
    };
    const payload = encodePayload({ channelHeader, signatureHeader: { creator: this.identity, nonce }, data });
    return encodeSignedEnvelope({ payload, signature: this.sign(payload) });
  }

  #sign(message: Uint8Array, isHigh: boolean): Uint8Array {
    const raw = sign("sha256", message, { key: this.#key, dsaEncoding: "ieee-p1363" });
    const r = BigInt(`0x${raw.subarray(0, 32).toString("hex")}`);
    const s = BigInt(`0x${raw.subarray(32).toString("hex")}`);
    const low = s > p256Order / 2n ? p256Order - s : s;
    const body = Buffer.concat([derInteger(r), derInteger(isHigh ? p256Order - low : low)]);
    return Buffer.concat([Buffer.from([0x30, body.length]), body]);
  }
}

function derInteger(value: bigint): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  const padded = (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
  return Buffer.concat([Buffer.from([0x02, padded.length]), padded]);
}

/** Submits to an orderer as a client does; with mutual TLS material, since ours only knows TLS with it. */
export function submitTo(endpoint: string, tlsRoot: string, tlsFolder: string): Broadcaster {
  const tls = {
    cert: readFileSync(join(tlsFolder, "client.crt")),
    key: readFileSync(join(tlsFolder, "client.key")),
  };
  return createBroadcaster({ endpoint: { address: endpoint, tlsRoots: [readFileSync(tlsRoot)] }, tls });
}
