import type { OperationsTls, PeerTls } from "./config.js";
import { inOrder } from "./config-files.js";
import type { Reading } from "./config-reading.js";
import type { PeerFile } from "./config-schema.js";

type ServerTls = NonNullable<NonNullable<PeerFile["operations"]>["tls"]>;

/**
 * The server's part of a `tls` section: `undefined` when it is not enabled, and then none of its files is read.
 *
 * @throws GossipError `invalid-config` when a file is missing or does not serve.
 */
export async function readServerTls(
  reading: Reading,
  section: string,
  tls: ServerTls | undefined,
): Promise<OperationsTls | undefined> {
  if (tls?.enabled !== true) return undefined;
  const certFile = needed(reading, section, "cert.file", tls.cert?.file);
  const keyFile = needed(reading, section, "key.file", tls.key?.file);
  const pair = await reading.files.readPair(`${section}.cert.file`, certFile, `${section}.key.file`, keyFile);
  return {
    ...pair,
    clientRootCas: await readClientRoots(reading, section, tls.clientRootCAs?.files),
    clientAuthRequired: tls.clientAuthRequired ?? false,
  };
}

/** `peer.tls` (protocol page 13 §7.1). */
export async function readPeerTls(reading: Reading): Promise<PeerTls | undefined> {
  const { tls } = reading.peer;
  if (tls?.enabled !== true) return undefined;
  const { files, refusals, isFabric } = reading;
  const [clientCert, clientKey] = [tls.clientCert?.file, tls.clientKey?.file];
  if ((clientCert === undefined) !== (clientKey === undefined)) {
    const [missing, other] = clientCert === undefined ? ["clientCert", "clientKey"] : ["clientKey", "clientCert"];
    throw refusals.refuse(`peer.tls.${missing}.file`, `to be set beside peer.tls.${other}.file`);
  }
  const certFile = needed(reading, "peer.tls", "cert.file", tls.cert?.file);
  const keyFile = needed(reading, "peer.tls", "key.file", tls.key?.file);
  // A Fabric peer can do without: the channels name the authorities of its peers.
  const rootFile = isFabric ? tls.rootcert?.file : needed(reading, "peer.tls", "rootcert.file", tls.rootcert?.file);
  const client =
    clientCert === undefined || clientKey === undefined
      ? undefined
      : await files.readPair("peer.tls.clientCert.file", clientCert, "peer.tls.clientKey.file", clientKey);
  const clientAuthRequired = tls.clientAuthRequired ?? false;
  // The shipped core.yaml names files that need not be there unless they are needed.
  const clientRoots = isFabric && !clientAuthRequired ? [] : tls.clientRootCAs?.files;
  return {
    ...(await files.readPair("peer.tls.cert.file", certFile, "peer.tls.key.file", keyFile)),
    ...(client === undefined ? {} : { clientCert: client.cert, clientKey: client.key }),
    rootCerts: rootFile === undefined ? [] : [await files.readCertificates("peer.tls.rootcert.file", rootFile)],
    clientRootCas: await readClientRoots(reading, "peer.tls", clientRoots),
    clientAuthRequired,
  };
}

function needed(reading: Reading, section: string, name: string, path: string | undefined): string {
  return reading.required(`${section}.${name}`, `to be the path of a file while ${section}.enabled is true`, path);
}

async function readClientRoots(reading: Reading, section: string, paths: readonly string[] | undefined) {
  return await inOrder(paths, (path) => reading.files.readCertificates(`${section}.clientRootCAs.files`, path));
}
