import { logit } from "../kernels/scalar.ts";
import { fillSigmoids } from "../kernels/sigmoid-table.ts";
import type { Mask } from "../mask/mask.ts";
import type { DenseLogits } from "./prompt.ts";

/** Logit of a pixel that a mask is certain of: logit(1 - 1e-3) (methods: SAM Carries the Burden, step 3). */
export const CERTAIN_LOGIT: number = logit(1 - 1e-3);

/** Probabilities are kept this far from 0 and 1, so that their logits stay finite. */
export const PROBABILITY_MARGIN = 1e-6;

/** A mask as logits: +6.9 inside, -6.9 outside, times `scale`. */
export function logitsOfMask(mask: Mask, scale = 1): DenseLogits {
  const inside = CERTAIN_LOGIT * scale;
  const data = new Float32Array(mask.data.length);
  for (let i = 0; i < data.length; i++) data[i] = mask.data[i] !== 0 ? inside : -inside;
  return { geometry: mask.geometry, data };
}

/** logit(p) - logit(threshold): positive exactly where p is above the threshold. */
export function logitsOfProbability(probability: Float32Array, threshold = 0.5): Float32Array {
  const shift = logit(threshold);
  // Nearly every pixel is surely in or surely out, and a logarithm costs more than all else that is done to it.
  const lowest = logit(PROBABILITY_MARGIN) - shift;
  const highest = logit(1 - PROBABILITY_MARGIN) - shift;
  const result = new Float32Array(probability.length);
  for (let i = 0; i < result.length; i++) {
    const p = probability[i] as number;
    if (p <= PROBABILITY_MARGIN) result[i] = lowest;
    else result[i] = p >= 1 - PROBABILITY_MARGIN ? highest : logit(p) - shift;
  }
  return result;
}

/** See {@link binariseLogits}. */
export interface BinarisedLogits {
  /** Positive exactly on the mask. */
  readonly logits: Float32Array;
  /** 0 | 1 per pixel. */
  readonly mask: Uint8Array;
  readonly isEmpty: boolean;
}

/**
 * A network's logits as {@link logitsOfProbability} would make them of its probabilities: within the same bounds, less
 * logit(threshold); and where they are positive. NaN is as low as can be.
 */
export function binariseLogits(values: Float32Array, threshold = 0.5): BinarisedLogits {
  const bound = logit(1 - PROBABILITY_MARGIN);
  const shift = logit(threshold);
  const logits = new Float32Array(values.length);
  const mask = new Uint8Array(values.length);
  let isEmpty = true;
  for (let i = 0; i < logits.length; i++) {
    const value = values[i] as number;
    if (value > shift) {
      logits[i] = (value < bound ? value : bound) - shift;
      mask[i] = 1;
      isEmpty = false;
    } else logits[i] = (value > -bound ? value : -bound) - shift;
  }
  return { logits, mask, isEmpty };
}

/** Sigmoid of every logit, within {@link PROBABILITY_MARGIN} of 0 and 1. NaN is 0. */
export function probabilityWithin(logits: Float32Array): Float32Array {
  const bound = logit(1 - PROBABILITY_MARGIN);
  const result = new Float32Array(logits.length);
  const [below, above] = [PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN];
  fillSigmoids(result, 0, logits, { low: -bound, high: bound, below, above });
  return result;
}

/**
 * Makes logits agree with a cleaned mask: where clean-up removed or added a pixel, the sign is turned and the magnitude
 * kept, so that the rest of the network's opinion survives and an upsampled border stays smooth.
 */
export function imposeMask(logits: Float32Array, mask: Mask): Float32Array {
  const least = 1e-3;
  const result = new Float32Array(logits.length);
  for (let i = 0; i < result.length; i++) {
    const value = logits[i] as number;
    const isInside = mask.data[i] !== 0;
    if (value > 0 === isInside) result[i] = value;
    else result[i] = isInside ? Math.max(Math.abs(value), least) : -Math.max(Math.abs(value), least);
  }
  return result;
}
