import type { Affine3D, VolumeGeometry } from "@samrefine/core";

/** Voxel (i, j, k) of the target is voxel `start + i * step[0] + j * step[1] + k * step[2]` of the source. */
export interface VoxelReordering {
  readonly start: number;
  readonly step: readonly [i: number, j: number, k: number];
}

/**
 * How to read a volume in the order of another grid, when both hold the same voxels and differ only in the direction and
 * order of their axes (RAS files against DICOM stacks). Nothing is resampled.
 * @returns undefined when the grids hold different voxels: a centre that is more than a hundredth of a voxel off.
 */
export function reorderingBetween(from: VolumeGeometry, to: VolumeGeometry): VoxelReordering | undefined {
  const strides = [1, from.size[0], from.size[0] * from.size[1]];
  const toFrom = multiply(invert(from.indexToPatient), to.indexToPatient);
  const step = [0, 0, 0];
  const usedAxes = new Set<number>();
  for (const axis of [0, 1, 2]) {
    const column = [0, 1, 2].map((row) => toFrom[4 * row + axis]!);
    const main = [0, 1, 2].reduce((best, row) => (Math.abs(column[row]!) > Math.abs(column[best]!) ? row : best), 0);
    const direction = Math.sign(column[main]!);
    // Over the whole length of the axis the centres may not drift apart by more than a hundredth of a voxel.
    const reach = Math.max(1, to.size[axis]! - 1);
    const drift = Math.max(...column.map((value, row) => Math.abs(value - (row === main ? direction : 0)))) * reach;
    if (!(drift <= 0.01) || usedAxes.has(main) || from.size[main] !== to.size[axis]) return undefined;
    usedAxes.add(main);
    step[axis] = direction * strides[main]!;
  }
  const corner = [0, 1, 2].map((row) => toFrom[4 * row + 3]!);
  const rounded = corner.map((value) => Math.round(value));
  const isOnGrid = corner.every(
    (value, row) =>
      Math.abs(value - rounded[row]!) <= 0.01 && (rounded[row] === 0 || rounded[row] === from.size[row]! - 1),
  );
  if (!isOnGrid) return undefined;
  const start = rounded.reduce((sum, index, row) => sum + index * strides[row]!, 0);
  const last = start + [0, 1, 2].reduce((sum, axis) => sum + (to.size[axis]! - 1) * step[axis]!, 0);
  const voxels = from.size[0] * from.size[1] * from.size[2];
  if (last < 0 || last >= voxels) return undefined;
  return { start, step: [step[0]!, step[1]!, step[2]!] };
}

/** The voxels in the order of the target grid of `size`. */
export function reorderVoxels(
  data: Uint8Array,
  { start, step }: VoxelReordering,
  size: VolumeGeometry["size"],
): Uint8Array {
  const result = new Uint8Array(size[0] * size[1] * size[2]);
  for (let k = 0, n = 0; k < size[2]; k++) {
    for (let j = 0; j < size[1]; j++) {
      let source = start + j * step[1] + k * step[2];
      for (let i = 0; i < size[0]; i++, n++, source += step[0]) result[n] = data[source]!;
    }
  }
  return result;
}

function multiply(a: readonly number[], b: readonly number[]): readonly number[] {
  return Array.from({ length: 16 }, (_, n) => {
    const [row, column] = [n >> 2, n & 3];
    return [0, 1, 2, 3].reduce((sum, k) => sum + a[4 * row + k]! * b[4 * k + column]!, 0);
  });
}

/** Inverse of an affine whose last row is 0 0 0 1. A singular one gives infinities, which match no grid. */
function invert(m: Affine3D): readonly number[] {
  const [a, b, c, x, d, e, f, y, g, h, i, z] = m;
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  const r = [
    [e * i - f * h, c * h - b * i, b * f - c * e],
    [f * g - d * i, a * i - c * g, c * d - a * f],
    [d * h - e * g, b * g - a * h, a * e - b * d],
  ].map((row) => row.map((value) => value / determinant));
  const shift = r.map((row) => -(row[0]! * x + row[1]! * y + row[2]! * z));
  return [...r[0]!, shift[0]!, ...r[1]!, shift[1]!, ...r[2]!, shift[2]!, 0, 0, 0, 1];
}
