import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyMask, drawMask, rectangleMask, showMask } from "./masks.fixture.ts";
import { maskArea } from "./measure.ts";
import { selectComponent, splitComponents } from "./select-component.ts";

describe("selectComponent", () => {
  test("a large faint block against a small bright one (parity vector 8)", () => {
    const geometry = { columns: 100, rows: 100 };
    const large = { xMin: 5, yMin: 5, xMax: 54, yMax: 54 };
    const small = { xMin: 70, yMin: 70, xMax: 89, yMax: 89 };
    const a = rectangleMask(geometry, large);
    const b = rectangleMask(geometry, small);
    const both = rectangleMask(geometry, large, small);
    const probability = Float32Array.from(both.data, (_, i) => (a.data[i] === 1 ? 0.6 : b.data[i] === 1 ? 0.9 : 0));
    expect(selectComponent(both, "largest", 0, probability).data).toEqual(a.data);
    expect(selectComponent(both, "highest-probability", 0, probability).data).toEqual(b.data);
    // A minimum area protects against the confident speck.
    expect(selectComponent(both, "highest-probability", 401, probability).data).toEqual(a.data);
    expect(maskArea(selectComponent(both, "largest", 5000, probability))).toBe(0);
  });

  test("a tie goes to the component that ends first in raster order, not to the one that begins first", () => {
    const mask = drawMask("#..#", "#..#", "#.#.");
    // Left bar: rows 0-2, last pixel 8. Right hook: last pixel 10.
    expect(showMask(selectComponent(mask, "largest", 0))).toEqual(["#...", "#...", "#..."]);
    const late = drawMask("#...##", "#...##", "#.....", "#.....");
    expect(showMask(selectComponent(late, "largest", 0))).toEqual(["....##", "....##", "......", "......"]);
  });

  test("largest box is not largest area", () => {
    const mask = drawMask("###...", "###...", "......", "#.....", ".#....", "..####");
    expect(showMask(selectComponent(mask, "largest-box", 0))).toEqual([
      "......",
      "......",
      "......",
      "#.....",
      ".#....",
      "..####",
    ]);
  });

  test("all drops the small ones only", () => {
    expect(showMask(selectComponent(drawMask("##.#", "....", "###."), "all", 2))).toEqual(["##..", "....", "###."]);
    for (const whole of [drawMask("##..", "....", "###."), drawMask("....")]) {
      expect(selectComponent(whole, "all", 2)).toBe(whole);
    }
  });

  test("without probability the most probable is the largest", () => {
    expect(showMask(selectComponent(drawMask("#.##"), "highest-probability", 0))).toEqual(["..##"]);
  });

  test("the selection is a subset, and the components are a partition with their own boxes", () => {
    fc.assert(
      fc.property(anyMask(), fc.constantFrom("largest", "largest-box", "all" as const), (mask, rule) => {
        const kept = selectComponent(mask, rule, 0);
        expect(kept.data.every((value, i) => value <= (mask.data[i] ?? 0))).toBe(true);
        const parts = splitComponents(mask);
        const union = mask.data.map((_, i) => parts.reduce((sum, part) => sum + (part.mask.data[i] ?? 0), 0));
        expect(union).toEqual(mask.data);
        for (const part of parts) expect(maskArea(part.mask)).toBe(part.area);
        if (rule === "largest") expect(maskArea(kept)).toBe(Math.max(0, ...parts.map(({ area }) => area)));
      }),
    );
  });
});
