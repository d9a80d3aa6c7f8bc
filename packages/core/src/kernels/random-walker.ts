import { RefineError } from "../errors.ts";
import { type GridSize, requireGridLength } from "./grid.ts";

export interface RandomWalkerOptions {
  /** An edge between neighbours weighs exp(-(difference / sigma)²), in the unit of the values. */
  readonly sigma: number;
  /** Added to every weight, so that no pixel is cut off. Default 0. */
  readonly minimumWeight?: number | undefined;
  /** Added to the diagonal; pixels that no seed reaches get probability 0. Default 1e-5 (SAM Carries the Burden). */
  readonly ridge?: number | undefined;
  /** Of the residual, relative to the right-hand side. Default 1e-6. */
  readonly tolerance?: number | undefined;
}

/**
 * Random walker segmentation on the 4-neighbour graph (Grady, "Random walks for image segmentation", 2006): for every
 * label the probability that a walker who starts at a pixel meets a seed of that label first. Walkers rarely cross edges
 * of the image. A sparse linear system per label, solved by conjugate gradients with an incomplete Cholesky factor.
 *
 * @param values row-major grey values.
 * @param seeded non-zero where a pixel is a seed of any label, or of the background, which is a label without a result.
 * @param labels for every wanted label, non-zero on its seeds; a pixel may be a seed of several labels.
 * @returns per label one probability (0..1) per pixel; on seeds 0 or 1.
 * @throws RefineError `shape-mismatch`; `configuration` unless sigma > 0.
 */
export function randomWalker(
  values: Float32Array,
  size: GridSize,
  seeded: Uint8Array,
  labels: readonly Uint8Array[],
  options: RandomWalkerOptions,
): Float32Array[] {
  const { sigma, minimumWeight = 0, ridge = 1e-5, tolerance = 1e-6 } = options;
  requireGridLength("Random walker", values.length, size);
  for (const part of [seeded, ...labels]) requireGridLength("Random walker, seeds", part.length, size);
  if (!(sigma > 0)) {
    throw new RefineError("configuration", `Sigma of the random walker must be above 0, found ${sigma}.`);
  }
  const system = buildSystem(values, size, seeded, { sigma, minimumWeight, ridge });
  return labels.map((seeds) => solve(system, seeds, tolerance));
}

/**
 * The equations of the pixels without a seed. Arrays hold one row of zeros above and below the image, so that every pixel
 * has an upper and a lower neighbour; `pixels` are positions in them.
 */
interface System {
  readonly columns: number;
  /** Pixels without a seed, in raster order. */
  readonly pixels: Int32Array;
  /** Weight of the edge to the right and to the lower neighbour; 0 at the border. */
  readonly right: Float64Array;
  readonly down: Float64Array;
  /** The same, where both ends are without a seed: the off-diagonal part of the matrix, negated. */
  readonly freeRight: Float64Array;
  readonly freeDown: Float64Array;
  readonly diagonal: Float64Array;
  /** Reciprocal diagonal of the incomplete Cholesky factor. */
  readonly factor: Float64Array;
}

function buildSystem(
  values: Float32Array,
  { columns, rows }: GridSize,
  seeded: Uint8Array,
  { sigma, minimumWeight, ridge }: { sigma: number; minimumWeight: number; ridge: number },
): System {
  const length = (rows + 2) * columns;
  const right = new Float64Array(length);
  const down = new Float64Array(length);
  const isFree = new Uint8Array(length);
  const weightOf = (a: number, b: number): number => {
    const difference = (values[a]! - values[b]!) / sigma;
    return Math.exp(-difference * difference) + minimumWeight;
  };
  let count = 0;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const pixel = y * columns + x;
      const at = pixel + columns;
      if (x + 1 < columns) right[at] = weightOf(pixel, pixel + 1);
      if (y + 1 < rows) down[at] = weightOf(pixel, pixel + columns);
      if (seeded[pixel] !== 0) continue;
      isFree[at] = 1;
      count++;
    }
  }
  const pixels = new Int32Array(count);
  const freeRight = new Float64Array(length);
  const freeDown = new Float64Array(length);
  const diagonal = new Float64Array(length);
  let next = 0;
  for (let at = columns; at < length - columns; at++) {
    if (isFree[at] === 0) continue;
    pixels[next++] = at;
    diagonal[at] = right[at]! + right[at - 1]! + down[at]! + down[at - columns]! + ridge;
    if (isFree[at + 1] === 1) freeRight[at] = right[at]!;
    if (isFree[at + columns] === 1) freeDown[at] = down[at]!;
  }
  const factor = factorise({ columns, pixels, freeRight, freeDown, diagonal });
  return { columns, pixels, right, down, freeRight, freeDown, diagonal, factor };
}

