import type { Point } from "./outline.ts";

/** A rectangle of an image with a shape in it. Pixel (0, 0) of the patch is pixel (x, y) of the image. */
export interface Patch {
  readonly x: number;
  readonly y: number;
  readonly columns: number;
  readonly rows: number;
  /** 1 where the pixel's centre lies inside the polygon (even-odd rule). */
  readonly inside: Uint8Array;
  /** Distance of the pixel's centre to the outline in pixels, never more than `band`. */
  readonly distance: Float32Array;
  readonly band: number;
}

/**
 * Rasterises a polygon given in pixel coordinates (pixel centres at integers).
 *
 * @param band how far from the outline distances are exact, in pixels.
 * @returns undefined when the polygon lies outside the image.
 */
export function rasterise(
  polygon: readonly Point[],
  image: { readonly columns: number; readonly rows: number },
  band: number,
): Patch | undefined {
  let xMin = Number.POSITIVE_INFINITY;
  let yMin = Number.POSITIVE_INFINITY;
  let xMax = Number.NEGATIVE_INFINITY;
  let yMax = Number.NEGATIVE_INFINITY;
  for (const [px, py] of polygon) {
    xMin = Math.min(xMin, px);
    yMin = Math.min(yMin, py);
    xMax = Math.max(xMax, px);
    yMax = Math.max(yMax, py);
  }
  const x = Math.max(0, Math.floor(xMin) - 1);
  const y = Math.max(0, Math.floor(yMin) - 1);
  const columns = Math.min(image.columns - 1, Math.ceil(xMax) + 1) - x + 1;
  const rows = Math.min(image.rows - 1, Math.ceil(yMax) + 1) - y + 1;
  if (columns <= 0 || rows <= 0) return undefined;
  const frame = { x, y, columns, rows };
  return { ...frame, band, inside: fill(polygon, frame), distance: bandDistance(polygon, frame, band) };
}

type Frame = Pick<Patch, "x" | "y" | "columns" | "rows">;

function fill(polygon: readonly Point[], frame: Frame): Uint8Array {
  const inside = new Uint8Array(frame.columns * frame.rows);
  for (let row = 0; row < frame.rows; row++) {
    const level = frame.y + row;
    const crossings: number[] = [];
    for (let i = 0; i < polygon.length; i++) {
      const a = polygon[i]!;
      const b = polygon[(i + 1) % polygon.length]!;
      if (a[1] <= level === b[1] <= level) continue;
      crossings.push(a[0] + ((level - a[1]) / (b[1] - a[1])) * (b[0] - a[0]));
    }
    crossings.sort((p, q) => p - q);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const from = Math.max(0, Math.ceil(crossings[i]! - frame.x));
      const to = Math.min(frame.columns - 1, Math.floor(crossings[i + 1]! - frame.x));
      if (from <= to) inside.fill(1, row * frame.columns + from, row * frame.columns + to + 1);
    }
  }
  return inside;
}

function bandDistance(polygon: readonly Point[], frame: Frame, band: number): Float32Array {
  const squared = new Float32Array(frame.columns * frame.rows).fill(band * band);
  for (let i = 0; i < polygon.length; i++) {
    stampSegment(squared, frame, band, polygon[i]!, polygon[(i + 1) % polygon.length]!);
  }
  for (let i = 0; i < squared.length; i++) squared[i] = Math.sqrt(squared[i]!);
  return squared;
}

function stampSegment(squared: Float32Array, frame: Frame, band: number, a: Point, b: Point): void {
  const dx = b[0] - a[0];
  const dy = b[1] - a[1];
  const lengthSquared = Math.max(dx * dx + dy * dy, 1e-12);
  const left = Math.max(0, Math.floor(Math.min(a[0], b[0]) - band) - frame.x);
  const right = Math.min(frame.columns - 1, Math.ceil(Math.max(a[0], b[0]) + band) - frame.x);
  const top = Math.max(0, Math.floor(Math.min(a[1], b[1]) - band) - frame.y);
  const bottom = Math.min(frame.rows - 1, Math.ceil(Math.max(a[1], b[1]) + band) - frame.y);
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const px = frame.x + column - a[0];
      const py = frame.y + row - a[1];
      const t = Math.min(Math.max((px * dx + py * dy) / lengthSquared, 0), 1);
      const ex = px - t * dx;
      const ey = py - t * dy;
      const at = row * frame.columns + column;
      const d = ex * ex + ey * ey;
      if (d < squared[at]!) squared[at] = d;
    }
  }
}
