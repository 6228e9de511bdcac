import { createOrderer, readOrdererFiles } from "@gossip/orderer";
import { readOrdererConfig } from "../network/orderer-file.js";
import { reportingFailure, runService } from "../service/run-service.js";

interface StartOptions {
  readonly config: string;
  readonly supervised?: boolean;
  readonly logFile?: string;
}

/** `gossip orderer start`. */
export async function startOrderer(options: StartOptions): Promise<number> {
  return await reportingFailure(async () => {
    const { config, logging } = await readOrdererConfig(options.config, process.env);
    const files = await readOrdererFiles(config);
    return await runService({
      config: options.config,
      supervised: options.supervised ?? false,
      logFile: options.logFile,
      logging,
      async open(log) {
        const orderer = await createOrderer({ ...files, log });
        return {
          name: config.name,
          about: `ordering on ${orderer.endpoint}`,
          failed: new Promise(() => {}),
          close: () => orderer.close(),
        };
      },
    });
  });
}
