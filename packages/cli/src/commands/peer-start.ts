import { createPeer, type Environment, findPeerConfig, readPeerConfig } from "@gossip/peer";
import { GossipError } from "@gossip/runtime";
import { reportingFailure, runService } from "../service/run-service.js";
import type { Terminal } from "../terminal.js";

interface StartOptions {
  /** The configuration; it can also be given as `config`. @default what a Fabric peer would read */
  readonly file?: string;
  readonly config?: string;
  /** Genesis blocks of channels to join. */
  readonly channelBlock?: readonly string[];
  readonly supervised?: boolean;
  readonly logFile?: string;
}

/** `gossip peer start`. */
export async function startPeer(options: StartOptions, { env }: Terminal): Promise<number> {
  return await reportingFailure(async () => {
    const file = await configFile(options, env);
    const config = await readPeerConfig(file, env, { channelBlocks: options.channelBlock ?? [] });
    return await runService({
      config: file,
      supervised: options.supervised ?? false,
      logFile: options.logFile,
      logging: config.logging ?? {},
      async open(log) {
        const peer = await createPeer(config, { log });
        return {
          name: peer.id,
          about: `gossip on ${peer.endpoint}${peer.operations === undefined ? "" : `, operations on ${peer.operations.endpoint}`}`,
          // A peer also resolves when it was asked to close; that is no failure.
          failed: new Promise((resolve) => peer.closed.then(({ fault }) => fault !== undefined && resolve(fault))),
          close: () => peer.close(),
        };
      },
    });
  });
}

async function configFile({ file, config }: StartOptions, env: Environment): Promise<string> {
  if (file !== undefined && config !== undefined) {
    throw new GossipError("invalid-argument", `expected one configuration, got ${file} and --config ${config}`);
  }
  return file ?? config ?? (await findPeerConfig(env));
}
