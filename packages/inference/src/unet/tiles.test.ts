import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cutTile, planTiles, TileBlend, tileStarts } from "./tiles.ts";

describe("tileStarts", () => {
  test("nnU-Net's own examples", () => {
    // compute_steps_for_sliding_window((30, 224, 224), (32, ...), 0.5) and its like.
    expect(tileStarts(110, 64, 0.5)).toEqual([0, 23, 46]);
    expect(tileStarts(64, 64, 0.5)).toEqual([0]);
    expect(tileStarts(96, 64, 0.5)).toEqual([0, 32]);
    expect(tileStarts(97, 64, 0.5)).toEqual([0, 17, 33]);
  });

  test("windows cover the axis, stay inside, and overlap at least as asked, up to rounding", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.nat(300),
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        (window, more, overlap) => {
          const starts = tileStarts(window + more, window, overlap);
          expect(starts[0]).toBe(0);
          expect(starts.at(-1)).toBe(more);
          for (const [i, start] of starts.slice(1).entries()) {
            const step = start - starts[i]!;
            expect(step).toBeLessThanOrEqual(Math.max(1, window * (1 - overlap)) + 1);
            expect(step).toBeLessThanOrEqual(window);
          }
        },
      ),
    );
  });
});

test("a picture that is cut into tiles and blended is the picture, whatever the weights", () => {
  const size = fc.record({ rows: fc.integer({ min: 1, max: 12 }), columns: fc.integer({ min: 1, max: 12 }) });
  fc.assert(
    fc.property(
      size,
      size,
      fc.constantFrom("gaussian" as const, "constant" as const),
      fc.constantFrom(0, 0.25, 0.5, 0.75),
      (window, more, blend, overlap) => {
        const grid = { rows: window.rows + more.rows - 1, columns: window.columns + more.columns - 1 };
        const picture = Float32Array.from({ length: 2 * grid.rows * grid.columns }, (_, i) => Math.sin(i));
        const tiling = planTiles(grid, window, { overlap, blend });
        const whole = new TileBlend(grid, tiling, 2);
        for (const corner of tiling.corners) whole.add(cutTile(picture, grid, corner, window), corner);
        for (const [i, value] of whole.finish().entries()) expect(value).toBeCloseTo(picture[i]!, 5);
      },
    ),
  );
});

test("the Gaussian trusts the middle of a window most", () => {
  const { weights } = planTiles({ rows: 1, columns: 9 }, { rows: 1, columns: 9 }, { overlap: 0.5, blend: "gaussian" });
  for (let i = 1; i <= 4; i++) expect(weights[i]!).toBeGreaterThan(weights[i - 1]!);
  expect(weights[8]).toBeCloseTo(weights[0]!, 6);
  expect(weights[0]).toBeGreaterThan(0);
});
