/** What documents say about the repository has to be there. */

import { existsSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";
import { read } from "./code.js";
import { packages, root } from "./packages.js";

const documents = [
  ...markdownIn(root, { recursive: false }),
  ...["docs", "benches", "examples"].flatMap((folder) => markdownIn(join(root, folder), { recursive: true })),
  ...packages.flatMap(({ dir }) => markdownIn(dir, { recursive: false })),
];

test("there are documents to look at", () => {
  expect(documents.length).toBeGreaterThan(10);
});

test.each(documents)("every link in %s leads somewhere", (document) => {
  const links = [...read(document).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map(([, link = ""]) => link);
  const lost = links.filter((link) => {
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? document : join(dirname(document), path);
    if (!existsSync(join(root, target))) return true;
    return anchor !== undefined && target.endsWith(".md") && !anchorsOf(target).includes(anchor);
  });
  expect(lost).toEqual([]);
});

/** The anchors that a forge gives to the headings of a document. */
function anchorsOf(document: string): readonly string[] {
  return [...read(document).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-"),
  );
}

function markdownIn(folder: string, options: { readonly recursive: boolean }): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { ...options, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".md"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => !file.includes("node_modules"))
    .sort();
}
