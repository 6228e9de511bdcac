import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { errorText, GossipError } from "@gossip/runtime";
import { executable } from "../executable.js";

/** What a supervised process tells the one that started it. */
export type ChildMessage =
  | { readonly type: "ready" }
  /** It could not start, or met a defect; `message` is the line a person should read. */
  | { readonly type: "failed"; readonly message: string };

/** A process of a network that this process started. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Resolves when it serves; rejects with what it said when it cannot, or when it ended before. */
  readonly ready: Promise<void>;
  /** How it ended, in words. Never rejects. */
  readonly ended: Promise<string>;
}

export interface LaunchOptions {
  readonly name: string;
  /** Arguments of `gossip`. */
  readonly args: readonly string[];
  /** Where its standard output and error go. */
  readonly log: string;
}

/**
 * Starts a process that ends with this one: the channel between them closes when either dies, however it dies.
 * It is not given this process's terminal, so it can neither write over the table nor wait for input.
 */
export function launch(options: LaunchOptions): Child {
  mkdirSync(dirname(options.log), { recursive: true });
  const log = openSync(options.log, "a", 0o600);
  const subprocess = spawn(process.execPath, [...executable, ...options.args], {
    // The log itself and no pipe to this process, so that the last words of a process are kept when this one is gone.
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  let lastWords = "";
  const ended = new Promise<string>((resolve) => {
    subprocess.once("error", (error) => resolve(`could not be started: ${errorText(error)}`));
    subprocess.once("exit", (code, signal) =>
      resolve(signal === null ? `ended with exit code ${code}${lastWords}` : `was ended by ${signal}`),
    );
  });
  const ready = new Promise<void>((resolve, reject) => {
    subprocess.on("message", (message) => {
      if (!isChildMessage(message)) return;
      if (message.type === "ready") return resolve();
      lastWords = ` (${message.message})`;
      reject(new GossipError("unavailable", `${options.name}: ${message.message}`));
    });
    ended.then((how) => {
      reject(new GossipError("unavailable", `expected ${options.name} to start, it ${how}; its log is ${options.log}`));
    });
  });
  // Whoever waits for it hears of it; nobody has to.
  ready.catch(() => {});
  return { name: options.name, pid: subprocess.pid ?? 0, ready, ended };
}

function isChildMessage(message: unknown): message is ChildMessage {
  if (typeof message !== "object" || message === null || !("type" in message)) return false;
  return message.type === "ready" || (message.type === "failed" && "message" in message);
}
