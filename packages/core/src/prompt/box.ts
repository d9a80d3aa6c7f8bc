import type { Mask } from "../mask/mask.ts";
import { maskBox } from "../mask/measure.ts";
import type { Random } from "../random.ts";
import type { BoxPrompt } from "./prompt.ts";

/** How a box prompt is made of the tight box of a mask. */
export interface BoxRule {
  /** Added on every side, in pixels of the mask's grid. */
  readonly marginPixels: number;
  /** Added on every side, as a share of the box's own width or height. */
  readonly marginFraction: number;
  /**
   * `inclusive` (default): the right and lower edge are the last foreground pixel's index, clipped to the last column and
   * row. `exclusive`: one more, clipped to columns and rows, as boxes of contours are (SAM-Match).
   */
  readonly edges?: "inclusive" | "exclusive";
  /** A narrower side is widened symmetrically to this many pixels before the margins. Default 1. */
  readonly minimumSide?: number;
  /** Every side moves outwards by another 0..jitterPixels whole pixels, drawn for itself (MedSAM's training boxes). Default 0. */
  readonly jitterPixels?: number;
}

/**
 * Box prompt of a mask in the pixel frame of its grid, clipped to the grid; undefined for an empty mask.
 * @param random needed for jitter; without it there is none.
 */
export function boxOfMask(mask: Mask, rule: BoxRule, random?: Random): BoxPrompt | undefined {
  const tight = maskBox(mask);
  if (tight === undefined) return undefined;
  const { columns, rows } = mask.geometry;
  const [xMin, xMax] = growSide(tight.xMin, tight.xMax, columns, rule, random);
  const [yMin, yMax] = growSide(tight.yMin, tight.yMax, rows, rule, random);
  return { xMin, yMin, xMax, yMax };
}

function growSide(
  low: number,
  high: number,
  length: number,
  rule: BoxRule,
  random: Random | undefined,
): readonly [low: number, high: number] {
  const side = high - low + 1;
  const widening = Math.max(0, (rule.minimumSide ?? 1) - side) / 2;
  const margin = widening + rule.marginPixels + rule.marginFraction * side;
  const extra = rule.edges === "exclusive" ? 1 : 0;
  const jitter = (): number => random?.integer((rule.jitterPixels ?? 0) + 1) ?? 0;
  return [Math.max(0, low - margin - jitter()), Math.min(length - 1 + extra, high + extra + margin + jitter())];
}
