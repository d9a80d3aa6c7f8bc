import { type GridSize, type ImageGeometry, RefineError } from "@samrefine/core";
import type { SegmentationManifest } from "@samrefine/models";

/**
 * The grid that a network works on, over the extent of the image: its own for a network that sees the whole image at once,
 * the image resampled to the network's spacing, or the image's own pixels.
 *
 * @throws RefineError `invalid-geometry` when the network wants a spacing and the image has none.
 */
export function networkGrid(image: ImageGeometry, manifest: SegmentationManifest): GridSize {
  const { spacingMm, tiling, input } = manifest;
  if (spacingMm) {
    if (!image.spacingMm) {
      throw new RefineError(
        "invalid-geometry",
        `The model ${manifest.id} works at ${spacingMm.x} x ${spacingMm.y} mm, but the image says no pixel spacing.`,
        { hint: "Choose a model that needs no spacing.", details: { model: manifest.id } },
      );
    }
    return {
      rows: Math.max(1, Math.round((image.rows * image.spacingMm.y) / spacingMm.y)),
      columns: Math.max(1, Math.round((image.columns * image.spacingMm.x) / spacingMm.x)),
    };
  }
  return tiling ? { rows: image.rows, columns: image.columns } : { rows: input.rows, columns: input.columns };
}

/** A grid over the extent of an image, with the spacing that this makes. */
export function gridGeometry(image: ImageGeometry, grid: GridSize): ImageGeometry {
  const { spacingMm } = image;
  if (!spacingMm) return grid;
  return {
    ...grid,
    spacingMm: { x: (spacingMm.x * image.columns) / grid.columns, y: (spacingMm.y * image.rows) / grid.rows },
  };
}

/** A grid in the middle of another that is at least as large as a window. */
export interface PaddedGrid {
  readonly grid: GridSize;
  readonly padded: GridSize;
  readonly top: number;
  readonly left: number;
}

export function padToWindow(grid: GridSize, window: GridSize): PaddedGrid {
  const padded = { rows: Math.max(grid.rows, window.rows), columns: Math.max(grid.columns, window.columns) };
  return {
    grid,
    padded,
    top: (padded.rows - grid.rows) >> 1,
    left: (padded.columns - grid.columns) >> 1,
  };
}

/** Planar values with zeros around them: 0 is what the network's intensities are centred on. */
export function padPlanes(planes: Float32Array, { grid, padded, top, left }: PaddedGrid): Float32Array {
  if (grid.rows === padded.rows && grid.columns === padded.columns) return planes;
  const channels = planes.length / (grid.rows * grid.columns);
  const result = new Float32Array(channels * padded.rows * padded.columns);
  for (let line = 0; line < channels * grid.rows; line++) {
    const channel = Math.floor(line / grid.rows);
    const row = line % grid.rows;
    const target = (channel * padded.rows + top + row) * padded.columns + left;
    result.set(planes.subarray(line * grid.columns, (line + 1) * grid.columns), target);
  }
  return result;
}

/** What {@link padPlanes} put in, out again. */
export function cropPlanes(planes: Float32Array, { grid, padded, top, left }: PaddedGrid): Float32Array {
  if (grid.rows === padded.rows && grid.columns === padded.columns) return planes;
  const channels = planes.length / (padded.rows * padded.columns);
  const result = new Float32Array(channels * grid.rows * grid.columns);
  for (let line = 0; line < channels * grid.rows; line++) {
    const channel = Math.floor(line / grid.rows);
    const row = line % grid.rows;
    const source = (channel * padded.rows + top + row) * padded.columns + left;
    result.set(planes.subarray(source, source + grid.columns), line * grid.columns);
  }
  return result;
}
