import { RefineError } from "../errors.ts";
import type { ImageGeometry } from "../geometry/geometry.ts";
import { isSameGrid, requireGridLength } from "../kernels/grid.ts";
import type { Mask } from "./mask.ts";

/** Tight box around pixels; inclusive pixel indices. */
export interface PixelBox {
  readonly xMin: number;
  readonly yMin: number;
  readonly xMax: number;
  readonly yMax: number;
}

/** A mask without a pixel. */
export function emptyMask(geometry: ImageGeometry): Mask {
  return { geometry, data: new Uint8Array(geometry.columns * geometry.rows) };
}

/** 1 where `values > threshold` (NaN counts as below). @throws RefineError `shape-mismatch`. */
export function maskAbove(values: ArrayLike<number>, geometry: ImageGeometry, threshold: number): Mask {
  requireGridLength("Threshold", values.length, geometry);
  const data = new Uint8Array(values.length);
  // Nothing is written where the mask stays empty, which is nearly everywhere.
  for (let i = 0; i < data.length; i++) if ((values[i] as number) > threshold) data[i] = 1;
  return { geometry, data };
}

/** Number of foreground pixels. */
export function maskArea(mask: Mask): number {
  const { data } = mask;
  let area = 0;
  // By index: iterating a typed array is many times slower, and this runs for every class of every slice.
  for (let i = 0; i < data.length; i++) area += data[i] as number;
  return area;
}

/** Tight box of the foreground, undefined for an empty mask. */
export function maskBox(mask: Mask): PixelBox | undefined {
  const { columns, rows } = mask.geometry;
  let xMin = columns;
  let xMax = -1;
  let yMin = rows;
  let yMax = -1;
  for (let y = 0; y < rows; y++) {
    const first = mask.data.indexOf(1, y * columns);
    if (first === -1) break;
    // Straight to its row: looking again from every empty row would take the square of the time.
    y = Math.floor(first / columns);
    const offset = y * columns;
    const last = mask.data.lastIndexOf(1, offset + columns - 1);
    xMin = Math.min(xMin, first - offset);
    xMax = Math.max(xMax, last - offset);
    if (yMin > y) yMin = y;
    yMax = y;
  }
  return yMax < 0 ? undefined : { xMin, yMin, xMax, yMax };
}

/** Pixels of both masks. @throws RefineError `shape-mismatch` when the grids differ. */
export function intersectionArea(a: Mask, b: Mask): number {
  requireSameGrid("Overlap", a.geometry, b.geometry);
  let area = 0;
  for (let i = 0; i < a.data.length; i++) area += (a.data[i] as number) & (b.data[i] as number);
  return area;
}

/** @throws RefineError `shape-mismatch` naming both sizes. */
export function requireSameGrid(what: string, a: ImageGeometry, b: ImageGeometry): void {
  if (isSameGrid(a, b)) return;
  throw new RefineError(
    "shape-mismatch",
    `${what}: one grid has ${a.columns} columns x ${a.rows} rows, the other ${b.columns} x ${b.rows}.`,
    { hint: "Bring both masks to one grid first." },
  );
}
