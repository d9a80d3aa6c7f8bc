import { distanceTransform2D } from "../kernels/distance-transform.ts";
import { roundHalfEven } from "../kernels/scalar.ts";
import type { Mask } from "../mask/mask.ts";
import { maskBox } from "../mask/measure.ts";
import type { Random } from "../random.ts";

/** A pixel: x = column, y = row. */
export interface PixelPoint {
  readonly x: number;
  readonly y: number;
}

/**
 * The pixels of a mask that no other mask claims. Points are taken from them, so that one class's foreground is never
 * another's (methods: SAM Carries the Burden, step 3).
 *
 * @param others masks on the same grid; `mask` itself may be among them.
 */
export function exclusivePixels(mask: Mask, others: readonly Mask[]): Mask {
  const data = mask.data.slice();
  const box = maskBox(mask);
  if (box === undefined) return { geometry: mask.geometry, data };
  for (const other of others) {
    if (other === mask) continue;
    for (let y = box.yMin; y <= box.yMax; y++) {
      const end = y * mask.geometry.columns + box.xMax;
      for (let i = y * mask.geometry.columns + box.xMin; i <= end; i++) if (other.data[i] !== 0) data[i] = 0;
    }
  }
  return { geometry: mask.geometry, data };
}

/** Mean of the pixel indices, not rounded; undefined for an empty mask. */
export function maskCentroid(mask: Mask): PixelPoint | undefined {
  const { columns } = mask.geometry;
  let count = 0;
  let x = 0;
  let y = 0;
  for (let pixel = 0; pixel < mask.data.length; pixel++) {
    if (mask.data[pixel] === 0) continue;
    count++;
    x += pixel % columns;
    y += Math.floor(pixel / columns);
  }
  return count === 0 ? undefined : { x: x / count, y: y / count };
}

/** The centroid, each coordinate rounded half to even. In a ring or a crescent it may lie outside the mask. */
export function centroidSeed(mask: Mask): PixelPoint | undefined {
  const centroid = maskCentroid(mask);
  return centroid && { x: roundHalfEven(centroid.x), y: roundHalfEven(centroid.y) };
}

/** The mask's pixel nearest to its centroid; ties to the first in raster order. */
export function snappedCentroidSeed(mask: Mask): PixelPoint | undefined {
  const centroid = maskCentroid(mask);
  if (centroid === undefined) return undefined;
  return bestPixel(mask, (_, x, y) => -((x - centroid.x) ** 2 + (y - centroid.y) ** 2));
}

/**
 * The pixel farthest from everything outside the mask, the space beyond the image's border included; ties to the first in
 * raster order. Distances are in pixels of the grid.
 */
export function distanceTransformSeed(mask: Mask): PixelPoint | undefined {
  const box = maskBox(mask);
  if (box === undefined) return undefined;
  // All that lies outside the box is background, so the box with a rim of one pixel decides every distance.
  const size = { columns: box.xMax - box.xMin + 3, rows: box.yMax - box.yMin + 3 };
  const cropped = new Uint8Array(size.columns * size.rows);
  for (let y = box.yMin; y <= box.yMax; y++) {
    const source = y * mask.geometry.columns;
    cropped.set(mask.data.subarray(source + box.xMin, source + box.xMax + 1), (y - box.yMin + 1) * size.columns + 1);
  }
  const distance = distanceTransform2D(cropped, size);
  const seed = bestPixel({ geometry: size, data: cropped }, (pixel) => distance[pixel] as number);
  return seed && { x: seed.x + box.xMin - 1, y: seed.y + box.yMin - 1 };
}

/** The mask's pixel of highest probability; ties to the first in raster order. */
export function argMaxSeed(mask: Mask, probability: Float32Array): PixelPoint | undefined {
  return bestPixel(mask, (pixel) => probability[pixel] as number);
}

/** The pixel of lowest probability in the whole image, inside the mask or not; the first in raster order. */
export function argMinPoint(probability: ArrayLike<number>, columns: number): PixelPoint | undefined {
  let best = -1;
  for (let i = 0; i < probability.length; i++) {
    if (best === -1 || (probability[i] as number) < (probability[best] as number)) best = i;
  }
  return best === -1 ? undefined : { x: best % columns, y: Math.floor(best / columns) };
}

/** Up to `count` different pixels of the mask, drawn uniformly. */
export function randomSeeds(mask: Mask, count: number, random: Random): PixelPoint[] {
  const pixels: number[] = [];
  for (let pixel = 0; pixel < mask.data.length; pixel++) if (mask.data[pixel] !== 0) pixels.push(pixel);
  const { columns } = mask.geometry;
  return random
    .shuffle(pixels)
    .slice(0, count)
    .map((pixel) => ({ x: pixel % columns, y: Math.floor(pixel / columns) }));
}

function bestPixel(mask: Mask, score: (pixel: number, x: number, y: number) => number): PixelPoint | undefined {
  const { columns } = mask.geometry;
  let best: PixelPoint | undefined;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (let pixel = 0; pixel < mask.data.length; pixel++) {
    if (mask.data[pixel] === 0) continue;
    const x = pixel % columns;
    const y = Math.floor(pixel / columns);
    const current = score(pixel, x, y);
    if (best !== undefined && current <= bestScore) continue;
    best = { x, y };
    bestScore = current;
  }
  return best;
}