/** Share of the dropped fill-in that goes to the diagonal instead, which keeps row sums and speeds up smooth regions. */
const FILL_IN_SHARE = 0.97;

/** Modified incomplete Cholesky factorisation without fill-in; only its diagonal differs from the matrix. */
function factorise({
  columns,
  pixels,
  freeRight,
  freeDown,
  diagonal,
}: Pick<System, "columns" | "pixels" | "freeRight" | "freeDown" | "diagonal">): Float64Array {
  const factor = new Float64Array(diagonal.length);
  for (const at of pixels) {
    const left = freeRight[at - 1]! * factor[at - 1]!;
    const upper = freeDown[at - columns]! * factor[at - columns]!;
    const dropped =
      left * freeDown[at - 1]! * factor[at - 1]! + upper * freeRight[at - columns]! * factor[at - columns]!;
    const rest = diagonal[at]! - left * left - upper * upper - FILL_IN_SHARE * dropped;
    // Rounding may leave next to nothing where weights differ by many orders of magnitude.
    factor[at] = 1 / Math.sqrt(rest > 1e-3 * diagonal[at]! ? rest : diagonal[at]!);
  }
  return factor;
}

/** Conjugate gradients for one label. */
function solve(system: System, seeds: Uint8Array, tolerance: number): Float32Array {
  const { columns, pixels, right, down, diagonal } = system;
  const length = diagonal.length;
  const isSeed = (at: number): number => (seeds[at - columns] === undefined || seeds[at - columns] === 0 ? 0 : 1);
  const x = new Float64Array(length);
  const residual = new Float64Array(length);
  for (const at of pixels) {
    residual[at] =
      right[at]! * isSeed(at + 1) +
      right[at - 1]! * isSeed(at - 1) +
      down[at]! * isSeed(at + columns) +
      down[at - columns]! * isSeed(at - columns);
  }
  const z = new Float64Array(length);
  const product = new Float64Array(length);
  const limit = tolerance * tolerance * dot(pixels, residual, residual);
  precondition(system, residual, z);
  const direction = z.slice();
  let rho = dot(pixels, residual, z);
  // In exact arithmetic as many steps as unknowns are enough; in practice far fewer are.
  for (let step = 0; step < pixels.length + 100 && dot(pixels, residual, residual) > limit; step++) {
    multiply(system, direction, product);
    const alpha = rho / dot(pixels, direction, product);
    for (const at of pixels) {
      x[at] = x[at]! + alpha * direction[at]!;
      residual[at] = residual[at]! - alpha * product[at]!;
    }
    precondition(system, residual, z);
    const nextRho = dot(pixels, residual, z);
    const beta = nextRho / rho;
    rho = nextRho;
    for (const at of pixels) direction[at] = z[at]! + beta * direction[at]!;
  }
  const result = new Float32Array(seeds.length);
  for (let pixel = 0; pixel < result.length; pixel++) result[pixel] = seeds[pixel] === 0 ? 0 : 1;
  for (const at of pixels) result[at - columns] = Math.min(Math.max(x[at]!, 0), 1);
  return result;
}

function multiply(
  { columns, pixels, freeRight, freeDown, diagonal }: System,
  v: Float64Array,
  out: Float64Array,
): void {
  for (const at of pixels) {
    out[at] =
      diagonal[at]! * v[at]! -
      freeRight[at]! * v[at + 1]! -
      freeRight[at - 1]! * v[at - 1]! -
      freeDown[at]! * v[at + columns]! -
      freeDown[at - columns]! * v[at - columns]!;
  }
}

/** out = (L Lᵀ)⁻¹ v: down the image, then up again. */
function precondition(
  { columns, pixels, freeRight, freeDown, factor }: System,
  v: Float64Array,
  out: Float64Array,
): void {
  for (const at of pixels) {
    const known =
      freeRight[at - 1]! * factor[at - 1]! * out[at - 1]! +
      freeDown[at - columns]! * factor[at - columns]! * out[at - columns]!;
    out[at] = (v[at]! + known) * factor[at]!;
  }
  for (let i = pixels.length - 1; i >= 0; i--) {
    const at = pixels[i]!;
    const known = freeRight[at]! * out[at + 1]! + freeDown[at]! * out[at + columns]!;
    out[at] = (out[at]! + known * factor[at]!) * factor[at]!;
  }
}

function dot(pixels: Int32Array, a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (const at of pixels) sum += a[at]! * b[at]!;
  return sum;
}
