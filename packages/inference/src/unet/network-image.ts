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
 * One single-channel slice as a U-Net sees it, on the network's grid and with its intensities. Of a large slice only the pixels
 * that the grid touches are read. For a network with a spacing of its own it is the slice itself.
 */
export function networkSlice(slice: Image2D, manifest: SegmentationManifest, intensity: IntensityTransform): Image2D {
  // Half a pixel decides the size of such a grid; worked out again from the grid's own spacing it could fall the other way.
  if (manifest.spacingMm) return slice;
  const grid = networkGrid(slice.geometry, manifest);
  return { geometry: gridGeometry(slice.geometry, grid), channels: 1, data: networkInput(slice, intensity, grid) };
}

/**
 * The image that a U-Net sees: {@link Segmenter.segment} gives the same for it, bit for bit, as for the slices stacked at full
 * size, and only the network's grid has to cross to a worker.
 *
 * @param slices single-channel images of one grid, one per channel of the network: the slice itself, or it with its neighbours
 *   in ascending position (2.5D).
 * @param sample {@link networkSlice}, or something that remembers what it gave: a slice is a neighbour of several others.
 * @throws RefineError `shape-mismatch` when the slices are not one per channel or of one grid.
 */
export function networkImage(
  slices: readonly Image2D[],
  manifest: SegmentationManifest,
  intensity: IntensityTransform,
  sample: typeof networkSlice = networkSlice,
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
  const { rows, columns } = middle.geometry;
  for (const [channel, slice] of slices.entries()) {
    if (slice.channels === 1 && slice.geometry.rows === rows && slice.geometry.columns === columns) continue;
    throw new RefineError(
      "shape-mismatch",
      `Slice ${channel} is not a single-channel image of ${columns} x ${rows} pixels.`,
    );
  }
  const sampled = slices.map((slice) => sample(slice, manifest, intensity));
  return {
    image: neighbouringSlices(sampled, sampled.length >> 1, channels),
    intensity: manifest.spacingMm ? intensity : UNCHANGED,
  };
}
