import { createHash } from "node:crypto";
import { orgId } from "@gossip/proto";
import type { ChannelConfig, IdentityRole } from "@gossip/proto/ed25519";
import type { WallClock } from "@gossip/runtime";
import { Ed25519Crypto, type Ed25519CryptoOptions, type TrustedOrganization } from "../ed25519/ed25519-crypto.js";
import { issueIdentity } from "../ed25519/identity.js";
import { createSigner, generateKeyPair, type KeyPair } from "../ed25519/keys.js";
import { Ed25519Verifier } from "../ed25519/verifier.js";

/** Someone an organization issued an identity to, with the key. */
export interface TestMember {
  readonly identity: Uint8Array;
  readonly privateKey: Uint8Array;
  sign(payload: Uint8Array): Uint8Array;
}

/** Varies a member's certificate, for tests of expiry (milliseconds since 1970) and of roles. */
export interface TestMemberOptions {
  /** @default "peer" */
  readonly role?: IdentityRole;
  /** @default 0, the year 1970 */
  readonly notBeforeMs?: number;
  /** @default the year 2100 */
  readonly notAfterMs?: number;
}

/** An Ed25519 organization with its root key at hand; equal names give equal keys and bytes. */
export interface TestOrganization extends TrustedOrganization {
  readonly root: KeyPair;
  issue(name: string, options?: TestMemberOptions): TestMember;
}

const year2100 = 4_102_444_800_000;

/**
 * An organization for tests of real signatures. For tests that need none, `createFakeCrypto` is faster.
 *
 * @example
 * const org1 = createTestOrganization("Org1MSP");
 * const peer0 = org1.issue("peer0");
 * const crypto = createTestCrypto(peer0, { organizations: [org1] });
 */
export function createTestOrganization(id: string): TestOrganization {
  const root = keyPairOf(`root of ${id}`);
  return {
    id: orgId(id),
    root,
    rootPublicKey: root.publicKey,
    issue(name, options = {}) {
      const { role = "peer", notBeforeMs = 0, notAfterMs = year2100 } = options;
      const { privateKey, publicKey } = keyPairOf(`${role} ${name} of ${id}`);
      const serial = digest(`${role} ${name} of ${id}, ${notBeforeMs} to ${notAfterMs}`).subarray(0, 16);
      const holder = { org: id, name, role, publicKey, notBeforeMs, notAfterMs, serial };
      const identity = issueIdentity({ ...holder, rootPrivateKey: root.privateKey });
      return { identity, privateKey, sign: createSigner(privateKey) };
    },
  };
}

/** The configuration of a channel of `organizations`, whose blocks the identities of `orderers` with role `orderer` sign. */
export function testChannelConfig(
  channelId: string,
  organizations: readonly TrustedOrganization[],
  orderers: readonly TrustedOrganization[],
): ChannelConfig {
  return {
    channelId,
    sequence: 0n,
    organizations: organizations.map(({ id, rootPublicKey }) => ({ id, rootPublicKey, anchors: [] })),
    ordererOrganizations: orderers.map(({ id, rootPublicKey }) => ({ id, rootPublicKey, endpoints: [] })),
  };
}

/** All of one process share a verifier, so that each key is checked once; it holds no trust. */
let sharedVerifier: Ed25519Verifier | undefined;

/** The crypto of a test member, in the year 2000 unless `wall` says otherwise. */
export function createTestCrypto(
  member: TestMember,
  options: Pick<Ed25519CryptoOptions, "organizations"> & Partial<Pick<Ed25519CryptoOptions, "wall" | "verifier">>,
): Ed25519Crypto {
  const { identity, privateKey } = member;
  const { organizations, wall = year2000 } = options;
  sharedVerifier ??= new Ed25519Verifier();
  return new Ed25519Crypto({ identity, privateKey, organizations, wall, verifier: options.verifier ?? sharedVerifier });
}

const year2000: WallClock = { nowNanos: () => 946_684_800_000_000_000n };

function keyPairOf(name: string): KeyPair {
  return generateKeyPair(() => digest(`test key: ${name}`));
}

function digest(text: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(text).digest());
}
