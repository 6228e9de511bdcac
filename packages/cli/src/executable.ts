import { fileURLToPath } from "node:url";

/** What Node is given to run this package's command in another process: built, or from the sources, as this module is. */
export const executable: readonly string[] = import.meta.url.endsWith(".ts")
  ? ["--import", import.meta.resolve("tsx"), fileURLToPath(new URL("./main.ts", import.meta.url))]
  : [fileURLToPath(new URL("./main.js", import.meta.url))];
