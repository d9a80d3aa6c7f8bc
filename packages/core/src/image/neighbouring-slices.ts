import { RefineError } from "../errors.ts";
import { isSameGrid } from "../kernels/grid.ts";
import type { Image2D } from "./image.ts";

/**
 * Slice k of a volume with its neighbours as channels (2.5D), in ascending k: for 3 channels k - 1, k, k + 1. The first and
 * the last slice stand in for neighbours that do not exist. Training and inference share this.
 *
 * @param slices single-channel slices of one grid, ascending k
 * @param channels odd number of slices; 1 returns the slice itself
 * @throws RefineError `configuration` for an even or non-positive number, `shape-mismatch` for slices of different grids.
 */
export function neighbouringSlices(slices: readonly Image2D[], k: number, channels: number): Image2D {
  if (!Number.isInteger(channels) || channels < 1 || channels % 2 === 0) {
    throw new RefineError("configuration", `Slices are stacked in odd numbers (1, 3, 5, ...); found ${channels}.`);
  }
  const center = slices[k];
  if (!center) {
    throw new RefineError("shape-mismatch", `There is no slice ${k}; the volume has slices 0 to ${slices.length - 1}.`);
  }
  if (channels === 1) return center;
  const { geometry } = center;
  const data = new Float32Array(geometry.rows * geometry.columns * channels);
  for (let channel = 0; channel < channels; channel++) {
    const index = Math.min(Math.max(k + channel - (channels >> 1), 0), slices.length - 1);
    const slice = slices[index]!;
    if (!isSameGrid(slice.geometry, geometry) || slice.channels !== 1) {
      throw new RefineError(
        "shape-mismatch",
        `Slice ${index} is not a single-channel image of the grid of slice ${k}.`,
      );
    }
    const values = slice.data;
    for (let pixel = 0, at = channel; pixel < values.length; pixel++, at += channels) data[at] = values[pixel]!;
  }
  return { geometry, channels, data };
}
