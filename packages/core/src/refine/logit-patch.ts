import type { ImageGeometry } from "../geometry/geometry.ts";
import type { GridSize } from "../kernels/grid.ts";
import { reachOfBox, resizeBilinearWithin } from "../kernels/resize.ts";
import type { Mask } from "../mask/mask.ts";
import type { PixelBox } from "../mask/measure.ts";

/**
 * Logits of one class on a part of a grid, row-major over the box. Outside of it they are not above a level that whoever
 * made the patch was asked for: 0 where only the mask matters. A box without a pixel has its maximum below its minimum.
 */
export interface LogitPatch {
  readonly box: PixelBox;
  readonly data: Float32Array;
}

const NOWHERE: PixelBox = { xMin: 0, yMin: 0, xMax: -1, yMax: -1 };

/** Logits of a whole grid as a patch. */
export function wholePatch(data: Float32Array, grid: GridSize): LogitPatch {
  return { box: wholeBox(grid), data };
}

function wholeBox({ columns, rows }: GridSize): PixelBox {
  return { xMin: 0, yMin: 0, xMax: columns - 1, yMax: rows - 1 };
}

/** The box of the logits above a level; of the whole grid for -Infinity. */
export function boxAbove(logits: Float32Array, grid: GridSize, level: number): PixelBox {
  if (level === Number.NEGATIVE_INFINITY) return wholeBox(grid);
  const { columns, rows } = grid;
  let [xMin, yMin, xMax, yMax] = [columns, rows, -1, -1];
  for (let y = 0; y < rows; y++) {
    const start = y * columns;
    const end = start + columns;
    let first = start;
    while (first < end && !((logits[first] as number) > level)) first++;
    if (first === end) continue;
    let last = end - 1;
    while (!((logits[last] as number) > level)) last--;
    xMin = Math.min(xMin, first - start);
    xMax = Math.max(xMax, last - start);
    yMin = Math.min(yMin, y);
    yMax = y;
  }
  return yMax < 0 ? NOWHERE : { xMin, yMin, xMax, yMax };
}

/** The box around several; boxes without a pixel do not count. */
export function unionBox(boxes: readonly PixelBox[]): PixelBox {
  let union = NOWHERE;
  for (const box of boxes) {
    if (isEmpty(box)) continue;
    union = isEmpty(union)
      ? box
      : {
          xMin: Math.min(union.xMin, box.xMin),
          yMin: Math.min(union.yMin, box.yMin),
          xMax: Math.max(union.xMax, box.xMax),
          yMax: Math.max(union.yMax, box.yMax),
        };
  }
  return union;
}

function isEmpty({ xMin, yMin, xMax, yMax }: PixelBox): boolean {
  return xMax < xMin || yMax < yMin;
}

/** Where in `to` logits of `from`, enlarged, can be above a level: a weighted mean exceeds it only if one of its parts does. */
export function reachAbove(logits: Float32Array, from: GridSize, to: GridSize, level: number): PixelBox {
  return reachOfBox(boxAbove(logits, from, level), from, to);
}

/** Logits of `from`, enlarged, within a box of `to`. @throws RefineError `shape-mismatch`. */
export function enlargeWithin(logits: Float32Array, from: GridSize, to: GridSize, box: PixelBox): LogitPatch {
  return { box, data: resizeBilinearWithin(logits, from, to, box) };
}

/** Logits of `from`, enlarged, where they can be above a level. @throws RefineError `shape-mismatch`. */
export function enlargeAbove(logits: Float32Array, from: GridSize, to: GridSize, level: number): LogitPatch {
  return enlargeWithin(logits, from, to, reachAbove(logits, from, to, level));
}

/** The logits of a box that contains the patch. Around the patch they are `level`, the most that they can be there. */
export function logitsWithin(patch: LogitPatch, box: PixelBox, level: number): Float32Array {
  const width = box.xMax - box.xMin + 1;
  const length = width * (box.yMax - box.yMin + 1);
  if (patch.data.length === length) return patch.data;
  const result = new Float32Array(length).fill(level);
  forEachLine(patch, (line, x, y) => result.set(line, (y - box.yMin) * width + x - box.xMin));
  return result;
}

/** Goes through a patch row by row: its logits from pixel (x, y) on. */
export function forEachLine(
  { box, data }: LogitPatch,
  visit: (line: Float32Array, x: number, y: number) => void,
): void {
  const width = box.xMax - box.xMin + 1;
  for (let y = box.yMin; y <= box.yMax; y++) {
    const start = (y - box.yMin) * width;
    visit(data.subarray(start, start + width), box.xMin, y);
  }
}

/** 1 where the patch is positive. */
export function maskOfPatch({ box, data }: LogitPatch, geometry: ImageGeometry): Mask {
  const mask = new Uint8Array(geometry.columns * geometry.rows);
  const width = box.xMax - box.xMin + 1;
  for (let i = 0; i < data.length; i += width) {
    markPositive(mask, (box.yMin + i / width) * geometry.columns + box.xMin, data, i, width);
  }
  return { geometry, data: mask };
}

/** A row: short functions that are called often run at full speed sooner than a loop over everything. */
function markPositive(mask: Uint8Array, target: number, logits: Float32Array, start: number, length: number): void {
  for (let i = 0; i < length; i++) if ((logits[start + i] as number) > 0) mask[target + i] = 1;
}
