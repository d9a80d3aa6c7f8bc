import { RefineError } from "../errors.ts";
import type { VolumeSize } from "./components.ts";
import { type GridSize, requireGridLength } from "./grid.ts";

/**
 * Exact Euclidean distance of every pixel to the nearest zero pixel (0 on zero pixels), as SciPy's
 * `distance_transform_edt`. Infinity everywhere when no pixel is zero.
 *
 * @param spacing distance between neighbouring columns (x) and rows (y); the result has its unit. Default 1 pixel.
 * @throws RefineError `shape-mismatch`.
 */
export function distanceTransform2D(
  mask: Uint8Array,
  size: GridSize,
  spacing: { readonly x: number; readonly y: number } = { x: 1, y: 1 },
): Float32Array {
  requireGridLength("Distance transform", mask.length, size);
  return distanceTransform3D(mask, [size.columns, size.rows, 1], [spacing.x, spacing.y, 1]);
}

/**
 * Exact Euclidean distance of every voxel to the nearest zero voxel. See {@link distanceTransform2D}.
 *
 * @param spacing along i, j, k.
 * @throws RefineError `shape-mismatch`.
 */
export function distanceTransform3D(
  mask: Uint8Array,
  size: VolumeSize,
  spacing: readonly [i: number, j: number, k: number] = [1, 1, 1],
): Float32Array {
  const [columns, rows, slices] = size;
  if (mask.length !== columns * rows * slices) {
    throw new RefineError(
      "shape-mismatch",
      `Distance transform: found ${mask.length} voxels, expected ${size.join(" x ")} = ${columns * rows * slices}.`,
    );
  }
  const squared = squaredDistanceAlongRows(mask, columns, spacing[0]);
  const plane = rows * columns;
  if (rows > 1) {
    const transform = createLineTransform(rows, spacing[1]);
    for (let slice = 0; slice < slices; slice++) transform(squared, slice * plane, columns, columns);
  }
  if (slices > 1) createLineTransform(slices, spacing[2])(squared, 0, plane, plane);
  for (let i = 0; i < squared.length; i++) {
    const value = squared[i]!;
    if (value !== 0) squared[i] = Math.sqrt(value);
  }
  return squared;
}

/** First axis: within a run of ones the nearest zero of the row is one of its two ends; Infinity when it has none. */
function squaredDistanceAlongRows(mask: Uint8Array, columns: number, step: number): Float32Array {
  const result = new Float32Array(mask.length);
  for (let offset = 0; offset < mask.length; offset += columns) {
    const end = offset + columns;
    let i = offset;
    while (i < end) {
      if (mask[i] === 0) {
        i++;
        continue;
      }
      const begin = i;
      while (i < end && mask[i] !== 0) i++;
      const left = begin > offset ? begin - 1 : Number.NEGATIVE_INFINITY;
      const right = i < end ? i : Number.POSITIVE_INFINITY;
      for (let pixel = begin; pixel < i; pixel++) {
        const nearest = Math.min(pixel - left, right - pixel) * step;
        result[pixel] = nearest * nearest;
      }
    }
  }
  return result;
}

/** Neighbouring lines that are worked on together, so that a cache line that was fetched is used whole. */
const BLOCK = 16;

/**
 * Lower envelope of parabolas along one further axis, in place (Felzenszwalb and Huttenlocher, "Distance transforms of
 * sampled functions", 2012), for `lines` neighbouring lines whose samples lie `stride` apart. Infinite samples have no
 * parabola. A zero cannot become smaller, and nothing beyond it can be nearer than itself: only what lies between zeros is
 * worked on, and most of an image is zero.
 */
function createLineTransform(
  length: number,
  step: number,
): (values: Float32Array, start: number, stride: number, lines: number) => void {
  const block = new Float32Array(BLOCK * length);
  const vertices = new Int32Array(length);
  const borders = new Float64Array(length + 1);
  const squaredStep = step * step;

  /** Samples `begin` to `end` (exclusive) of one line, which are not zero; those beside them are, or do not exist. */
  const transformRun = (
    offset: number,
    begin: number,
    end: number,
    target: Float32Array,
    start: number,
    stride: number,
  ): void => {
    let last = -1;
    for (let i = Math.max(0, begin - 1); i < Math.min(length, end + 1); i++) {
      const height = block[offset + i]!;
      if (height === Number.POSITIVE_INFINITY) continue;
      const lifted = height + squaredStep * i * i;
      let border = Number.NEGATIVE_INFINITY;
      while (last >= 0) {
        const vertex = vertices[last]!;
        border = (lifted - block[offset + vertex]! - squaredStep * vertex * vertex) / (2 * squaredStep * (i - vertex));
        if (border > borders[last]!) break;
        last--;
        border = Number.NEGATIVE_INFINITY;
      }
      last++;
      vertices[last] = i;
      borders[last] = border;
    }
    if (last < 0) return;
    borders[last + 1] = Number.POSITIVE_INFINITY;
    let parabola = 0;
    for (let i = begin; i < end; i++) {
      while (borders[parabola + 1]! < i) parabola++;
      const vertex = vertices[parabola]!;
      const distance = i - vertex;
      target[start + i * stride] = squaredStep * distance * distance + block[offset + vertex]!;
    }
  };

  const transformLine = (offset: number, target: Float32Array, start: number, stride: number): void => {
    let i = 0;
    while (i < length) {
      if (block[offset + i] === 0) {
        i++;
        continue;
      }
      const begin = i;
      while (i < length && block[offset + i] !== 0) i++;
      transformRun(offset, begin, i, target, start, stride);
    }
  };

  return (values, start, stride, lines) => {
    for (let first = 0; first < lines; first += BLOCK) {
      const count = Math.min(BLOCK, lines - first);
      let sum = 0;
      for (let i = 0; i < length; i++) {
        const source = start + first + i * stride;
        for (let line = 0; line < count; line++) {
          const value = values[source + line]!;
          block[line * length + i] = value;
          sum += value;
        }
      }
      if (sum === 0) continue;
      for (let line = 0; line < count; line++) transformLine(line * length, values, start + first + line, stride);
    }
  };
}
