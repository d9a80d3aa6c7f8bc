import type { Image2D } from "../image/image.ts";
import type { DisplayRange } from "../image/intensity.ts";
import { randomWalker } from "../kernels/random-walker.ts";
import { resizeBilinear } from "../kernels/resize.ts";
import type { Mask } from "../mask/mask.ts";
import { maskAbove, maskArea } from "../mask/measure.ts";
import { morphMask } from "../mask/morphology.ts";
import { logitsOfProbability } from "../prompt/mask-prompt.ts";
import type { CleanUpStep } from "./plan.ts";

export type RandomWalkerStep = Extract<CleanUpStep, { readonly kind: "random-walker" }>;

/** The picture behind the masks, for the steps of a clean-up that look at it. */
export interface ImageSource {
  /** Covers the extent of the masks' grid. */
  readonly image: Image2D;
  /** The window of modality units that becomes 0..255. */
  readonly displayRange: DisplayRange;
}

/** A mask with the logits that it was thresholded from. */
export interface WalkedMask {
  readonly mask: Mask;
  readonly logits: Float32Array;
}

/**
 * Random walker from the masks of all classes and their common background (methods 1.7). Overlapping masks stay allowed:
 * every class is a question of its own. A class whose mask is empty stays empty.
 */
export function walkSegments(masks: readonly Mask[], step: RandomWalkerStep, source: ImageSource): WalkedMask[] {
  const geometry = masks[0]?.geometry;
  if (geometry === undefined) return [];
  const foregrounds = masks.map((mask) => erodeUnlessGone(mask, step.foregroundErosion));
  const none: Mask = { geometry, data: new Uint8Array(geometry.columns * geometry.rows).fill(1) };
  for (const { data } of masks) for (let i = 0; i < data.length; i++) if (data[i] !== 0) none.data[i] = 0;
  const background = erodeUnlessGone(none, step.backgroundErosion > 1 ? step.backgroundErosion : 0);

  const seeded = background.data.slice();
  for (const { data } of foregrounds) for (let i = 0; i < data.length; i++) if (data[i] !== 0) seeded[i] = 1;
  const grey = resizeBilinear(greyOf(source), source.image.geometry, geometry);
  const labels = foregrounds.map(({ data }) => data);
  return randomWalker(grey, geometry, seeded, labels, { sigma: step.sigma }).map((probability) => ({
    mask: maskAbove(probability, geometry, 0.5),
    logits: logitsOfProbability(probability),
  }));
}

/** Seeds that erosion erased could not be met by any walker, and the class would vanish. */
function erodeUnlessGone(mask: Mask, radius: number): Mask {
  if (radius === 0) return mask;
  const eroded = morphMask(mask, "erode", "disk", radius);
  return maskArea(eroded) === 0 ? mask : eroded;
}

/** 0..255 through the display range; channels are averaged. */
function greyOf({ image: { channels, data }, displayRange: { lower, upper } }: ImageSource): Float32Array {
  const grey = new Float32Array(data.length / channels);
  const scale = upper > lower ? 255 / (upper - lower) : 0;
  for (let pixel = 0; pixel < grey.length; pixel++) {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += data[pixel * channels + c] as number;
    const value = (sum / channels - lower) * scale;
    grey[pixel] = Number.isNaN(value) ? 0 : Math.min(Math.max(value, 0), 255);
  }
  return grey;
}
