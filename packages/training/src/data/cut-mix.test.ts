import { createRandom } from "@samrefine/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { cutMix, drawCutBox } from "./cut-mix.ts";

const side = fc.integer({ min: 8, max: 64 });

test("a box is empty or a filled rectangle of at most 41 % of the image", () => {
  fc.assert(
    fc.property(side, side, fc.integer({ min: 0, max: 1e6 }), (rows, columns, seed) => {
      const mask = drawCutBox({ rows, columns }, createRandom(seed));
      const inside = [...mask.keys()].filter((pixel) => mask[pixel] === 1);
      const xs = inside.map((pixel) => pixel % columns);
      const ys = inside.map((pixel) => Math.floor(pixel / columns));
      if (inside.length === 0) return;
      const extent = (values: readonly number[]) => Math.max(...values) - Math.min(...values) + 1;
      expect(inside).toHaveLength(extent(xs) * extent(ys));
      // Rounding of a side adds at most half a pixel to it.
      expect(inside.length).toBeLessThanOrEqual(0.4 * rows * columns + (rows + columns) / 2 + 1);
    }),
  );
});

test("about half of the boxes are empty", () => {
  const boxes = Array.from({ length: 400 }, (_, seed) => drawCutBox({ rows: 16, columns: 16 }, createRandom(seed)));
  const empty = boxes.filter((box) => !box.includes(1)).length;
  expect(empty).toBeGreaterThan(150);
  expect(empty).toBeLessThan(250);
});

test("pixels inside a box come from the next image, those outside stay", () => {
  const samples = [1, 2, 3].map((value) => ({ planes: [new Float32Array(4).fill(value)] }));
  const boxes = [Float32Array.of(1, 0, 0, 0), Float32Array.of(0, 1, 0, 0), Float32Array.of(0, 0, 1, 1)];
  const mixed = cutMix(samples, boxes).map(({ planes }) => [...planes[0]!]);
  expect(mixed).toEqual([
    [2, 1, 1, 1],
    [2, 3, 2, 2],
    [3, 3, 1, 1],
  ]);
});
