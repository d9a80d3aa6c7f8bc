import fc from "fast-check";
import { expect, test } from "vitest";
import { fillHoles } from "./fill-holes.ts";
import { anyMask, drawMask, showMask } from "./masks.fixture.ts";

test("closed holes are filled, bays at the border are not; a corner does not open a hole", () => {
  const mask = drawMask("####.", "#..#.", "#.##.", "###.#", "....#");
  expect(showMask(fillHoles(mask))).toEqual(["####.", "####.", "####.", "###.#", "....#"]);
  expect(showMask(fillHoles(drawMask("#.#", "###")))).toEqual(["#.#", "###"]);
});

test("never removes a pixel, and a second time changes nothing", () => {
  fc.assert(
    fc.property(anyMask(), (mask) => {
      const filled = fillHoles(mask);
      expect(filled.data.every((value, i) => value >= (mask.data[i] ?? 0))).toBe(true);
      expect(fillHoles(filled).data).toEqual(filled.data);
    }),
  );
});
