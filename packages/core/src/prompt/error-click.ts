import { distanceTransform2D } from "../kernels/distance-transform.ts";
import type { Mask } from "../mask/mask.ts";
import { emptyMask, requireSameGrid } from "../mask/measure.ts";
import type { Random } from "../random.ts";
import type { PointPrompt } from "./prompt.ts";
import { randomSeeds } from "./seed.ts";

/** Clicks from this one on fall anywhere in the fault; those before it into the middle of the larger one. */
const FIRST_FREE_CLICK = 2;

/**
 * The next click of a simulated annotator who wants `target` and has `current` (SemiSAM, methods 2.3): foreground where
 * something is missing, background where something is too much; undefined when the masks are equal.
 *
 * The first two clicks fall into the fault that is thicker (too much, on a tie), at a pixel whose distance to its outside
 * is more than half of the largest; later ones are drawn from all wrong pixels alike. The border of the image is outside.
 *
 * @param index of the click, from 0.
 * @throws RefineError `shape-mismatch` when the grids differ.
 */
export function errorClick(target: Mask, current: Mask, index: number, random: Random): PointPrompt | undefined {
  requireSameGrid("Error click", target.geometry, current.geometry);
  const missing = emptyMask(target.geometry);
  const excess = emptyMask(target.geometry);
  const wrong = emptyMask(target.geometry);
  for (let i = 0; i < wrong.data.length; i++) {
    if (target.data[i] === current.data[i]) continue;
    wrong.data[i] = 1;
    (target.data[i] === 1 ? missing : excess).data[i] = 1;
  }
  const drawn = index < FIRST_FREE_CLICK ? middleOfThicker(missing, excess) : wrong;
  const [point] = randomSeeds(drawn, 1, random);
  if (point === undefined) return undefined;
  const isMissing = missing.data[point.y * target.geometry.columns + point.x] === 1;
  return { ...point, label: isMissing ? "foreground" : "background" };
}

function middleOfThicker(missing: Mask, excess: Mask): Mask {
  const [a, b] = [paddedDistance(missing), paddedDistance(excess)];
  const isMissing = a.largest > b.largest;
  const { distance, largest } = isMissing ? a : b;
  const { geometry, data } = isMissing ? missing : excess;
  return { geometry, data: data.map((value, i) => (value === 1 && (distance[i] as number) > largest / 2 ? 1 : 0)) };
}

/** Distance to the outside of the mask, the space beyond the image's border included. */
function paddedDistance({ geometry: { columns, rows }, data }: Mask): {
  readonly distance: Float32Array;
  readonly largest: number;
} {
  const size = { columns: columns + 2, rows: rows + 2 };
  const padded = new Uint8Array(size.columns * size.rows);
  for (let y = 0; y < rows; y++) {
    padded.set(data.subarray(y * columns, (y + 1) * columns), (y + 1) * size.columns + 1);
  }
  const whole = distanceTransform2D(padded, size);
  const distance = new Float32Array(data.length);
  let largest = 0;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const value = whole[(y + 1) * size.columns + x + 1] as number;
      distance[y * columns + x] = value;
      if (value > largest) largest = value;
    }
  }
  return { distance, largest };
}
