import { RefineError } from "../errors.ts";
import type { Mask } from "./mask.ts";

export type MorphologyOperation = "erode" | "dilate" | "open" | "close";
export type StructuringElement = "square" | "disk" | "diamond" | "star";

/**
 * A structuring element as one horizontal interval per row: offsets (dx, dy) with `left <= dx <= right`. All our elements
 * are convex enough for that, and a dilation then paints whole runs instead of single pixels.
 */
export type Footprint = readonly { readonly dy: number; readonly left: number; readonly right: number }[];

/**
 * The elements of scikit-image, as the reference method uses them:
 * square(r) is r x r pixels (an even side reaches one pixel further to the negative side: its origin has index r / 2),
 * disk(r) = dx² + dy² <= r², diamond(r) = |dx| + |dy| <= r, star(r) = the square of side 2r + 1 and the diamond of
 * radius r + floor(r / 2) together. Radius 0 is the single pixel.
 *
 * @throws RefineError `configuration` unless the radius is a whole number >= 0.
 */
export function footprintOf(element: StructuringElement, radius: number): Footprint {
  if (!Number.isInteger(radius) || radius < 0) {
    throw new RefineError(
      "configuration",
      `The radius of a structuring element must be a whole number, found ${radius}.`,
    );
  }
  if (radius === 0) return [{ dy: 0, left: 0, right: 0 }];
  if (element === "square") {
    const low = -Math.floor(radius / 2);
    const high = low + radius - 1;
    return rowsBetween(low, high, () => [low, high]);
  }
  if (element === "star") {
    const reach = radius + Math.floor(radius / 2);
    return rowsBetween(-reach, reach, (dy) => {
      const half = Math.max(Math.abs(dy) <= radius ? radius : 0, reach - Math.abs(dy));
      return [-half, half];
    });
  }
  return rowsBetween(-radius, radius, (dy) => {
    const half = element === "diamond" ? radius - Math.abs(dy) : Math.floor(Math.sqrt(radius * radius - dy * dy));
    return [-half, half];
  });
}

function rowsBetween(low: number, high: number, interval: (dy: number) => readonly [number, number]): Footprint {
  return Array.from({ length: high - low + 1 }, (_, i) => {
    const [left, right] = interval(low + i);
    return { dy: low + i, left, right };
  });
}

/**
 * Erosion, dilation, opening or closing of a mask with an exact element.
 *
 * Erosion and dilation look at the window p + offset, both with the same origin, as Kornia does: an even square therefore
 * dilates one pixel further to the right and down. Beyond the border lies neither foreground (dilation) nor background
 * (erosion). Opening and closing use the mirrored window for their second half, so that they do not shift the mask.
 *
 * @throws RefineError `configuration` unless the radius is a whole number >= 0.
 */
export function morphMask(
  mask: Mask,
  operation: MorphologyOperation,
  element: StructuringElement,
  radius: number,
): Mask {
  const { columns, rows } = mask.geometry;
  const footprint = footprintOf(element, radius);
  const mirrored = footprint.map(({ dy, left, right }) => ({ dy: -dy, left: -right, right: -left }));
  const dilate = (data: Uint8Array, window: Footprint) => paintRuns(data, columns, rows, window);
  const erode = (data: Uint8Array, window: Footprint) => invert(dilate(invert(data), window));
  const { geometry, data } = mask;
  if (operation === "erode") return { geometry, data: erode(data, footprint) };
  if (operation === "dilate") return { geometry, data: dilate(data, footprint) };
  if (operation === "open") return { geometry, data: dilate(erode(data, footprint), mirrored) };
  return { geometry, data: erode(dilate(data, footprint), mirrored) };
}

/** out(p) = 1 when in(p + offset) = 1 for an offset of the window: every run of ones paints one run per window row. */
function paintRuns(data: Uint8Array, columns: number, rows: number, window: Footprint): Uint8Array {
  const result = new Uint8Array(data.length);
  for (let y = 0; y < rows; y++) {
    const offset = y * columns;
    const line = data.subarray(offset, offset + columns);
    for (let begin = line.indexOf(1); begin !== -1; ) {
      const gap = line.indexOf(0, begin);
      const end = gap === -1 ? columns : gap;
      for (const { dy, left, right } of window) {
        const row = y - dy;
        if (row < 0 || row >= rows) continue;
        const first = Math.max(0, begin - right);
        const last = Math.min(columns, end - left);
        if (first < last) result.fill(1, row * columns + first, row * columns + last);
      }
      begin = end === columns ? -1 : line.indexOf(1, end);
    }
  }
  return result;
}

function invert(data: Uint8Array): Uint8Array {
  return data.map((value) => 1 - value);
}
