import { createPeer, readPeerConfig } from "@gossip/peer";
import { reportingFailure, runService } from "../service/run-service.js";

export interface StartOptions {
  readonly config: string;
  readonly supervised?: boolean;
  readonly logFile?: string;
}

/** `gossip peer start`. */
export async function startPeer(options: StartOptions): Promise<number> {
  return await reportingFailure(async () => {
    const config = await readPeerConfig(options.config, process.env);
    return await runService({
      config: options.config,
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
