import { networkIdentities, renewIdentity, revokeIdentity } from "../network/identities.js";
import { markOfEntry, readNetworkFile } from "../network/network-file.js";
import { isRunning } from "../network/process-mark.js";
import { noteLine, printLine, type Terminal } from "../terminal.js";
import { renderTable } from "../view/table.js";

interface InNetwork {
  readonly dir: string;
  readonly json?: boolean;
}

/** `gossip identity list`. */
export async function listIdentities({ dir, json }: InNetwork, terminal: Terminal): Promise<number> {
  const all = await networkIdentities(dir);
  if (json === true) {
    printLine(terminal, JSON.stringify(all, undefined, 2));
    return 0;
  }
  const columns = ["NAME", "ORG", "ROLE", "PKI-ID", "EXPIRES", "STATE"].map((title) => ({ title }));
  const rows = all.map(({ name, org, role, pkiId, expiresAt, revoked }) =>
    [name, org, role, pkiId, expiresAt.slice(0, 10), revoked ? "revoked" : "valid"].map((text) => ({ text })),
  );
  for (const line of renderTable(columns, rows)) printLine(terminal, line);
  return 0;
}

/** `gossip identity renew`. */
export async function renew({ dir, name }: InNetwork & { readonly name: string }, terminal: Terminal): Promise<number> {
  const { before, after } = await renewIdentity(dir, name);
  printLine(
    terminal,
    `${name}: ${after.pkiId} in place of ${before.pkiId}, valid until ${after.expiresAt.slice(0, 10)}`,
  );
  const { orderers, peers } = await readNetworkFile(dir);
  const mark = [...orderers, ...peers].filter((entry) => entry.name === name).map(markOfEntry)[0];
  if (mark !== undefined && (await isRunning(mark))) {
    noteLine(terminal, `${name} runs as process ${mark.pid} with the old one: stop it, and start it again`);
  }
  return 0;
}

/** `gossip identity revoke`. */
export async function revoke(
  { dir, target, org }: InNetwork & { readonly target: string; readonly org?: string },
  terminal: Terminal,
): Promise<number> {
  const { pkiId, number, isNew, ...of } = await revokeIdentity(dir, target, org);
  const what = isNew ? "revoked" : "was revoked already";
  printLine(terminal, `${pkiId} ${what}: list ${number} of ${of.org}`);
  return 0;
}
