import type { ImageGeometry } from "../geometry/geometry.ts";
import type { Mask } from "../mask/mask.ts";
import { maskBox } from "../mask/measure.ts";
import type { Random } from "../random.ts";
import type { BoxPrompt } from "./prompt.ts";

/** How a box prompt is made of the tight box of a mask. */
export interface BoxRule {
  /** Added on every side, in pixels of `pixelFrame`. */
  readonly marginPixels: number;
  /** Added on every side, as a share of the box's own width or height. */
  readonly marginFraction: number;
  /**
   * `inclusive` (default): the right and lower edge are the last foreground pixel's index, clipped to the last column and
   * row. `exclusive`: one more, clipped to columns and rows, as boxes of contours are (SAM-Match).
   */
  readonly edges?: "inclusive" | "exclusive";
  /** A narrower side is widened symmetrically to this many pixels of the mask's grid before the margins. Default 1. */
  readonly minimumSide?: number;
  /**
   * Every side moves outwards by another 0..jitterPixels whole pixels of `pixelFrame`, drawn for itself (MedSAM's training
   * boxes). Default 0.
   */
  readonly jitterPixels?: number;
  /**
   * Whose pixels `marginPixels` and `jitterPixels` count. `grid` (default): the mask's own, which is the network's grid in a
   * plan. `sam`: those of SAM's input, in which the longer side of the image has 1024 pixels, so that a box grows by the
   * same part of the image whatever the network's grid is (MedSAM states its margins so).
   */
  readonly pixelFrame?: "grid" | "sam";
}

/** Pixels along the longer side of the image in SAM's input. */
const SAM_FRAME_SIDE = 1024;

/**
 * Box prompt of a mask in the pixel frame of its grid, clipped to the grid; undefined for an empty mask.
 * @param image whose extent the grid covers; only `pixelFrame: "sam"` looks at it. Default: the grid itself.
 * @param random needed for jitter; without it there is none.
 */
export function boxOfMask(
  mask: Mask,
  rule: BoxRule,
  { image = mask.geometry, random }: { readonly image?: ImageGeometry; readonly random?: Random } = {},
): BoxPrompt | undefined {
  const tight = maskBox(mask);
  if (tight === undefined) return undefined;
  const { columns, rows } = mask.geometry;
  const imagePixels = Math.max(image.columns, image.rows) / SAM_FRAME_SIDE;
  const isGrid = rule.pixelFrame !== "sam";
  const pixelX = isGrid ? 1 : (imagePixels * columns) / image.columns;
  const pixelY = isGrid ? 1 : (imagePixels * rows) / image.rows;
  const [xMin, xMax] = growSide(tight.xMin, tight.xMax, columns, rule, pixelX, random);
  const [yMin, yMax] = growSide(tight.yMin, tight.yMax, rows, rule, pixelY, random);
  return { xMin, yMin, xMax, yMax };
}

/**
 * Whether a box spans a single row or column: its edges are pixel indices, so that they fall together, and SAM learns nothing
 * of the object's extent across. `BoxRule.minimumSide` widens such boxes.
 */
export function isDegenerateBox({ xMin, yMin, xMax, yMax }: BoxPrompt): boolean {
  return xMax - xMin < 1 || yMax - yMin < 1;
}

/** @param pixel size of a pixel of the rule's frame, in pixels of the grid. */
function growSide(
  low: number,
  high: number,
  length: number,
  rule: BoxRule,
  pixel: number,
  random: Random | undefined,
): readonly [low: number, high: number] {
  const side = high - low + 1;
  const widening = Math.max(0, (rule.minimumSide ?? 1) - side) / 2;
  const margin = widening + pixel * rule.marginPixels + rule.marginFraction * side;
  const extra = rule.edges === "exclusive" ? 1 : 0;
  const jitter = (): number => pixel * (random?.integer((rule.jitterPixels ?? 0) + 1) ?? 0);
  return [Math.max(0, low - margin - jitter()), Math.min(length - 1 + extra, high + extra + margin + jitter())];
}
