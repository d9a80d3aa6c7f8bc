import type { Random } from "@samrefine/core";
import { gaussianBlur } from "./blur.ts";

const TABLE_SIZE = 8192;

/**
 * Normal deviates, independent from pixel to pixel, mean 0, standard deviation 1. They are drawn from a table of a few
 * thousand, which is several times faster than computing each and makes no visible difference in an image.
 */
export function whiteNoise(random: Random, length: number): Float32Array {
  const table = new Float32Array(TABLE_SIZE);
  for (let i = 0; i < TABLE_SIZE; i++) table[i] = random.normal();
  standardise(table);
  const result = new Float32Array(length);
  for (let i = 0; i < length; i++) result[i] = table[(random.next() * TABLE_SIZE) | 0]!;
  return result;
}

/** Scales to mean 0 and standard deviation 1, in place. */
export function standardise(values: Float32Array): Float32Array {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) * (value - mean);
  const scale = squares > 0 ? 1 / Math.sqrt(squares / values.length) : 0;
  for (let i = 0; i < values.length; i++) values[i] = (values[i]! - mean) * scale;
  return values;
}

/**
 * Spatially correlated normal noise, standard deviation 1. Sigmas in pixels. Wide correlations are made on a coarser
 * grid and interpolated, which costs no detail and most of the time.
 */
export function correlatedNoise(
  random: Random,
  size: { readonly columns: number; readonly rows: number },
  sigmaX: number,
  sigmaY: number = sigmaX,
): Float32Array {
  const step = Math.max(1, Math.floor(Math.min(sigmaX, sigmaY) / 2));
  const coarse = { columns: Math.ceil(size.columns / step) + 1, rows: Math.ceil(size.rows / step) + 1 };
  const field = gaussianBlur(whiteNoise(random, coarse.columns * coarse.rows), coarse, sigmaX / step, sigmaY / step);
  standardise(field);
  return step === 1 ? cropTo(field, coarse, size) : interpolate(field, coarse, size, step);
}

function cropTo(
  field: Float32Array,
  from: { readonly columns: number },
  to: { readonly columns: number; readonly rows: number },
): Float32Array {
  const result = new Float32Array(to.columns * to.rows);
  for (let y = 0; y < to.rows; y++) {
    result.set(field.subarray(y * from.columns, y * from.columns + to.columns), y * to.columns);
  }
  return result;
}

/** Bilinear enlargement: fine pixel (x, y) reads the coarse field at (x / step, y / step). */
export function interpolate(
  field: Float32Array,
  from: { readonly columns: number; readonly rows: number },
  to: { readonly columns: number; readonly rows: number },
  step: number,
): Float32Array {
  const result = new Float32Array(to.columns * to.rows);
  for (let y = 0; y < to.rows; y++) {
    const v = Math.min(y / step, from.rows - 1.001);
    const row = Math.floor(v);
    const fy = v - row;
    for (let x = 0; x < to.columns; x++) {
      const u = Math.min(x / step, from.columns - 1.001);
      const column = Math.floor(u);
      const fx = u - column;
      const at = row * from.columns + column;
      const top = field[at]! * (1 - fx) + field[at + 1]! * fx;
      const bottom = field[at + from.columns]! * (1 - fx) + field[at + from.columns + 1]! * fx;
      result[y * to.columns + x] = top * (1 - fy) + bottom * fy;
    }
  }
  return result;
}
