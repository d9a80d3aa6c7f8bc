import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Mask } from "../mask/mask.ts";
import { anyMask, drawMask, rectangleMask } from "../mask/masks.fixture.ts";
import { maskArea } from "../mask/measure.ts";
import { createRandom } from "../random.ts";
import {
  argMaxSeed,
  argMinPoint,
  centroidSeed,
  distanceTransformSeed,
  exclusivePixels,
  maskCentroid,
  type PixelPoint,
  randomSeeds,
  snappedCentroidSeed,
} from "./seed.ts";

const isForeground = (mask: Mask, { x, y }: PixelPoint) => mask.data[y * mask.geometry.columns + x] === 1;
const ring = drawMask(".####.", ".#..#.", ".#..#.", ".####.");

describe("seeds", () => {
  test("two overlapping squares (parity vector 6)", () => {
    const geometry = { columns: 8, rows: 8 };
    const a = rectangleMask(geometry, { xMin: 0, yMin: 0, xMax: 3, yMax: 3 });
    const b = rectangleMask(geometry, { xMin: 2, yMin: 2, xMax: 5, yMax: 5 });
    const onlyA = exclusivePixels(a, [a, b]);
    const onlyB = exclusivePixels(b, [a, b]);
    expect(maskArea(onlyA)).toBe(12);
    expect(maskCentroid(onlyA)?.x).toBeCloseTo(1.1667, 4);
    expect(centroidSeed(onlyA)).toEqual({ x: 1, y: 1 });
    expect(maskCentroid(onlyB)?.y).toBeCloseTo(3.8333, 4);
    expect(centroidSeed(onlyB)).toEqual({ x: 4, y: 4 });
  });

  test("a mask inside another has no pixel of its own (parity vector 7)", () => {
    const geometry = { columns: 6, rows: 6 };
    const inner = rectangleMask(geometry, { xMin: 2, yMin: 2, xMax: 3, yMax: 3 });
    const outer = rectangleMask(geometry, { xMin: 0, yMin: 0, xMax: 5, yMax: 5 });
    const own = exclusivePixels(inner, [inner, outer]);
    for (const seed of [centroidSeed, snappedCentroidSeed, distanceTransformSeed]) expect(seed(own)).toBeUndefined();
  });

  test("a ring's centroid lies in its hole; the others do not", () => {
    const centroid = centroidSeed(ring);
    expect(centroid && isForeground(ring, centroid)).toBe(false);
    expect(snappedCentroidSeed(ring)).toEqual({ x: 2, y: 0 });
    expect(distanceTransformSeed(ring)).toEqual({ x: 1, y: 0 });
  });

  test("the distance transform finds the middle of the thickest part, with the border as outside", () => {
    const blob = rectangleMask(
      { columns: 20, rows: 9 },
      { xMin: 0, yMin: 4, xMax: 19, yMax: 4 },
      { xMin: 13, yMin: 2, xMax: 17, yMax: 6 },
    );
    expect(distanceTransformSeed(blob)).toEqual({ x: 15, y: 4 });
    const everywhere = rectangleMask({ columns: 5, rows: 5 }, { xMin: 0, yMin: 0, xMax: 4, yMax: 4 });
    expect(distanceTransformSeed(everywhere)).toEqual({ x: 2, y: 2 });
  });

  test("every seed but the plain centroid lies in its mask", () => {
    fc.assert(
      fc.property(anyMask(), fc.nat(), (mask, seed) => {
        const probability = Float32Array.from(mask.data, (_, i) => ((i * 37) % 11) / 11);
        const points = [
          snappedCentroidSeed(mask),
          distanceTransformSeed(mask),
          argMaxSeed(mask, probability),
          ...randomSeeds(mask, 3, createRandom(seed)),
        ];
        if (maskArea(mask) === 0) expect(points).toEqual([undefined, undefined, undefined]);
        else for (const point of points) expect(point && isForeground(mask, point)).toBe(true);
      }),
    );
  });

  test("mirroring the mask mirrors its centroid", () => {
    fc.assert(
      fc.property(anyMask(), (mask) => {
        const { columns } = mask.geometry;
        const data = mask.data.map((_, i) => mask.data[i - (i % columns) + columns - 1 - (i % columns)] ?? 0);
        const [a, b] = [maskCentroid(mask), maskCentroid({ geometry: mask.geometry, data })];
        if (a === undefined) expect(b).toBeUndefined();
        else expect(a.x + (b?.x ?? Number.NaN)).toBeCloseTo(columns - 1, 9);
      }),
    );
  });

  test("arg-max stays in the mask, arg-min need not; both take the first of equals", () => {
    const mask = drawMask(".##", ".#.");
    const probability = Float32Array.of(0.9, 0.6, 0.8, 0.1, 0.8, 0.1);
    expect(argMaxSeed(mask, probability)).toEqual({ x: 2, y: 0 });
    expect(argMinPoint(probability, 3)).toEqual({ x: 0, y: 1 });
  });

  test("random seeds are different pixels, the same for one seed", () => {
    const draw = () => randomSeeds(ring, 5, createRandom(3)).map(({ x, y }) => `${x},${y}`);
    expect(new Set(draw()).size).toBe(5);
    expect(draw()).toEqual(draw());
    expect(randomSeeds(ring, 100, createRandom(3))).toHaveLength(maskArea(ring));
  });
});
