import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isRefineError } from "../errors.ts";
import { createRandom } from "../random.ts";
import type { GridSize } from "./grid.ts";
import { resizeAntialiased, resizeBilinear, resizeBilinearNear, resizeNearest } from "./resize.ts";

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

describe("resizeBilinearNear", () => {
  test("is resizeBilinear in the box that it names, and keeps what is positive of a map that is negative outside", () => {
    fc.assert(
      fc.property(grid, grid, grid, fc.integer(), (from, to, corner, seed) => {
        const box = {
          xMin: Math.min(corner.columns, from.columns) - 1,
          yMin: Math.min(corner.rows, from.rows) - 1,
          xMax: from.columns - 1,
          yMax: Math.ceil(from.rows / 2) - 1,
        };
        const isInside = (_: unknown, i: number) => {
          const [column, row] = [i % from.columns, Math.floor(i / from.columns)];
          return column >= box.xMin && column <= box.xMax && row >= box.yMin && row <= box.yMax;
        };
        const values = Float32Array.from(noise(from, 1, seed), (value, i) =>
          isInside(value, i) ? value - 100 : -1 - value,
        );
        const whole = resizeBilinear(values, from, to);
        const near = resizeBilinearNear(values, from, to, box);
        const { xMin, yMin, xMax, yMax } = near.box;
        const width = xMax - xMin + 1;
        expect(near.data).toHaveLength(width * (yMax - yMin + 1));
        whole.forEach((value, i) => {
          const [column, row] = [i % to.columns, Math.floor(i / to.columns)];
          if (column < xMin || column > xMax || row < yMin || row > yMax) expect(value).toBeLessThan(0);
          else expect(near.data[(row - yMin) * width + column - xMin]).toBe(value);
        });
      }),
    );
  });

  test("computes nothing far from the box", () => {
    const near = resizeBilinearNear(
      new Float32Array(16).fill(3),
      { columns: 16, rows: 1 },
      { columns: 32, rows: 1 },
      { xMin: 4, yMin: 0, xMax: 5, yMax: 0 },
    );
    expect(near).toEqual({ data: new Float32Array(6).fill(3), box: { xMin: 7, yMin: 0, xMax: 12, yMax: 0 } });
  });
});
