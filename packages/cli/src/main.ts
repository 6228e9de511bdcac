#!/usr/bin/env node
import { runProgram } from "./program.js";
import { processTerminal } from "./terminal.js";

// A reader that went away, as `head` does, is no error; who must stop processes first listens for it too.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

process.exitCode = await runProgram(process.argv.slice(2), processTerminal);
// Nothing is left to do. What still holds the process, such as a terminal's input, must not keep the shell waiting;
// output to a pipe is given the time it needs.
setTimeout(() => process.exit(), 1_000).unref();
if (process.connected) process.disconnect();
process.stdin.destroy();
