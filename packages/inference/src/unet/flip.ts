import type { GridSize } from "@samrefine/core";

export interface Flip {
  readonly horizontal: boolean;
  readonly vertical: boolean;
}

/** Mirrors every plane of a planar array. Its own inverse. The identity returns the array itself. */
export function flipPlanes(planes: Float32Array, grid: GridSize, flip: Flip): Float32Array {
  if (!flip.horizontal && !flip.vertical) return planes;
  const { rows, columns } = grid;
  const result = new Float32Array(planes.length);
  for (let target = 0; target < planes.length; target += columns) {
    const row = (target / columns) % rows;
    const source = flip.vertical ? target + (rows - 1 - 2 * row) * columns : target;
    const line = planes.subarray(source, source + columns);
    result.set(line, target);
    if (flip.horizontal) result.subarray(target, target + columns).reverse();
  }
  return result;
}
