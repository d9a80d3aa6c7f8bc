import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyMask, drawMask } from "../mask/masks.fixture.ts";
import { emptyMask } from "../mask/measure.ts";
import { createRandom } from "../random.ts";
import { errorClick } from "./error-click.ts";

const click = (target: ReturnType<typeof drawMask>, current: ReturnType<typeof drawMask>, index: number, seed = 1) =>
  errorClick(target, current, index, createRandom(seed));

describe("errorClick", () => {
  test("the first click lies in the middle of what is missing", () => {
    const target = drawMask(".......", ".#####.", ".#####.", ".#####.", ".#####.", ".#####.", ".......");
    for (let seed = 0; seed < 20; seed++) {
      // Distance 3 in the middle, 2 around it; more than half of 3 are both.
      const found = click(target, emptyMask(target.geometry), 0, seed);
      expect(found?.label).toBe("foreground");
      for (const value of [found?.x, found?.y]) expect([2, 3, 4]).toContain(value);
    }
  });

  test("the thicker fault is clicked first; too much wins a tie", () => {
    const target = drawMask("###...", "###...", "###...");
    expect(click(target, drawMask("###..#", "###...", "###..."), 0)).toEqual({ x: 5, y: 0, label: "background" });
    expect(click(target, drawMask(".....#", "......", "......"), 1)?.label).toBe("foreground");
    expect(click(drawMask("#.."), drawMask("..#"), 0)).toEqual({ x: 2, y: 0, label: "background" });
  });

  test("from the third click on any fault may be clicked", () => {
    const target = drawMask("#####", "#####", "#####", "....#");
    const current = drawMask(".....", ".....", ".....", "#...#");
    const labels = Array.from({ length: 60 }, (_, seed) => click(target, current, 2, seed)?.label);
    expect(new Set(labels)).toEqual(new Set(["foreground", "background"]));
    expect(new Set(Array.from({ length: 60 }, (_, seed) => click(target, current, 1, seed)?.label))).toEqual(
      new Set(["foreground"]),
    );
  });

  test("every click is a fault of its kind; equal masks have none", () => {
    fc.assert(
      fc.property(anyMask(), fc.nat(), fc.constantFrom(0, 1, 2, 5), (target, seed, index) => {
        expect(click(target, target, index, seed)).toBeUndefined();
        const current = {
          ...target,
          data: target.data.map((value, i) => ((i * 7 + seed) % 3 === 0 ? 1 - value : value)),
        };
        const found = click(target, current, index, seed);
        if (found === undefined) {
          expect(current.data).toEqual(target.data);
          return;
        }
        const pixel = found.y * target.geometry.columns + found.x;
        expect(target.data[pixel]).toBe(found.label === "foreground" ? 1 : 0);
        expect(current.data[pixel]).toBe(1 - (target.data[pixel] ?? 0));
      }),
    );
  });
});
