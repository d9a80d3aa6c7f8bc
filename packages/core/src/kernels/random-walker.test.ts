import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isRefineError } from "../errors.ts";
import { randomWalker } from "./random-walker.ts";

/** Gauss-Seidel sweeps until nothing moves: slow, and nothing but the definition. */
function relax(
  values: Float32Array,
  { columns, rows }: { columns: number; rows: number },
  seeded: Uint8Array,
  seeds: Uint8Array,
  { sigma, ridge }: { sigma: number; ridge: number },
): number[] {
  const x = Array.from(seeds, Number);
  for (let sweep = 0; sweep < 20_000; sweep++) {
    let moved = 0;
    for (let p = 0; p < x.length; p++) {
      if (seeded[p] === 1) continue;
      let weights = ridge;
      let sum = 0;
      const column = p % columns;
      const neighbours = [
        column > 0 ? p - 1 : -1,
        column + 1 < columns ? p + 1 : -1,
        p - columns,
        p + columns < columns * rows ? p + columns : -1,
      ];
      for (const n of neighbours) {
        if (n < 0) continue;
        const w = Math.exp(-(((values[p]! - values[n]!) / sigma) ** 2));
        weights += w;
        sum += w * x[n]!;
      }
      const next = sum / weights;
      moved = Math.max(moved, Math.abs(next - x[p]!));
      x[p] = next;
    }
    if (moved < 1e-10) break;
  }
  return x;
}

describe("randomWalker", () => {
  test("equals relaxation of the definition", () => {
    const input = fc
      .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 }))
      .chain(([columns, rows]) =>
        fc.tuple(
          fc.constant({ columns, rows }),
          fc.array(fc.integer({ min: 0, max: 40 }), { minLength: columns * rows, maxLength: columns * rows }),
          fc.array(fc.constantFrom(0, 0, 0, 1, 2), { minLength: columns * rows, maxLength: columns * rows }),
        ),
      );
    fc.assert(
      fc.property(input, ([size, grey, marks]) => {
        const values = Float32Array.from(grey);
        const seeded = Uint8Array.from(marks, (m) => (m === 0 ? 0 : 1));
        const seeds = Uint8Array.from(marks, (m) => (m === 2 ? 1 : 0));
        const rule = { sigma: 30, ridge: 1e-2 };
        const [found] = randomWalker(values, size, seeded, [seeds], { ...rule, tolerance: 1e-10 });
        const expected = relax(values, size, seeded, seeds, rule);
        for (const [p, value] of expected.entries()) expect(found?.[p]).toBeCloseTo(value, 5);
      }),
      { numRuns: 100 },
    );
  });

  test("walkers stop at an edge of the image, not half way between the seeds", () => {
    const size = { columns: 40, rows: 5 };
    const values = Float32Array.from({ length: 200 }, (_, p) => (p % 40 < 30 ? 50 : 200));
    const at = (column: number) => Uint8Array.from({ length: 200 }, (_, p) => Number(p % 40 === column));
    const [left, right] = [at(0), at(39)];
    const seeded = left.map((value, p) => value | right[p]!);
    const [found] = randomWalker(values, size, seeded, [left], { sigma: 10 });
    expect(Array.from(found ?? [], (p) => Number(p > 0.5))).toEqual(Array.from(values, (v) => Number(v === 50)));
  });

  test("labels and background share the walkers of every pixel that a seed can be reached from", () => {
    const size = { columns: 9, rows: 9 };
    const values = new Float32Array(81);
    const one = (pixel: number) => Uint8Array.from({ length: 81 }, (_, p) => Number(p === pixel));
    const seeded = Uint8Array.from({ length: 81 }, (_, p) => Number(p === 10 || p === 40 || p === 70));
    const maps = randomWalker(values, size, seeded, [one(10), one(40), one(70)], { sigma: 1, ridge: 0 });
    for (let p = 0; p < 81; p++) expect(maps.reduce((sum, map) => sum + map[p]!, 0)).toBeCloseTo(1, 4);
  });

  test("no pixel without a seed (parity vector 14) and no seed at all", () => {
    const values = Float32Array.of(3, 1, 4);
    const seeds = Uint8Array.of(1, 0, 1);
    const everywhere = Uint8Array.of(1, 1, 1);
    expect([...randomWalker(values, { columns: 3, rows: 1 }, everywhere, [seeds], { sigma: 1 })[0]!]).toEqual([
      1, 0, 1,
    ]);
    const none = new Uint8Array(3);
    expect([...randomWalker(values, { columns: 1, rows: 3 }, none, [none], { sigma: 1 })[0]!]).toEqual([0, 0, 0]);
  });

  test("refuses a sigma of 0 and seeds of another size", () => {
    const size = { columns: 2, rows: 1 };
    const run = (sigma: number, seeds: Uint8Array) => () =>
      randomWalker(new Float32Array(2), size, new Uint8Array(2), [seeds], { sigma });
    for (const [bad, code] of [
      [run(0, new Uint8Array(2)), "configuration"],
      [run(1, new Uint8Array(3)), "shape-mismatch"],
    ] as const) {
      try {
        bad();
        expect.unreachable();
      } catch (error) {
        expect(isRefineError(error, code)).toBe(true);
      }
    }
  });
});
