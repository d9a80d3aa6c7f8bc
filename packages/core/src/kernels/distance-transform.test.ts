import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { distanceTransform2D, distanceTransform3D } from "./distance-transform.ts";

describe("distanceTransform", () => {
  const spacing = fc.constantFrom(0.35, 1, 1.5, 4);
  const input = fc
    .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 4 }))
    .chain((size) =>
      fc.tuple(
        fc.constant(size),
        fc.array(fc.constantFrom(0, 1, 1, 1), {
          minLength: size[0] * size[1] * size[2],
          maxLength: size[0] * size[1] * size[2],
        }),
        fc.tuple(spacing, spacing, spacing),
      ),
    );

  test("equals the minimum over all zero voxels", () => {
    fc.assert(
      fc.property(input, ([[ni, nj, nk], values, [si, sj, sk]]) => {
        const found = distanceTransform3D(Uint8Array.from(values), [ni, nj, nk], [si, sj, sk]);
        for (let a = 0; a < values.length; a++) {
          let nearest = Number.POSITIVE_INFINITY;
          for (let b = 0; b < values.length; b++) {
            if (values[b] !== 0) continue;
            const di = ((a % ni) - (b % ni)) * si;
            const dj = ((Math.floor(a / ni) % nj) - (Math.floor(b / ni) % nj)) * sj;
            const dk = (Math.floor(a / (ni * nj)) - Math.floor(b / (ni * nj))) * sk;
            nearest = Math.min(nearest, Math.hypot(di, dj, dk));
          }
          if (nearest === Number.POSITIVE_INFINITY) expect(found[a]).toBe(nearest);
          // Squared distances pass through 32-bit floats once per axis.
          else expect(found[a]).toBeCloseTo(nearest, 5);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("2D with spacing: a 3-4-5 triangle in millimetres", () => {
    const mask = new Uint8Array(16).fill(1);
    mask[0] = 0;
    const result = distanceTransform2D(mask, { columns: 4, rows: 4 }, { x: 1, y: 2 });
    expect(result[2 * 4 + 3]).toBeCloseTo(5, 6);
  });

  test("no zero anywhere: Infinity, not a made-up number", () => {
    expect([...distanceTransform2D(Uint8Array.of(1, 1), { columns: 2, rows: 1 })]).toEqual([
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
  });
});
