import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isRefineError } from "../errors.ts";
import { createRandom } from "../random.ts";
import type { GridSize } from "./grid.ts";
import { reachOfBox, resizeAntialiased, resizeBilinear, resizeBilinearWithin, resizeNearest } from "./resize.ts";

const side = fc.integer({ min: 1, max: 13 });
const grid = fc.record({ columns: side, rows: side });

function noise(size: GridSize, channels: number, seed: number): Uint8Array {
  const random = createRandom(seed);
  return Uint8Array.from({ length: size.columns * size.rows * channels }, () => random.integer(256));
}

/** Bilinear straight from the definition: clamp the four neighbours of the sampling point. */
function slowBilinear(data: Uint8Array, from: GridSize, to: GridSize, channels: number): number[] {
  const at = (x: number, y: number, c: number) =>
    data[
      (Math.min(Math.max(y, 0), from.rows - 1) * from.columns + Math.min(Math.max(x, 0), from.columns - 1)) * channels +
        c
    ] ?? Number.NaN;
  const result: number[] = [];
  for (let row = 0; row < to.rows; row++) {
    for (let column = 0; column < to.columns; column++) {
      const x = ((column + 0.5) * from.columns) / to.columns - 0.5;
      const y = ((row + 0.5) * from.rows) / to.rows - 0.5;
      const [x0, y0] = [Math.floor(x), Math.floor(y)];
      const [u, v] = [x - x0, y - y0];
      for (let c = 0; c < channels; c++) {
        const top = (1 - u) * at(x0, y0, c) + u * at(x0 + 1, y0, c);
        const bottom = (1 - u) * at(x0, y0 + 1, c) + u * at(x0 + 1, y0 + 1, c);
        result.push((1 - v) * top + v * bottom);
      }
    }
  }
  return result;
}

/** Triangle filter over all source samples, in two dimensions at once and without rounding. */
function slowAntialiased(data: Uint8Array, from: GridSize, to: GridSize, channels: number): number[] {
  const weightsOf = (index: number, source: number, target: number) => {
    const scale = source / target;
    const support = Math.max(scale, 1);
    const raw = Array.from({ length: source }, (_, s) =>
      Math.max(0, 1 - Math.abs(s + 0.5 - (index + 0.5) * scale) / support),
    );
    const sum = raw.reduce((a, b) => a + b, 0);
    return raw.map((w) => w / sum);
  };
  const result: number[] = [];
  for (let row = 0; row < to.rows; row++) {
    const wy = weightsOf(row, from.rows, to.rows);
    for (let column = 0; column < to.columns; column++) {
      const wx = weightsOf(column, from.columns, to.columns);
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (const [y, b] of wy.entries()) {
          for (const [x, a] of wx.entries()) sum += a * b * (data[(y * from.columns + x) * channels + c] ?? Number.NaN);
        }
        result.push(sum);
      }
    }
  }
  return result;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((worst, value, i) => Math.max(worst, Math.abs(value - (b[i] ?? Number.NaN))), 0);
}

