import {
  type DatasetCase,
  type DatasetLabels,
  type GridSize,
  type IntensityPolicy,
  type IntensityTransform,
  networkInput,
  RefineError,
  resizeNearest,
  resolveIntensity,
} from "@samrefine/core";

/** A case as the network sees it: normalised and on the network's grid, row-major planes of rows · columns. */
export interface PreparedCase {
  readonly id: string;
  readonly slices: readonly PreparedSlice[];
}

export interface PreparedSlice {
  readonly image: Float32Array;
  /** Label values as in the data set, nearest neighbour on the grid; undefined for a case used without labels. */
  readonly labels: Uint8Array | undefined;
}

/**
 * The transforms of a case's intensities, one per slice: one and the same for a volume, its own for each image when the
 * policy's scope is the image.
 */
export function caseIntensities(source: DatasetCase, policy: IntensityPolicy): readonly IntensityTransform[] {
  if (policy.kind === "percentiles" && policy.scope === "image") {
    return source.slices.map((slice) => resolveIntensity(policy, [slice.data]));
  }
  const whole = resolveIntensity(
    policy,
    source.slices.map((slice) => slice.data),
  );
  return source.slices.map(() => whole);
}

/**
 * Brings a case to the network's grid by the same function as inference does.
 * @throws RefineError `dataset` when image and labels differ in size or the image holds nothing.
 */
export function prepareCase(
  source: DatasetCase,
  labels: DatasetLabels | undefined,
  policy: IntensityPolicy,
  grid: GridSize,
): PreparedCase {
  if (source.slices.length === 0) throw new RefineError("dataset", `Case ${source.id} has no slices.`);
  if (labels && labels.slices.length !== source.slices.length) {
    throw new RefineError(
      "dataset",
      `Case ${source.id} has ${source.slices.length} image slices but ${labels.slices.length} label slices.`,
    );
  }
  const intensities = caseIntensities(source, policy);
  return {
    id: source.id,
    slices: source.slices.map((slice, k) => ({
      image: networkInput(slice, intensities[k]!, grid),
      labels: labels && resizeNearest(labels.slices[k]!, slice.geometry, grid),
    })),
  };
}

/** The planes of slice k and its neighbours, one after the other; edges repeat, as in core's `neighbouringSlices`. */
export function stackPlanes(prepared: PreparedCase, k: number, channels: number): readonly Float32Array[] {
  return Array.from({ length: channels }, (_, channel) => {
    const index = Math.min(Math.max(k + channel - (channels >> 1), 0), prepared.slices.length - 1);
    return prepared.slices[index]!.image;
  });
}
