import { type Image2D, type IntensityTransform, neighbouringSlices, networkInput, RefineError } from "@samrefine/core";
import type { SegmentationManifest } from "@samrefine/models";
import { gridGeometry, networkGrid } from "./network-grid.ts";

/** Leaves values as they are. */
const UNCHANGED: IntensityTransform = {
  lower: Number.NEGATIVE_INFINITY,
  upper: Number.POSITIVE_INFINITY,
  subtract: 0,
  multiply: 1,
};

/** An image that is ready for a network, and the intensity transform to give with it. */
export interface NetworkImage {
  readonly image: Image2D;
  readonly intensity: IntensityTransform;
}

/**
 * The image that a U-Net sees, on the network's grid and with its intensities: {@link Segmenter.segment} gives the same for it,
 * bit for bit, as for the slices stacked at full size. Of a large slice only the pixels that the grid touches are read, and only
 * the grid has to cross to a worker. A network with a spacing of its own gets the slices at full size.
 *
 * @param slices single-channel images of one grid, one per channel of the network: the slice itself, or it with its neighbours
 *   in ascending position (2.5D).
 * @throws RefineError `shape-mismatch` when the slices are not one per channel or of one grid.
 */
export function networkImage(
  slices: readonly Image2D[],
  manifest: SegmentationManifest,
  intensity: IntensityTransform,
): NetworkImage {
  const { channels } = manifest.input;
  const middle = slices[slices.length >> 1];
  if (!middle || slices.length !== channels) {
    throw new RefineError(
      "shape-mismatch",
      `The model ${manifest.id} takes ${channels} slice(s) at a time; found ${slices.length}.`,
      { details: { model: manifest.id, found: slices.length, expected: channels } },
    );
  }
  if (manifest.spacingMm) {
    // Half a pixel decides the size of such a grid; worked out again from the grid's own spacing it could fall the other way.
    return { image: neighbouringSlices(slices, slices.length >> 1, channels), intensity };
  }
  const grid = networkGrid(middle.geometry, manifest);
  const pixels = grid.rows * grid.columns;
  const data = new Float32Array(pixels * channels);
  for (const [channel, slice] of slices.entries()) {
    const { rows, columns } = slice.geometry;
    if (slice.channels !== 1 || rows !== middle.geometry.rows || columns !== middle.geometry.columns) {
      throw new RefineError(
        "shape-mismatch",
        `Slice ${channel} is not a single-channel image of ${middle.geometry.columns} x ${middle.geometry.rows} pixels.`,
      );
    }
    const values = networkInput(slice, intensity, grid);
    for (let pixel = 0, at = channel; pixel < pixels; pixel++, at += channels) data[at] = values[pixel]!;
  }
  return { image: { geometry: gridGeometry(middle.geometry, grid), channels, data }, intensity: UNCHANGED };
}