describe("resize", () => {
  const cases = fc.tuple(grid, grid, fc.constantFrom(1, 3), fc.nat());

  test("bilinear equals its definition", () => {
    fc.assert(
      fc.property(cases, ([from, to, channels, seed]) => {
        const data = noise(from, channels, seed);
        // Float32 output of values up to 255.
        expect(
          largestDifference(resizeBilinear(data, from, to, channels), slowBilinear(data, from, to, channels)),
        ).toBeLessThan(1e-4);
      }),
    );
  });

  test("antialiased float equals its definition; 8 bits are within rounding of it", () => {
    fc.assert(
      fc.property(cases, ([from, to, channels, seed]) => {
        const data = noise(from, channels, seed);
        const expected = slowAntialiased(data, from, to, channels);
        expect(
          largestDifference(resizeAntialiased(Float32Array.from(data), from, to, channels), expected),
        ).toBeLessThan(1e-3);
        // Two roundings, one per axis.
        expect(largestDifference(resizeAntialiased(data, from, to, channels), expected)).toBeLessThan(1.01);
      }),
    );
  });

  test("nearest takes floor((i + 0.5) * in / out) and keeps the array type", () => {
    fc.assert(
      fc.property(cases, ([from, to, channels, seed]) => {
        const data = Int16Array.from(noise(from, channels, seed));
        const result = resizeNearest(data, from, to, channels);
        expect(result).toBeInstanceOf(Int16Array);
        for (let row = 0; row < to.rows; row++) {
          for (let column = 0; column < to.columns; column++) {
            const x = Math.floor(((column + 0.5) * from.columns) / to.columns);
            const y = Math.floor(((row + 0.5) * from.rows) / to.rows);
            for (let c = 0; c < channels; c++) {
              expect(result[(row * to.columns + column) * channels + c]).toBe(
                data[(y * from.columns + x) * channels + c],
              );
            }
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  test("a constant stays constant, whatever the sizes", () => {
    fc.assert(
      fc.property(grid, grid, fc.integer({ min: 0, max: 255 }), (from, to, value) => {
        const data = new Uint8Array(from.columns * from.rows).fill(value);
        expect(new Set(resizeAntialiased(data, from, to))).toEqual(new Set([value]));
        expect(
          largestDifference(resizeBilinear(data, from, to), new Uint8Array(to.columns * to.rows).fill(value)),
        ).toBe(0);
      }),
    );
  });

  test("the same size is a copy, not the same array", () => {
    const size = { columns: 3, rows: 2 };
    const data = noise(size, 1, 1);
    for (const result of [resizeAntialiased(data, size, size), resizeBilinear(data, size, size)]) {
      expect([...result]).toEqual([...data]);
      expect(result).not.toBe(data);
    }
  });

  test("names the sizes when data and grid disagree", () => {
    let caught: unknown;
    try {
      resizeBilinear(new Uint8Array(5), { columns: 2, rows: 2 }, { columns: 4, rows: 4 });
    } catch (error) {
      caught = error;
    }
    expect(isRefineError(caught, "shape-mismatch") && caught.message).toMatch(/found 5 values, expected 2 columns x 2/);
    expect(() => resizeNearest(new Uint8Array(4), { columns: 2, rows: 2 }, { columns: 0, rows: 4 })).toThrow(
      /0 columns/,
    );
  });
});

describe("a part of an enlargement", () => {
  const boxIn = (size: GridSize, corner: GridSize) => ({
    xMin: Math.min(corner.columns, size.columns) - 1,
    yMin: Math.min(corner.rows, size.rows) - 1,
    xMax: size.columns - 1,
    yMax: Math.ceil(size.rows / 2) - 1,
  });

  test("resizeBilinearWithin is resizeBilinear in the box", () => {
    fc.assert(
      fc.property(grid, grid, grid, fc.integer(), (from, to, corner, seed) => {
        const values = Float32Array.from(noise(from, 1, seed));
        const { xMin, yMin, xMax, yMax } = boxIn(to, corner);
        const whole = resizeBilinear(values, from, to);
        const expected: number[] = [];
        for (let y = yMin; y <= yMax; y++)
          expected.push(...whole.subarray(y * to.columns + xMin, y * to.columns + xMax + 1));
        expect([...resizeBilinearWithin(values, from, to, { xMin, yMin, xMax, yMax })]).toEqual(expected);
      }),
    );
  });

  test("reachOfBox is where one source sample of the box, changed, changes the result", () => {
    fc.assert(
      fc.property(grid, grid, grid, fc.integer(), (from, to, corner, seed) => {
        const box = boxIn(from, corner);
        const isInside = (i: number) => {
          const [column, row] = [i % from.columns, Math.floor(i / from.columns)];
          return column >= box.xMin && column <= box.xMax && row >= box.yMin && row <= box.yMax;
        };
        const values = Float32Array.from(noise(from, 1, seed));
        const before = resizeBilinear(values, from, to);
        const after = resizeBilinear(
          values.map((value, i) => (isInside(i) ? value + 500 : value)),
          from,
          to,
        );
        const { xMin, yMin, xMax, yMax } = reachOfBox(box, from, to);
        before.forEach((value, i) => {
          const [column, row] = [i % to.columns, Math.floor(i / to.columns)];
          const isReached = column >= xMin && column <= xMax && row >= yMin && row <= yMax;
          if (!isReached) expect(after[i]).toBe(value);
        });
      }),
    );
  });

  test("reaches no farther than the next sample, and nowhere from no sample", () => {
    const [from, to] = [
      { columns: 16, rows: 1 },
      { columns: 32, rows: 1 },
    ];
    expect(reachOfBox({ xMin: 4, yMin: 0, xMax: 5, yMax: 0 }, from, to)).toEqual({
      xMin: 7,
      yMin: 0,
      xMax: 12,
      yMax: 0,
    });
    const nowhere = reachOfBox({ xMin: 0, yMin: 0, xMax: -1, yMax: -1 }, from, to);
    expect(resizeBilinearWithin(new Float32Array(16), from, to, nowhere)).toHaveLength(0);
  });
});
