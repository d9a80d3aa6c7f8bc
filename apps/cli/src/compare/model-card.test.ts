import { expect, test } from "vitest";
import { replaceMeasured } from "./model-card.ts";

test("replaces what stands between the markers and nothing else, again and again", () => {
  const card = "# Model\n\nWords.\n\n<!-- measured:start -->\nold\n<!-- measured:end -->\n\nMore.\n";
  const once = replaceMeasured(card, "new");
  expect(once).toBe("# Model\n\nWords.\n\n<!-- measured:start -->\nnew\n<!-- measured:end -->\n\nMore.\n");
  expect(replaceMeasured(once, "new")).toBe(once);
});

test("appends a section to a card without markers", () => {
  const card = replaceMeasured("# Model\n", "table");
  expect(card).toBe("# Model\n\n## Measured\n\n<!-- measured:start -->\ntable\n<!-- measured:end -->\n");
  expect(replaceMeasured("", "table")).toMatch(/^## Measured/);
});
