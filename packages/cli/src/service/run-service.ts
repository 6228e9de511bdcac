import { createLogger, type LoggingConfig } from "@gossip/peer";
import { GossipError, type Logger } from "@gossip/runtime";
import { describeError, describeStack, exitCodes } from "../errors.js";
import type { ChildMessage } from "../network/children.js";
import { register } from "../network/register.js";
import { LogFile } from "./log-file.js";

/** A peer or an orderer, as far as a process has to know it. */
interface Service {
  readonly name: string;
  /** What it says of itself once it serves, e.g. its endpoint. */
  readonly about: string;
  /** Resolves when it closed by itself, with the defect that made it. Never rejects. */
  readonly failed: Promise<unknown>;
  close(): Promise<void>;
}

export interface RunServiceOptions {
  readonly config: string;
  /** Started by `gossip network up`: reports to it, ends with it, and leaves interrupts from the terminal to it. */
  readonly supervised: boolean;
  /** @default standard error */
  readonly logFile: string | undefined;
  readonly logging: LoggingConfig;
  open(log: Logger): Promise<Service>;
}

/** How long a service may take to close before its process ends all the same. */
const closePatienceMs = 8_000;

/**
 * Runs a service until the process is asked to end. Whatever comes, the entry in `network.json` is right afterwards,
 * except after a kill, which the next reader sees from the process itself.
 *
 * @returns the exit code
 * @throws what kept the service from starting
 */
export async function runService(options: RunServiceOptions): Promise<number> {
  const stop = stopRequests(options.supervised);
  const registration = await register(options.config);
  const file = options.logFile === undefined ? undefined : new LogFile(options.logFile);
  try {
    const log = createLogger({ ...options.logging, ...(file === undefined ? {} : { destination: file }) });
    const own = log.child("process");
    const service = await options.open(log);
    const faults = uncaught();
    own.info(`${service.name} serves`, { about: service.about });
    await report({ type: "ready" });
    const end = await Promise.race([
      stop.then((why) => ({ type: "asked" as const, why })),
      service.failed.then((fault) => ({ type: "fault" as const, fault })),
      faults.then((fault) => ({ type: "fault" as const, fault })),
    ]);
    if (end.type === "asked") own.info(`${service.name} stops`, { why: end.why });
    else own.error(`${service.name} met a defect and stops`, { error: describeStack(end.fault) });
    await within(closePatienceMs, service.close(), `${service.name} to close`);
    own.info(`${service.name} stopped`);
    if (end.type === "fault") throw end.fault;
    return exitCodes.ok;
  } finally {
    await registration.remove();
    file?.close();
  }
}

/** Runs a whole command and tells the process that started this one why it failed, in the words a person would read here. */
export async function reportingFailure(command: () => Promise<number>): Promise<number> {
  try {
    return await command();
  } catch (error) {
    await report({ type: "failed", message: describeError(error) });
    throw error;
  }
}

/** Tells the process that started this one, if it listens. */
async function report(message: ChildMessage): Promise<void> {
  if (process.send === undefined || !process.connected) return;
  // It may have ended between the check and the message; then nobody needs to be told.
  await new Promise<void>((resolve) => process.send?.(message, undefined, undefined, () => resolve()));
}

/**
 * Resolves with why the process should end. An interrupt from the terminal reaches the whole group at once; a supervised
 * process waits for its supervisor to decide, or the order of closing would be chance.
 */
function stopRequests(supervised: boolean): Promise<string> {
  return new Promise((resolve) => {
    process.on("SIGTERM", () => resolve("SIGTERM"));
    for (const signal of ["SIGINT", "SIGHUP"] as const) {
      process.on(signal, () => {
        if (!supervised) resolve(signal);
      });
    }
    if (supervised) process.on("disconnect", () => resolve("the process that started it is gone"));
  });
}

function uncaught(): Promise<unknown> {
  return new Promise((resolve) => {
    process.on("uncaughtException", resolve);
    process.on("unhandledRejection", resolve);
  });
}

async function within(patienceMs: number, work: Promise<void>, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new GossipError("timeout", `expected ${what} within ${patienceMs} ms`)),
      patienceMs,
    );
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
