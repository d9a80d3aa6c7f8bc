import { RefineError } from "../errors.ts";
import type { VolumeSize } from "../kernels/components.ts";
import { type PackedMasks, packMasks } from "./packed-masks.ts";
import { averageSymmetricSurfaceDistance, hausdorff95, surfaceDice, surfaceDistancesOf } from "./surface-distance.ts";

/** The grid of a comparison. A 2D image has size[2] = 1. */
export interface MetricGrid {
  /** [i, j, k]; i = column, fastest in memory. */
  readonly size: VolumeSize;
  /** Between voxel centres along i, j, k. Without it distances are in voxels and there is no volume in mm³. */
  readonly spacingMm?: readonly [i: number, j: number, k: number] | undefined;
}

export interface MetricOptions {
  /** Of surface Dice, in the unit of the distances. Default 1. */
  readonly surfaceTolerance?: number | undefined;
  /** False skips HD95, ASSD and surface Dice (null), which take most of the time. Default true. */
  readonly distances?: boolean | undefined;
  /**
   * Distances between voxel indices although the spacing is known, as papers report them that called MedPy without spacing
   * (methods 2.6). Only to compare with such figures: where voxels are not cubes it is no distance. Default false.
   */
  readonly voxelUnits?: boolean | undefined;
}

/**
 * - `scored`: both masks have voxels;
 * - `missed`: the reference has voxels, the prediction none. Dice, IoU and surface Dice are 0, distances do not exist;
 * - `false-positive`: the reference is empty, the prediction is not. No metric exists; it is to be counted;
 * - `absent`: both are empty. No metric exists.
 */
export type MetricStatus = "scored" | "missed" | "false-positive" | "absent";

/** One predicted mask against its reference. null = the metric does not exist here; it never stands for a number. */
export interface MaskMetrics {
  readonly status: MetricStatus;
  readonly dice: number | null;
  readonly iou: number | null;
  /** 95th percentile Hausdorff distance, both directions together. */
  readonly hd95: number | null;
  /**
   * Average symmetric surface distance: the mean of the two directions' means, as in MedPy up to 0.4, which most papers
   * used. MedPy 0.5 averages the voxels of both borders together.
   */
  readonly assd: number | null;
  readonly surfaceDice: number | null;
  /** (prediction - reference) / reference. */
  readonly relativeVolumeError: number | null;
  readonly distanceUnit: "mm" | "voxel";
  readonly referenceVoxels: number;
  readonly predictionVoxels: number;
  /** null without spacing. */
  readonly referenceVolumeMm3: number | null;
  readonly predictionVolumeMm3: number | null;
}

/**
 * Compares two binary masks (non-zero = foreground) in 2D or 3D.
 *
 * @throws RefineError `shape-mismatch` when a mask does not fill the grid.
 */
export function compareMasks(
  reference: ArrayLike<number>,
  prediction: ArrayLike<number>,
  grid: MetricGrid,
  options: MetricOptions = {},
): MaskMetrics {
  requireVoxels("Reference", reference, grid);
  requireVoxels("Prediction", prediction, grid);
  return compare(packMasks(reference, prediction), grid, options);
}

/**
 * Compares two label maps class by class: for every value of `labels`, the voxels with that value.
 *
 * @throws RefineError `shape-mismatch`.
 */
export function compareLabels(
  reference: ArrayLike<number>,
  prediction: ArrayLike<number>,
  labels: readonly number[],
  grid: MetricGrid,
  options: MetricOptions = {},
): ReadonlyMap<number, MaskMetrics> {
  requireVoxels("Reference", reference, grid);
  requireVoxels("Prediction", prediction, grid);
  return new Map(labels.map((label) => [label, compare(packMasks(reference, prediction, label), grid, options)]));
}

function compare(masks: PackedMasks, grid: MetricGrid, options: MetricOptions): MaskMetrics {
  const { referenceVoxels, predictionVoxels, sharedVoxels: shared } = masks;
  const { spacingMm } = grid;
  const distanceSpacing = options.voxelUnits === true ? undefined : spacingMm;
  const voxelMm3 = spacingMm === undefined ? undefined : spacingMm[0] * spacingMm[1] * spacingMm[2];
  const status: MetricStatus =
    referenceVoxels === 0
      ? predictionVoxels === 0
        ? "absent"
        : "false-positive"
      : predictionVoxels === 0
        ? "missed"
        : "scored";
  const isPresent = referenceVoxels > 0;
  const distances =
    status === "scored" && options.distances !== false
      ? surfaceDistancesOf(masks, grid.size, distanceSpacing ?? [1, 1, 1])
      : undefined;
  const surface =
    distances !== undefined
      ? surfaceDice(distances, options.surfaceTolerance ?? 1)
      : status === "missed" && options.distances !== false
        ? 0
        : null;
  return {
    status,
    dice: isPresent ? (2 * shared) / (referenceVoxels + predictionVoxels) : null,
    iou: isPresent ? shared / (referenceVoxels + predictionVoxels - shared) : null,
    hd95: distances === undefined ? null : hausdorff95(distances),
    assd: distances === undefined ? null : averageSymmetricSurfaceDistance(distances),
    surfaceDice: surface,
    relativeVolumeError: isPresent ? (predictionVoxels - referenceVoxels) / referenceVoxels : null,
    distanceUnit: distanceSpacing === undefined ? "voxel" : "mm",
    referenceVoxels,
    predictionVoxels,
    referenceVolumeMm3: voxelMm3 === undefined ? null : referenceVoxels * voxelMm3,
    predictionVolumeMm3: voxelMm3 === undefined ? null : predictionVoxels * voxelMm3,
  };
}

function requireVoxels(what: string, values: ArrayLike<number>, { size }: MetricGrid): void {
  const expected = size[0] * size[1] * size[2];
  if (values.length === expected) return;
  throw new RefineError(
    "shape-mismatch",
    `${what}: found ${values.length} voxels, expected ${size.join(" x ")} = ${expected}.`,
    { hint: "Bring both to one grid before comparing.", details: { found: values.length, expected } },
  );
}
