import { defineConfig } from "tsup";

/** The tsup configuration shared by every package: ESM for Node 20, source maps, declarations left to `tsc --build`. */
export function library(entry: string[]): ReturnType<typeof defineConfig> {
  return defineConfig({
    entry,
    format: ["esm"],
    target: "node20",
    platform: "node",
    clean: true,
    dts: false,
    sourcemap: true,
    splitting: true,
    outDir: "dist",
  });
}
