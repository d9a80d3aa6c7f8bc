import { type ComponentLabels, labelComponents2D } from "../kernels/components.ts";
import type { Mask } from "./mask.ts";
import { maskBox, type PixelBox } from "./measure.ts";

/** One 8-connected component of a mask. */
export interface MaskComponent {
  readonly mask: Mask;
  readonly area: number;
  readonly box: PixelBox;
  /** Mean of the probability over the component; 1 where no probability is known. */
  readonly meanProbability: number;
}

export type ComponentRule = "largest" | "highest-probability" | "largest-box" | "all";

interface Tally {
  area: number;
  probability: number;
  lastPixel: number;
  xMin: number;
  yMin: number;
  xMax: number;
  yMax: number;
}

function tallyComponents(
  mask: Mask,
  probability: Float32Array | undefined,
  connectivity: 4 | 8,
): { labels: ComponentLabels["labels"]; tallies: Tally[] } {
  const { columns, rows } = mask.geometry;
  const { labels, count } = labelComponents2D(mask.data, mask.geometry, connectivity);
  const box = maskBox(mask);
  if (box === undefined) return { labels, tallies: [] };
  const tallies = Array.from(
    { length: count },
    (): Tally => ({ area: 0, probability: 0, lastPixel: -1, xMin: columns, yMin: rows, xMax: -1, yMax: -1 }),
  );
  for (let y = box.yMin; y <= box.yMax; y++) {
    for (let x = box.xMin; x <= box.xMax; x++) {
      const pixel = y * columns + x;
      const label = labels[pixel] as number;
      if (label === 0) continue;
      const tally = tallies[label - 1] as Tally;
      tally.area++;
      tally.probability += probability?.[pixel] ?? 1;
      tally.lastPixel = pixel;
      tally.xMin = Math.min(tally.xMin, x);
      tally.xMax = Math.max(tally.xMax, x);
      tally.yMin = Math.min(tally.yMin, y);
      tally.yMax = y;
    }
  }
  return { labels, tallies };
}

/**
 * Keeps one or all connected components of at least `minimumArea` pixels. Nothing large enough gives an empty mask; a mask
 * that loses nothing is returned as it is.
 *
 * - `largest`: most pixels;
 * - `highest-probability`: largest mean of `probability` over the component (without probability: `largest`);
 * - `largest-box`: largest bounding box, as SAM-Match prompts;
 * - `all`.
 *
 * Ties go to the component whose last pixel in raster order comes first (methods: SAM Carries the Burden, step 1).
 *
 * @throws RefineError `shape-mismatch`.
 */
export function selectComponent(
  mask: Mask,
  rule: ComponentRule,
  minimumArea: number,
  probability?: Float32Array,
  connectivity: 4 | 8 = 8,
): Mask {
  const { labels, tallies } = tallyComponents(mask, probability, connectivity);
  const kept = new Uint8Array(tallies.length + 1);
  if (rule === "all") {
    for (const [index, tally] of tallies.entries()) if (tally.area >= minimumArea) kept[index + 1] = 1;
  } else {
    const score = scoreOf(probability === undefined && rule === "highest-probability" ? "largest" : rule);
    let winner = 0;
    let best: Tally | undefined;
    for (const [index, tally] of tallies.entries()) {
      if (tally.area < minimumArea) continue;
      const lead = best === undefined ? 1 : score(tally) - score(best);
      if (lead < 0 || (lead === 0 && best !== undefined && tally.lastPixel > best.lastPixel)) continue;
      best = tally;
      winner = index + 1;
    }
    if (winner > 0) kept[winner] = 1;
  }
  if (!kept.includes(0, 1)) return mask;
  const data = new Uint8Array(labels.length);
  for (let i = 0; i < data.length; i++) data[i] = kept[labels[i] as number] as number;
  return { geometry: mask.geometry, data };
}

function scoreOf(rule: Exclude<ComponentRule, "all">): (tally: Tally) => number {
  if (rule === "largest") return (tally) => tally.area;
  if (rule === "highest-probability") return (tally) => tally.probability / tally.area;
  return (tally) => (tally.xMax - tally.xMin + 1) * (tally.yMax - tally.yMin + 1);
}

/** All 8-connected components, in raster order of their first pixel. @throws RefineError `shape-mismatch`. */
export function splitComponents(mask: Mask, probability?: Float32Array): MaskComponent[] {
  const { labels, tallies } = tallyComponents(mask, probability, 8);
  return tallies.map(({ area, probability: sum, xMin, yMin, xMax, yMax }, index) => {
    const data = new Uint8Array(labels.length);
    for (let i = 0; i < data.length; i++) data[i] = labels[i] === index + 1 ? 1 : 0;
    return {
      mask: { geometry: mask.geometry, data },
      area,
      box: { xMin, yMin, xMax, yMax },
      meanProbability: sum / area,
    };
  });
}
