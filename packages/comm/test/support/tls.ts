import { createServer } from "node:net";
import { createTlsAuthority, type GrpcTls, type TlsAuthority } from "@gossip/comm/grpc";

export interface TestOrganization {
  readonly authority: TlsAuthority;
  /** TLS material of a member, with a client certificate of its own. */
  member(name: string): Promise<GrpcTls & { readonly clientCert: string; readonly clientKey: string }>;
}

export async function createOrganization(name = "Org1"): Promise<TestOrganization> {
  const authority = await createTlsAuthority({ name: `tls-ca.${name}` });
  return {
    authority,
    async member(member) {
      const hosts = ["127.0.0.1", "localhost"];
      const server = await authority.issue({ name: member, hosts });
      const client = await authority.issue({ name: `${member}-client`, hosts });
      return { ...server, clientCert: client.cert, clientKey: client.key, roots: [authority.cert] };
    },
  };
}

/** A port that was free a moment ago. */
export function closedPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 1));
    });
  });
}
