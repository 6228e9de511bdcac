import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

// Tests import packages by name and get their sources, from the one list of paths that the compiler uses too.
const { compilerOptions } = JSON.parse(readFileSync(new URL("./tsconfig.json", import.meta.url), "utf8")) as {
  compilerOptions: { paths: Record<string, [string]> };
};

export default defineConfig({
  resolve: {
    alias: Object.entries(compilerOptions.paths).map(([name, [path]]) => ({
      find: new RegExp(`^${name}$`),
      replacement: new URL(path, import.meta.url).pathname,
    })),
  },
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "packages/*/test/**/*.test.ts",
      "tests/**/*.test.ts",
      "tools/**/*.test.ts",
    ],
    setupFiles: ["tools/unit/seed.ts"],
    testTimeout: 20_000,
    passWithNoTests: false,
  },
});
