import type { VolumeSize } from "../kernels/components.ts";
import { distanceTransform3D } from "../kernels/distance-transform.ts";

/** Distances between the borders of two masks, in the unit of the spacing. Each list is sorted ascending. */
export interface SurfaceDistances {
  /** From every border voxel of the reference to the nearest border voxel of the prediction. */
  readonly fromReference: Float32Array;
  /** From every border voxel of the prediction to the nearest border voxel of the reference. */
  readonly fromPrediction: Float32Array;
}

/**
 * Border voxels are foreground with a face neighbour that is background; outside the grid is background. One slice is
 * treated as 2D (4 neighbours). This is MedPy's definition (methods 2.6).
 *
 * @returns undefined when one of the masks is empty, because there is no distance to nothing.
 */
export function measureSurfaceDistances(
  reference: Uint8Array,
  prediction: Uint8Array,
  size: VolumeSize,
  spacing: readonly [i: number, j: number, k: number],
): SurfaceDistances | undefined {
  const box = unionBox(reference, prediction, size);
  if (box === undefined) return undefined;
  // Both borders lie in the box around both masks, so nothing outside it can be nearer.
  const a = crop(reference, size, box);
  const b = crop(prediction, size, box);
  if (!a.includes(1) || !b.includes(1)) return undefined;
  const isFlat = size[2] === 1;
  const borderA = borderOf(a, box.size, isFlat);
  const borderB = borderOf(b, box.size, isFlat);
  return {
    fromReference: sampleDistances(borderA, borderB, box.size, spacing),
    fromPrediction: sampleDistances(borderB, borderA, box.size, spacing),
  };
}

function sampleDistances(
  from: Uint8Array,
  to: Uint8Array,
  size: VolumeSize,
  spacing: readonly [number, number, number],
): Float32Array {
  const distance = distanceTransform3D(
    to.map((value) => 1 - value),
    size,
    spacing,
  );
  return distance.filter((_, voxel) => from[voxel] === 1).sort();
}

interface VoxelBox {
  readonly start: VolumeSize;
  readonly size: VolumeSize;
}

function unionBox(a: Uint8Array, b: Uint8Array, [columns, rows, slices]: VolumeSize): VoxelBox | undefined {
  const low = [columns, rows, slices] as [number, number, number];
  const high: [number, number, number] = [-1, -1, -1];
  let voxel = 0;
  for (let k = 0; k < slices; k++) {
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++, voxel++) {
        if (a[voxel] === 0 && b[voxel] === 0) continue;
        if (i < low[0]) low[0] = i;
        if (i > high[0]) high[0] = i;
        if (j < low[1]) low[1] = j;
        if (j > high[1]) high[1] = j;
        if (k < low[2]) low[2] = k;
        high[2] = k;
      }
    }
  }
  if (high[2] < 0) return undefined;
  return { start: low, size: [high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1] };
}

/** The box's voxels as zeros and ones. */
function crop(mask: Uint8Array, [columns, rows]: VolumeSize, { start, size }: VoxelBox): Uint8Array {
  const result = new Uint8Array(size[0] * size[1] * size[2]);
  let target = 0;
  for (let k = 0; k < size[2]; k++) {
    for (let j = 0; j < size[1]; j++) {
      const source = start[0] + columns * (start[1] + j + rows * (start[2] + k));
      for (let i = 0; i < size[0]; i++) result[target++] = mask[source + i] === 0 ? 0 : 1;
    }
  }
  return result;
}

function borderOf(mask: Uint8Array, [columns, rows, slices]: VolumeSize, isFlat: boolean): Uint8Array {
  const plane = columns * rows;
  const result = new Uint8Array(mask.length);
  let voxel = 0;
  for (let k = 0; k < slices; k++) {
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++, voxel++) {
        if (mask[voxel] === 0) continue;
        const isInside =
          i > 0 &&
          i + 1 < columns &&
          mask[voxel - 1] === 1 &&
          mask[voxel + 1] === 1 &&
          j > 0 &&
          j + 1 < rows &&
          mask[voxel - columns] === 1 &&
          mask[voxel + columns] === 1 &&
          (isFlat || (k > 0 && k + 1 < slices && mask[voxel - plane] === 1 && mask[voxel + plane] === 1));
        if (!isInside) result[voxel] = 1;
      }
    }
  }
  return result;
}

/** 95th percentile (linear interpolation) of both directions together: HD95 as MedPy defines it. */
export function hausdorff95({ fromReference, fromPrediction }: SurfaceDistances): number {
  const all = new Float32Array(fromReference.length + fromPrediction.length);
  all.set(fromReference);
  all.set(fromPrediction, fromReference.length);
  all.sort();
  const position = 0.95 * (all.length - 1);
  const below = Math.floor(position);
  const low = all[below] as number;
  const high = all[Math.min(below + 1, all.length - 1)] as number;
  return low + (high - low) * (position - below);
}

/** Mean of the two directed mean distances (average symmetric surface distance). */
export function averageSymmetricSurfaceDistance({ fromReference, fromPrediction }: SurfaceDistances): number {
  return (mean(fromReference) + mean(fromPrediction)) / 2;
}

/** Share of both borders that lies within `tolerance` of the other one, counted in border voxels. */
export function surfaceDice({ fromReference, fromPrediction }: SurfaceDistances, tolerance: number): number {
  // Distances are 32-bit: one that equals the tolerance on paper must not fall beyond it by rounding.
  const limit = tolerance * (1 + 1e-6);
  const within = (distances: Float32Array) => distances.reduce((count, d) => count + (d <= limit ? 1 : 0), 0);
  return (within(fromReference) + within(fromPrediction)) / (fromReference.length + fromPrediction.length);
}

function mean(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
