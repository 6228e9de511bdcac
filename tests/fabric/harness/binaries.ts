import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** A release of Fabric as its official archive has it: programs in one folder, their configuration in another. */
export interface Binaries {
  readonly bin: string;
  /** The folder with the release's own `core.yaml` and `orderer.yaml`. */
  readonly conf: string;
  /** E.g. `3.1.5`. */
  readonly version: string;
  /** Whether the release knows channel capability V3_0: BFT orderers and Ed25519 identities. */
  readonly isV3: boolean;
}

/** Why tests that need a real Fabric are not run; part of their names. */
export const skipReason = "FABRIC_BIN is not set";

/** The release that `FABRIC_BIN` names; `undefined` where it names none, so that the suite costs nothing there. */
export const binaries: Binaries | undefined = findBinaries();

function findBinaries(): Binaries | undefined {
  const named = process.env["FABRIC_BIN"] ?? "";
  if (named === "") return undefined;
  const bin = resolve(named);
  const conf = resolve(process.env["FABRIC_CONF"] ?? join(dirname(bin), "config"));
  for (const file of [join(bin, "peer"), join(bin, "orderer"), join(conf, "core.yaml"), join(conf, "orderer.yaml")]) {
    if (!existsSync(file))
      throw new Error(`expected FABRIC_BIN and FABRIC_CONF to name a release of Fabric, got no ${file}`);
  }
  const { stdout, error } = spawnSync(join(bin, "peer"), ["version"], { encoding: "utf8", timeout: 10_000 });
  if (error !== undefined) throw error;
  const [, version] = /Version: v?(\d+\.\d+\.\d+)/.exec(stdout) ?? [];
  if (version === undefined) throw new Error(`expected peer version to tell a version, got ${stdout}`);
  return { bin, conf, version, isV3: Number(version.split(".")[0]) >= 3 };
}
