import type { GridSize } from "../kernels/grid.ts";
import type { Mask } from "../mask/mask.ts";
import { intersectionArea, maskArea } from "../mask/measure.ts";
import type { BoxPrompt, Prompt } from "../prompt/prompt.ts";
import { forEachLine, type LogitPatch } from "./logit-patch.ts";
import type { AcceptanceRule, RefinementPlan } from "./plan.ts";
import { predictQuality, type QualityFeatures } from "./quality-model.ts";
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

/** Pixels above +1 as a share of those above -1 (SAM's stability score); 0 where there are none. */
export function stabilityOf(logits: Float32Array): number {
  let strict = 0;
  let loose = 0;
  for (let i = 0; i < logits.length; i++) {
    const value = logits[i] as number;
    if (value > 1) strict++;
    if (value > -1) loose++;
  }
  return loose === 0 ? 0 : strict / loose;
}

/**
 * How alike several answers about one object are: 1 - 4 p (1 - p), p = the share of the answers that mark a pixel, averaged
 * over the pixels that any of them marks. SemiSAM+ means the spread of its clicks' answers by uncertainty (methods 2.4).
 * Undefined for fewer than two answers, or when none marks a pixel.
 *
 * @param answers masks of one grid.
 */
export function answerAgreement(answers: readonly Mask[]): number | undefined {
  const [first] = answers;
  if (first === undefined || answers.length < 2) return undefined;
  let marked = 0;
  let sum = 0;
  for (let i = 0; i < first.data.length; i++) {
    let votes = 0;
    for (const { data } of answers) votes += data[i] as number;
    if (votes === 0) continue;
    marked++;
    const share = votes / answers.length;
    sum += 1 - 4 * share * (1 - share);
  }
  return marked === 0 ? undefined : sum / marked;
}

/**
 * Share of a mask within the boxes of its prompts, each grown by a tenth of its sides; undefined when no prompt has one.
 * @param logits on the grid of `columns` and `rows`; positive on the mask.
 * @param prompts in frames that cover the extent of the mask.
 */
export function containmentOf(
  logits: LogitPatch,
  prompts: readonly Prompt[],
  { columns, rows }: GridSize,
): number | undefined {
  const boxes = prompts.flatMap(({ box, geometry }) =>
    box === undefined ? [] : [grownBox(box, columns / geometry.columns, rows / geometry.rows)],
  );
  if (boxes.length === 0) return undefined;
  let area = 0;
  let inside = 0;
  forEachLine(logits, (line, start, y) => {
    for (let i = 0; i < line.length; i++) {
      if (!((line[i] as number) > 0)) continue;
      area++;
      const x = start + i;
      if (boxes.some((b) => x >= b.xMin && x <= b.xMax && y >= b.yMin && y <= b.yMax)) inside++;
    }
  });
  return area === 0 ? undefined : inside / area;
}

/** Inclusive pixel indices of the finer grid; the box reaches to the far sides of its pixels. */
function grownBox({ xMin, yMin, xMax, yMax }: BoxPrompt, scaleX: number, scaleY: number): BoxPrompt {
  const [marginX, marginY] = [0.1 * (xMax - xMin + 1), 0.1 * (yMax - yMin + 1)];
  return {
    xMin: (xMin - marginX) * scaleX,
    yMin: (yMin - marginY) * scaleY,
    xMax: (xMax + 1 + marginX) * scaleX - 1,
    yMax: (yMax + 1 + marginY) * scaleY - 1,
  };
}

/**
 * The plan's estimate of the Dice of the mask that was kept. Where what it needs was not measured (SAM was not asked, its
 * mask was refused, there is no second opinion), the soft Dice of the network stands in; `method` says which it is.
 */
export function estimateQuality(plan: RefinementPlan, features: QualityFeatures, isRefined: boolean): QualityEstimate {
  const value = estimateOf(plan, features, isRefined);
  if (value === undefined || plan.quality === undefined) {
    return { metric: "dice", value: features.softDice, method: "soft-dice" };
  }
  return { metric: "dice", value, method: plan.quality };
}

function estimateOf(plan: RefinementPlan, features: QualityFeatures, isRefined: boolean): number | undefined {
  const { agreement, predictedIou, stability, promptJitter, passAgreement, augmentationAgreement } = features;
  switch (plan.quality) {
    case "agreement":
      return agreement;
    // What SAM says of its own mask says nothing about another one.
    case "predicted-iou-as-dice":
      return isRefined && predictedIou !== undefined ? diceOfIou(predictedIou) : undefined;
    case "stability":
      return isRefined && stability !== undefined ? diceOfIou(stability) : undefined;
    case "prompt-jitter":
      return isRefined ? promptJitter : undefined;
    case "click-variance":
      return isRefined ? passAgreement : undefined;
    case "augmentation-agreement":
      return augmentationAgreement;
    case "calibrated":
      return plan.qualityModel && predictQuality(plan.qualityModel, features);
    default:
      return undefined;
  }
}

/** Whether a mask may be a pseudo label. */
export function isAccepted(
  rule: AcceptanceRule | undefined,
  quality: QualityEstimate,
  { agreement, areaRatio, containment }: QualityFeatures,
  isRefined: boolean,
): boolean {
  if (rule === undefined) return true;
  if (quality.value < (rule.minimumQuality ?? 0)) return false;
  if (!isRefined) return true;
  if (agreement !== undefined && agreement < (rule.minimumAgreement ?? 0)) return false;
  if (areaRatio !== undefined) {
    if (areaRatio < (rule.minimumAreaRatio ?? 0)) return false;
    if (areaRatio > (rule.maximumAreaRatio ?? Number.POSITIVE_INFINITY)) return false;
  }
  return containment === undefined || containment >= (rule.minimumContainment ?? 0);
}
