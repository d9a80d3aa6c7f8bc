import { expect, test } from "vitest";
import { parseModelIndex } from "./model-index.ts";

test("an index is read strictly", () => {
  const index = { schema: "samrefine-index/1", manifests: ["teeth/manifest.json"] };
  expect(parseModelIndex(index, "models/index.json")).toEqual(index);
  for (const wrong of [{ ...index, extra: 1 }, { ...index, manifests: [1] }, { ...index, schema: "x" }, null]) {
    expect(() => parseModelIndex(wrong, "models/index.json")).toThrow(
      expect.objectContaining({ code: "model-manifest" }),
    );
  }
});
