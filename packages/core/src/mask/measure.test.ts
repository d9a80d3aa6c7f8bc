import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyMask, drawMask } from "./masks.fixture.ts";
import { emptyMask, intersectionArea, maskAbove, maskArea, maskBox } from "./measure.ts";

describe("measure", () => {
  test("the box is the smallest that holds every pixel", () => {
    fc.assert(
      fc.property(anyMask(), (mask) => {
        const { columns } = mask.geometry;
        const pixels = [...mask.data.keys()].filter((i) => mask.data[i] === 1);
        const xs = pixels.map((i) => i % columns);
        const ys = pixels.map((i) => Math.floor(i / columns));
        const box = maskBox(mask);
        expect(maskArea(mask)).toBe(pixels.length);
        if (pixels.length === 0) expect(box).toBeUndefined();
        else {
          expect(box).toEqual({
            xMin: Math.min(...xs),
            yMin: Math.min(...ys),
            xMax: Math.max(...xs),
            yMax: Math.max(...ys),
          });
        }
      }),
    );
  });

  test("threshold is strict and NaN stays outside", () => {
    const mask = maskAbove(Float32Array.of(0.5, 0.51, Number.NaN, 1), { columns: 2, rows: 2 }, 0.5);
    expect([...mask.data]).toEqual([0, 1, 0, 1]);
    expect(() => maskAbove([1], { columns: 2, rows: 2 }, 0)).toThrow(/found 1 values/);
  });

  test("overlap counts shared pixels and refuses two grids", () => {
    expect(intersectionArea(drawMask("##.", ".#."), drawMask(".##", ".#."))).toBe(2);
    expect(() => intersectionArea(drawMask("#"), emptyMask({ columns: 2, rows: 1 }))).toThrow(/1 columns x 1 rows/);
  });
});
