import type { Mask } from "../mask/mask.ts";
import { intersectionArea, maskArea } from "../mask/measure.ts";
import type { RefinementPlan } from "./plan.ts";
import type { PreparedSegment } from "./prepare-segments.ts";
import type { QualityEstimate } from "./result.ts";

/** 2 |A and B| / (|A| + |B|); 0 when both are empty, because there is nothing that agrees. @throws `shape-mismatch`. */
export function maskAgreement(a: Mask, b: Mask): number {
  const sum = maskArea(a) + maskArea(b);
  return sum === 0 ? 0 : (2 * intersectionArea(a, b)) / sum;
}

/** Dice of an IoU: 2 q / (1 + q), the claim clamped to 0..1 first because SAM may exceed it. */
export function diceOfIou(iou: number): number {
  const clamped = Math.min(Math.max(iou, 0), 1);
  return (2 * clamped) / (1 + clamped);
}

/**
 * Soft Dice of a network's probability with its own binary mask: 2 sum(p m) / (sum p + sum m). Near 1 when the network is
 * sure of every pixel. A mask without probability counts as certain.
 */
export function softDice(probability: Float32Array | undefined, mask: Mask): number {
  if (probability === undefined) return 1;
  let shared = 0;
  let sum = 0;
  for (let i = 0; i < probability.length; i++) {
    const p = probability[i] as number;
    const m = mask.data[i] as number;
    shared += p * m;
    sum += p + m;
  }
  return sum === 0 ? 0 : Math.min(1, (2 * shared) / sum);
}

/** What SAM said about one class. */
export interface SamOpinion {
  readonly predictedIou: number;
  readonly agreement: number;
}

/**
 * The plan's estimate of the Dice of the mask that was kept. Where SAM has not been asked, or its mask has been refused,
 * its predicted IoU says nothing about the result, and the soft Dice of the network stands in; `method` says which it is.
 */
export function estimateQuality(
  plan: RefinementPlan,
  segment: PreparedSegment,
  opinion: SamOpinion | undefined,
  isRefined: boolean,
): QualityEstimate {
  if (plan.quality === "agreement" && opinion !== undefined) {
    return { metric: "dice", value: opinion.agreement, method: "agreement" };
  }
  if (plan.quality === "predicted-iou-as-dice" && opinion !== undefined && isRefined) {
    return { metric: "dice", value: diceOfIou(opinion.predictedIou), method: "predicted-iou-as-dice" };
  }
  return { metric: "dice", value: softDice(segment.probability, segment.raw), method: "soft-dice" };
}
