import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Mask } from "./mask.ts";
import { anyMask, drawMask, rectangleMask, showMask } from "./masks.fixture.ts";
import { maskBox } from "./measure.ts";
import { footprintOf, type MorphologyOperation, morphMask, type StructuringElement } from "./morphology.ts";

/** Every offset of an element from its definition. */
function offsets(element: StructuringElement, radius: number): [dx: number, dy: number][] {
  const result: [number, number][] = [];
  const reach = 2 * radius + 2;
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const inside = {
        square: [dx, dy].every((d) => d >= -Math.floor(radius / 2) && d < radius - Math.floor(radius / 2)),
        disk: dx * dx + dy * dy <= radius * radius,
        diamond: Math.abs(dx) + Math.abs(dy) <= radius,
        star:
          Math.max(Math.abs(dx), Math.abs(dy)) <= radius ||
          Math.abs(dx) + Math.abs(dy) <= radius + Math.floor(radius / 2),
      }[element];
      if (inside || (radius === 0 && dx === 0 && dy === 0)) result.push([dx, dy]);
    }
  }
  return result;
}

function slowMorphology(
  mask: Mask,
  operation: "erode" | "dilate",
  element: StructuringElement,
  radius: number,
): number[] {
  const { columns, rows } = mask.geometry;
  const window = offsets(element, radius);
  return Array.from(mask.data, (_, pixel) => {
    const values = window
      .map(([dx, dy]) => [(pixel % columns) + dx, Math.floor(pixel / columns) + dy] as const)
      .filter(([x, y]) => x >= 0 && y >= 0 && x < columns && y < rows)
      .map(([x, y]) => mask.data[y * columns + x] ?? 0);
    if (values.length === 0) return operation === "dilate" ? 0 : 1;
    return operation === "dilate" ? Math.max(...values) : Math.min(...values);
  });
}

const anyElement = fc.constantFrom<StructuringElement>("square", "disk", "diamond", "star");
const size = (element: StructuringElement, radius: number) =>
  footprintOf(element, radius).reduce((sum, { left, right }) => sum + right - left + 1, 0);

describe("morphology", () => {
  test("sizes of the elements (parity vector 9)", () => {
    expect(size("disk", 2)).toBe(13);
    expect(size("diamond", 2)).toBe(13);
    expect(size("star", 2)).toBe(29);
    expect(footprintOf("star", 2)).toHaveLength(7);
    expect(footprintOf("star", 8)).toHaveLength(25);
    expect(size("square", 8)).toBe(64);
    for (const element of ["square", "disk", "diamond", "star"] as const) expect(size(element, 0)).toBe(1);
    expect(size("square", 1)).toBe(1);
  });

  test("erosion and dilation equal the window definition", () => {
    fc.assert(
      fc.property(
        anyMask(12),
        fc.constantFrom("erode" as const, "dilate" as const),
        anyElement,
        fc.integer({ min: 0, max: 4 }),
        (mask, operation, element, radius) => {
          expect([...morphMask(mask, operation, element, radius).data]).toEqual(
            slowMorphology(mask, operation, element, radius),
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  test("dilation by square 8 reaches one pixel further to the right and down", () => {
    const dot = rectangleMask({ columns: 20, rows: 20 }, { xMin: 10, yMin: 10, xMax: 10, yMax: 10 });
    expect(maskBox(morphMask(dot, "dilate", "square", 8))).toEqual({ xMin: 7, yMin: 7, xMax: 14, yMax: 14 });
  });

  test("the border does not erode", () => {
    expect(showMask(morphMask(drawMask("##", "##"), "erode", "disk", 1))).toEqual(["##", "##"]);
  });

  test("opening shrinks, closing grows, both are idempotent, for even squares as well", () => {
    fc.assert(
      fc.property(anyMask(12), anyElement, fc.integer({ min: 0, max: 3 }), (mask, element, radius) => {
        const opened = morphMask(mask, "open", element, radius);
        const closed = morphMask(mask, "close", element, radius);
        for (let i = 0; i < mask.data.length; i++) {
          expect(opened.data[i]).toBeLessThanOrEqual(mask.data[i] ?? 0);
          expect(closed.data[i]).toBeGreaterThanOrEqual(mask.data[i] ?? 0);
        }
        for (const [operation, once] of [
          ["open", opened],
          ["close", closed],
        ] as [MorphologyOperation, Mask][]) {
          expect(morphMask(once, operation, element, radius).data).toEqual(once.data);
        }
      }),
    );
  });

  test("refuses half a pixel", () => {
    expect(() => footprintOf("disk", 1.5)).toThrow(/found 1.5/);
  });
});
