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
  if (rows > 1) {
    const envelope = createEnvelope(rows, spacing[1]);
    for (let slice = 0; slice < slices; slice++) {
      for (let column = 0; column < columns; column++) envelope(squared, slice * rows * columns + column, columns);
    }
  }
  if (slices > 1) {
    const plane = rows * columns;
    const envelope = createEnvelope(slices, spacing[2]);
    for (let pixel = 0; pixel < plane; pixel++) envelope(squared, pixel, plane);
  }
  for (let i = 0; i < squared.length; i++) squared[i] = Math.sqrt(squared[i]!);
  return squared;
}

/** First axis: two sweeps give the distance to the nearest zero of the row; Infinity when it has none. */
function squaredDistanceAlongRows(mask: Uint8Array, columns: number, step: number): Float32Array {
  const result = new Float32Array(mask.length);
  for (let offset = 0; offset < mask.length; offset += columns) {
    let distance = Number.POSITIVE_INFINITY;
    for (let i = offset; i < offset + columns; i++) {
      distance = mask[i] === 0 ? 0 : distance + 1;
      result[i] = distance;
    }
    distance = Number.POSITIVE_INFINITY;
    for (let i = offset + columns - 1; i >= offset; i--) {
      distance = mask[i] === 0 ? 0 : distance + 1;
      const nearest = Math.min(distance, result[i]!) * step;
      result[i] = nearest * nearest;
    }
  }
  return result;
}

/**
 * Lower envelope of parabolas along one further axis, in place (Felzenszwalb and Huttenlocher, "Distance transforms of
 * sampled functions", 2012). Infinite samples have no parabola.
 */
function createEnvelope(length: number, step: number): (values: Float32Array, start: number, stride: number) => void {
  const heights = new Float64Array(length);
  const vertices = new Int32Array(length);
  const borders = new Float64Array(length + 1);
  const squaredStep = step * step;
  return (values, start, stride) => {
    let last = -1;
    for (let i = 0; i < length; i++) {
      const height = values[start + i * stride]!;
      heights[i] = height;
      if (height === Number.POSITIVE_INFINITY) continue;
      const lifted = height + squaredStep * i * i;
      let border = Number.NEGATIVE_INFINITY;
      while (last >= 0) {
        const vertex = vertices[last]!;
        border = (lifted - heights[vertex]! - squaredStep * vertex * vertex) / (2 * squaredStep * (i - vertex));
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
    for (let i = 0; i < length; i++) {
      while (borders[parabola + 1]! < i) parabola++;
      const vertex = vertices[parabola]!;
      const offset = i - vertex;
      values[start + i * stride] = squaredStep * offset * offset + heights[vertex]!;
    }
  };
}
