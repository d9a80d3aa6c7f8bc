import { RefineError } from "../errors.ts";
import type { VolumeSize } from "./components.ts";
import { type GridSize, requireGridLength } from "./grid.ts";
import { createLineTransform } from "./line-transform.ts";

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
