import type { ImageGeometry } from "../geometry/geometry.ts";
import { resizeBilinearNear } from "../kernels/resize.ts";
import type { Mask } from "../mask/mask.ts";
import { maskBox, type PixelBox } from "../mask/measure.ts";

/** Logits of one class on a part of a grid, row-major over the box; outside of it they are not positive. */
export interface LogitPatch {
  readonly box: PixelBox;
  readonly data: Float32Array;
}

/** Logits of a whole grid as a patch. */
export function wholePatch(data: Float32Array, { columns, rows }: ImageGeometry): LogitPatch {
  return { box: { xMin: 0, yMin: 0, xMax: columns - 1, yMax: rows - 1 }, data };
}

/**
 * Logits that are positive exactly on `mask`, enlarged to `to` where they can be positive there. That is most of the time of a
 * plan without SAM, and most of its memory.
 *
 * @param mask on the grid of the logits, with a pixel at least.
 * @throws RefineError `shape-mismatch`.
 */
export function enlargePatch(logits: Float32Array, mask: Mask, to: ImageGeometry): LogitPatch {
  const { geometry } = mask;
  const box = maskBox(mask) ?? { xMin: 0, yMin: 0, xMax: geometry.columns - 1, yMax: geometry.rows - 1 };
  return resizeBilinearNear(logits, geometry, to, box);
}

/** 1 where the patch is positive. */
export function maskOfPatch({ box, data }: LogitPatch, geometry: ImageGeometry): Mask {
  const mask = new Uint8Array(geometry.columns * geometry.rows);
  let source = 0;
  for (let y = box.yMin; y <= box.yMax; y++) {
    const end = y * geometry.columns + box.xMax;
    for (let i = y * geometry.columns + box.xMin; i <= end; i++) if ((data[source++] as number) > 0) mask[i] = 1;
  }
  return { geometry, data: mask };
}
