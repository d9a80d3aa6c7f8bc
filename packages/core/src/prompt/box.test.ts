import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyMask, drawMask, rectangleMask } from "../mask/masks.fixture.ts";
import { emptyMask, maskBox } from "../mask/measure.ts";
import { createRandom } from "../random.ts";
import { boxOfMask, isDegenerateBox } from "./box.ts";

const tight = { marginPixels: 0, marginFraction: 0 };

describe("boxOfMask", () => {
  test("tight boxes (parity vector 6)", () => {
    const geometry = { columns: 8, rows: 8 };
    const box = { xMin: 2, yMin: 2, xMax: 5, yMax: 5 };
    expect(boxOfMask(rectangleMask(geometry, box), tight)).toEqual(box);
  });

  test("of a single row or column is degenerate until it is widened", () => {
    const thin = drawMask("....", ".##.", "....");
    const isDegenerate = (minimumSide: number) => {
      const box = boxOfMask(thin, { ...tight, minimumSide });
      return box && isDegenerateBox(box);
    };
    expect([1, 2].map(isDegenerate)).toEqual([true, false]);
  });

  test("a contour's box with a margin of 10 (parity vector 11)", () => {
    const mask = rectangleMask({ columns: 256, rows: 256 }, { xMin: 30, yMin: 10, xMax: 49, yMax: 19 });
    expect(boxOfMask(mask, { ...tight, edges: "exclusive" })).toEqual({ xMin: 30, yMin: 10, xMax: 50, yMax: 20 });
    expect(boxOfMask(mask, { marginPixels: 10, marginFraction: 0, edges: "exclusive" })).toEqual({
      xMin: 20,
      yMin: 0,
      xMax: 60,
      yMax: 30,
    });
  });

  test("a fraction is of the box's own sides; the border clips", () => {
    const mask = rectangleMask({ columns: 30, rows: 30 }, { xMin: 10, yMin: 27, xMax: 19, yMax: 28 });
    expect(boxOfMask(mask, { marginPixels: 1, marginFraction: 0.1 })).toEqual({
      xMin: 8,
      yMin: 25.8,
      xMax: 21,
      yMax: 29,
    });
  });

  test("a single pixel is widened symmetrically", () => {
    const mask = rectangleMask({ columns: 9, rows: 9 }, { xMin: 4, yMin: 4, xMax: 4, yMax: 4 });
    expect(boxOfMask(mask, { ...tight, minimumSide: 3 })).toEqual({ xMin: 3, yMin: 3, xMax: 5, yMax: 5 });
  });

  test.each([128, 256])("pixels of SAM's frame are the same part of the image on a grid of %d", (side) => {
    const geometry = { columns: side, rows: side };
    const quarter = side / 4;
    const mask = rectangleMask(geometry, {
      xMin: quarter,
      yMin: quarter,
      xMax: 2 * quarter - 1,
      yMax: 2 * quarter - 1,
    });
    // 1024 pixels are the longer side: 2 of the image's per pixel, and the grid squeezes x to half of y.
    const image = { columns: 2048, rows: 1024 };
    const box = boxOfMask(mask, { ...tight, marginPixels: 16, pixelFrame: "sam" }, { image });
    const [dx, dy] = [(32 * side) / 2048, (32 * side) / 1024];
    expect(box).toEqual({
      xMin: quarter - dx,
      yMin: quarter - dy,
      xMax: 2 * quarter - 1 + dx,
      yMax: 2 * quarter - 1 + dy,
    });
  });

  test.each([128, 256])("jitter draws whole pixels of SAM's frame on a grid of %d", (side) => {
    const quarter = side / 4;
    const square = { xMin: quarter, yMin: quarter, xMax: 2 * quarter, yMax: 2 * quarter };
    const mask = rectangleMask({ columns: side, rows: side }, square);
    const rule = { ...tight, jitterPixels: 20, pixelFrame: "sam" } as const;
    const random = createRandom(1);
    const [left, right, top, bottom] = [21, 21, 21, 21].map((bound) => (random.integer(bound) * side) / 1024);
    expect(boxOfMask(mask, rule, { random: createRandom(1) })).toEqual({
      xMin: square.xMin - left!,
      xMax: square.xMax + right!,
      yMin: square.yMin - top!,
      yMax: square.yMax + bottom!,
    });
  });

  test("contains the tight box and stays in the image", () => {
    const rule = fc.record({ marginPixels: fc.nat(20), marginFraction: fc.double({ min: 0, max: 2, noNaN: true }) });
    fc.assert(
      fc.property(anyMask(), rule, (mask, options) => {
        const inner = maskBox(mask);
        const box = boxOfMask(mask, options);
        if (inner === undefined || box === undefined) {
          expect(box).toBe(inner);
          return;
        }
        expect(box.xMin).toBeLessThanOrEqual(inner.xMin);
        expect(box.yMax).toBeGreaterThanOrEqual(inner.yMax);
        expect(Math.min(box.xMin, box.yMin)).toBeGreaterThanOrEqual(0);
        expect(box.xMax).toBeLessThanOrEqual(mask.geometry.columns - 1);
        expect(box.yMax).toBeLessThanOrEqual(mask.geometry.rows - 1);
      }),
    );
  });

  test("nothing to box is no box", () => {
    expect(boxOfMask(emptyMask({ columns: 3, rows: 3 }), tight)).toBeUndefined();
  });
});
