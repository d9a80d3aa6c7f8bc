import { RefineError } from "../errors.ts";
import { requireGridLength } from "../kernels/grid.ts";
import { fillHoles } from "../mask/fill-holes.ts";
import type { Mask, Segment, SegmentNumber, SegmentStack } from "../mask/mask.ts";
import { maskAbove } from "../mask/measure.ts";
import { morphMask } from "../mask/morphology.ts";
import { selectComponent } from "../mask/select-component.ts";
import { imposeMask, logitsOfMask, logitsOfProbability } from "../prompt/mask-prompt.ts";
import type { CleanUpStep, RefinementPlan } from "./plan.ts";

/** One class of the initial segmentation, before and after clean-up, on the network's grid. */
export interface PreparedSegment {
  readonly number: SegmentNumber;
  readonly probability: Float32Array | undefined;
  readonly raw: Mask;
  readonly cleaned: Mask;
  /** Positive exactly on `raw`. */
  readonly rawLogits: Float32Array;
  /** Positive exactly on `cleaned`. */
  readonly cleanedLogits: Float32Array;
}

/** Applies the clean-up steps of a plan in order. @throws RefineError `shape-mismatch`. */
export function cleanMask(mask: Mask, steps: readonly CleanUpStep[], probability?: Float32Array): Mask {
  let result = mask;
  for (const step of steps) {
    if (step.kind === "component") result = selectComponent(result, step.keep, step.minimumArea, probability);
    else if (step.kind === "morphology") result = morphMask(result, step.operation, step.element, step.radius);
    else result = fillHoles(result);
  }
  return result;
}

/**
 * Binarises and cleans every class. A segment with probability is `probability > threshold`, whatever its mask says; one
 * without (drawn by a person) is its mask, with the logits of a certain one. A probability that is NaN counts as 0.
 *
 * @throws RefineError `shape-mismatch`; `configuration` when a segment number occurs twice.
 */
export function prepareSegments(stack: SegmentStack, plan: RefinementPlan): readonly PreparedSegment[] {
  const numbers = stack.segments.map(({ number }) => number);
  if (new Set(numbers).size < numbers.length) {
    throw new RefineError("configuration", `Segment numbers must differ, found ${numbers.join(", ")}.`);
  }
  return stack.segments.map((segment) => prepareSegment(segment, stack, plan));
}

function prepareSegment(segment: Segment, stack: SegmentStack, plan: RefinementPlan): PreparedSegment {
  const { number, mask } = segment;
  requireGridLength(`Segment ${number}`, mask.data.length, stack.geometry);
  if (segment.probability !== undefined) {
    requireGridLength(`Probability of segment ${number}`, segment.probability.length, stack.geometry);
  }
  const probability = segment.probability && withoutNaN(segment.probability);
  const raw =
    probability === undefined
      ? { geometry: stack.geometry, data: mask.data }
      : maskAbove(probability, stack.geometry, plan.probabilityThreshold);
  const cleaned = cleanMask(raw, plan.cleanUp, probability);
  const rawLogits = imposeMask(
    probability === undefined ? logitsOfMask(raw).data : logitsOfProbability(probability, plan.probabilityThreshold),
    raw,
  );
  return { number, probability, raw, cleaned, rawLogits, cleanedLogits: imposeMask(rawLogits, cleaned) };
}

/** One NaN would spread over every mean and every resized neighbour. */
function withoutNaN(probability: Float32Array): Float32Array {
  if (!probability.includes(Number.NaN)) return probability;
  const result = probability.slice();
  for (let i = 0; i < result.length; i++) if (Number.isNaN(result[i])) result[i] = 0;
  return result;
}
