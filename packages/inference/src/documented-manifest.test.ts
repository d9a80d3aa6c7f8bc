import { readFile } from "node:fs/promises";
import { parseManifest } from "@samrefine/models";
import { expect, test } from "vitest";

test("the example of docs/models.md is a valid manifest", async () => {
  const text = await readFile(new URL("../../../docs/models.md", import.meta.url), "utf8");
  const example = /```json\n([\s\S]*?)```/.exec(text)?.[1] ?? "";
  expect(parseManifest(JSON.parse(example), "docs/models.md").id).toBe("lung-fields");
});
