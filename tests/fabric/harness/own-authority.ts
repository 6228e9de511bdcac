/** Replaces what cryptogen made for an organization by certificates of an authority that the test holds. */

import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import {
  issueCertificate,
  makeAuthority,
  makeMember,
  makeRevocationList,
  privateKeyPem,
  type TestAuthority,
  type TestCertificateOptions,
  type TestMember,
  type TestRole,
} from "@gossip/fabric/testing";
import { domainOf, mspIdOf } from "./shape.js";

/** Beside the root, an authority below it that issues everything. */
export type AuthorityDepth = "root" | "intermediate";

const roles: readonly TestRole[] = ["client", "peer", "admin", "orderer"];

export class OwnAuthority {
  readonly #organization: string;
  readonly #root: TestAuthority;
  readonly #issuer: TestAuthority;
  readonly #isIntermediate: boolean;
  readonly #serials = new Map<string, bigint>();

  constructor(organization: string, depth: AuthorityDepth = "root") {
    const domain = domainOf(organization);
    this.#organization = organization;
    this.#root = makeAuthority({ subject: { commonName: `ca.${domain}`, organization: domain } });
    this.#isIntermediate = depth === "intermediate";
    this.#issuer = this.#isIntermediate
      ? makeAuthority({ subject: { commonName: `ica.${domain}`, organization: domain } }, this.#root)
      : this.#root;
  }

  /** For `alterOrganizations`: peers, users and the organization's own MSP get new certificates and keys. */
  take(organizationsDir: string): void {
    const dir = join(organizationsDir, "peerOrganizations", domainOf(this.#organization));
    this.#writeAuthorities(join(dir, "msp"));
    for (const kind of ["peers", "users"]) {
      for (const name of readdirSync(join(dir, kind))) {
        const role = kind === "peers" ? "peer" : name.startsWith("Admin") ? "admin" : "client";
        this.#writeMember(join(dir, kind, name, "msp"), name, role);
      }
    }
  }

  /** Somebody more of this organization. */
  issue(name: string, role: TestRole, options: Partial<TestCertificateOptions> = {}): TestMember {
    const subject = { commonName: name, organization: domainOf(this.#organization), organizationalUnits: [role] };
    const certificate = issueCertificate(this.#issuer, { subject, ...options });
    this.#serials.set(name, certificate.serial);
    return makeMember(mspIdOf(this.#organization), certificate);
  }

  /** Gives a peer a new certificate and key; it takes effect at its next start. */
  renew({ folder }: { readonly folder: string }, options: Partial<TestCertificateOptions> = {}): void {
    this.#writeIdentity(join(folder, "msp"), basename(folder), "peer", options);
  }

  /** A list, PEM, that revokes one of `take` or `issue`, by its full name. */
  revoke(name: string): Uint8Array {
    const serial = this.#serials.get(name);
    if (serial === undefined) throw new Error(`expected ${name} to have been issued`);
    return makeRevocationList(this.#issuer, { serials: [serial] });
  }

  #writeMember(msp: string, name: string, role: TestRole): void {
    this.#writeAuthorities(msp);
    this.#writeIdentity(msp, name, role);
  }

  #writeIdentity(msp: string, name: string, role: TestRole, options: Partial<TestCertificateOptions> = {}): void {
    const { pem, privateKey } = this.issue(name, role, options);
    write(join(msp, "signcerts"), `${name}-cert.pem`, pem);
    write(join(msp, "keystore"), "priv_sk", privateKeyPem(privateKey));
  }

  #writeAuthorities(msp: string): void {
    write(join(msp, "cacerts"), "ca-cert.pem", this.#root.pem);
    if (this.#isIntermediate) write(join(msp, "intermediatecerts"), "ica-cert.pem", this.#issuer.pem);
    rmSync(join(msp, "admincerts"), { recursive: true, force: true });
    const Certificate = this.#isIntermediate ? "intermediatecerts/ica-cert.pem" : "cacerts/ca-cert.pem";
    const identifiers = roles.map((role) => {
      const key = `${role.charAt(0).toUpperCase()}${role.slice(1)}OUIdentifier`;
      return [key, { Certificate, OrganizationalUnitIdentifier: role }] as const;
    });
    const nodeOus = { Enable: true, ...Object.fromEntries(identifiers) };
    writeFileSync(join(msp, "config.yaml"), JSON.stringify({ NodeOUs: nodeOus }, undefined, 2));
  }
}

/** Makes it the folder's only file. */
function write(folder: string, name: string, content: Uint8Array): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), content);
}
