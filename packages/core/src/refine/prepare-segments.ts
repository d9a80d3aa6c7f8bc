import { RefineError } from "../errors.ts";
import { requireGridLength } from "../kernels/grid.ts";
import { fillHoles } from "../mask/fill-holes.ts";
import type { Mask, Segment, SegmentNumber, SegmentStack } from "../mask/mask.ts";
import { emptyMask, maskAbove } from "../mask/measure.ts";
import { morphMask } from "../mask/morphology.ts";
import { selectComponent } from "../mask/select-component.ts";
import {
  binariseLogits,
  imposeMask,
  logitsOfMask,
  logitsOfProbability,
  probabilityWithin,
} from "../prompt/mask-prompt.ts";
import { argMaxMasks } from "./binarise.ts";
import { planForSegment } from "./exceptions.ts";
import { probabilitiesOf } from "./fuse-logits.ts";
import type { CleanUpStep, RefinementPlan } from "./plan.ts";
import { type ImageSource, type RandomWalkerStep, walkSegments } from "./walk-segments.ts";

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

/** A clean-up step that looks at one mask alone. */
export type MaskStep = Exclude<CleanUpStep, RandomWalkerStep>;

/** Applies clean-up steps in order. @throws RefineError `shape-mismatch`. */
export function cleanMask(mask: Mask, steps: readonly MaskStep[], probability?: Float32Array): Mask {
  let result = mask;
  for (const step of steps) {
    if (step.kind === "component") {
      const { keep, minimumArea, connectivity } = step;
      result = selectComponent(result, keep, minimumArea, probability, connectivity);
    } else if (step.kind === "morphology") result = morphMask(result, step.operation, step.element, step.radius);
    else result = fillHoles(result);
  }
  return result;
}

/**
 * Binarises and cleans every class. A segment with probability or logits is binarised from them, whatever its mask says; one without
 * (drawn by a person) is its mask, with the logits of a certain one. A probability that is NaN counts as 0.
 *
 * @param source needed by a plan whose clean-up looks at the image.
 * @throws RefineError `shape-mismatch`; `configuration` when a segment number occurs twice, or without a needed `source`.
 */
export function prepareSegments(
  stack: SegmentStack,
  plan: RefinementPlan,
  source?: ImageSource,
): readonly PreparedSegment[] {
  const numbers = stack.segments.map(({ number }) => number);
  if (new Set(numbers).size < numbers.length) {
    throw new RefineError("configuration", `Segment numbers must differ, found ${numbers.join(", ")}.`);
  }
  const raws = binarise(stack, plan);
  if (plan.exceptions?.some(({ cleanUp }) => cleanUp !== undefined)) {
    return raws.map((segment) => {
      const steps = maskSteps(planForSegment(plan, segment.number));
      return prepared(segment, cleanMask(segment.raw, steps, segment.probability), segment.rawLogits);
    });
  }
  let cleaned: readonly Mask[] = raws.map(({ raw }) => raw);
  let logits: readonly Float32Array[] = raws.map(({ rawLogits }) => rawLogits);
  for (const step of plan.cleanUp) {
    if (step.kind === "random-walker") {
      const walked = walkSegments(cleaned, step, requireSource(source, plan));
      cleaned = walked.map(({ mask }) => mask);
      logits = walked.map((result) => result.logits);
    } else cleaned = cleaned.map((mask, index) => cleanMask(mask, [step], raws[index]?.probability));
  }
  return raws.map((segment, index) =>
    prepared(segment, cleaned[index] ?? segment.raw, logits[index] ?? segment.rawLogits),
  );
}

function prepared(segment: RawSegment, cleaned: Mask, logits: Float32Array): PreparedSegment {
  const isUntouched = cleaned === segment.raw && logits === segment.rawLogits;
  return { ...segment, cleaned, cleanedLogits: isUntouched ? logits : imposeMask(logits, cleaned) };
}

/** Clean-up of one class by itself. */
function maskSteps({ id, cleanUp }: RefinementPlan): readonly MaskStep[] {
  return cleanUp.map((step) => {
    if (step.kind !== "random-walker") return step;
    throw new RefineError(
      "invalid-plan",
      `Plan ${id} cleans classes apart, but a random walker looks at all of them.`,
      {
        details: { path: "exceptions", planId: id },
      },
    );
  });
}

type RawSegment = Omit<PreparedSegment, "cleaned" | "cleanedLogits">;

function binarise(stack: SegmentStack, plan: RefinementPlan): readonly RawSegment[] {
  const { geometry } = stack;
  if (stack.segments.every((segment) => hasOwnLogits(segment, plan))) {
    const nothing = emptyMask(geometry);
    return stack.segments.map((segment) => ofLogits(segment, stack, nothing, plan.probabilityThreshold));
  }
  const probabilities = stack.segments.map((segment) => checkedProbability(segment, stack));
  const exclusive =
    plan.binarise?.kind === "arg-max"
      ? argMaxMasks(
          stack.segments.map(({ mask }, index) => probabilities[index] ?? Float32Array.from(mask.data)),
          plan.binarise,
        )
      : undefined;
  return stack.segments.map(({ number, mask }, index): RawSegment => {
    const probability = probabilities[index];
    const data = exclusive?.[index];
    const raw =
      data !== undefined
        ? { geometry, data }
        : probability === undefined
          ? { geometry, data: mask.data }
          : maskAbove(probability, geometry, plan.probabilityThreshold);
    const rawLogits = imposeMask(
      probability === undefined ? logitsOfMask(raw).data : logitsOfProbability(probability, plan.probabilityThreshold),
      raw,
    );
    return { number, probability, raw, rawLogits };
  });
}

/** Whether the sign of the segment's logits is what the plan asks for. */
function hasOwnLogits({ logits, probability }: Segment, plan: RefinementPlan): boolean {
  if (logits === undefined || plan.binarise?.kind === "arg-max") return false;
  // Beside a probability they say who is ahead, which is no threshold.
  return probability === undefined || (plan.binarise === undefined && plan.probabilityThreshold === 0.5);
}

/**
 * Probabilities are worked out of classes that are there alone: an exponential per pixel costs more than all else here.
 * @param nothing what absent classes share.
 */
function ofLogits(segment: Segment, stack: SegmentStack, nothing: Mask, threshold: number): RawSegment {
  const { geometry } = stack;
  const { number } = segment;
  const own = segment.logits as Float32Array;
  requireGridLength(`Logits of segment ${number}`, own.length, geometry);
  const probability = segment.probability && checkedProbability(segment, stack);
  // Most classes are on few slices of a volume. Logits of one that is not there are looked at by rings alone, and only upwards.
  if (threshold === 0.5 && isNowherePositive(own)) {
    return { number, probability: undefined, raw: nothing, rawLogits: own };
  }
  const found = binariseLogits(own, threshold);
  return {
    number,
    probability: found.isEmpty ? undefined : (probability ?? probabilityWithin(own)),
    raw: { geometry, data: found.mask },
    rawLogits: found.logits,
  };
}

/** NaN is not known to be below anything. */
function isNowherePositive(logits: Float32Array): boolean {
  for (let i = 0; i < logits.length; i++) if (!((logits[i] as number) <= 0)) return false;
  return true;
}

function checkedProbability(segment: Segment, stack: SegmentStack): Float32Array | undefined {
  const { number, mask, logits } = segment;
  requireGridLength(`Segment ${number}`, mask.data.length, stack.geometry);
  const probability = segment.probability ?? (logits && probabilitiesOf(logits));
  if (probability === undefined) return undefined;
  requireGridLength(`Probability of segment ${number}`, probability.length, stack.geometry);
  return withoutNaN(probability);
}

function requireSource(source: ImageSource | undefined, plan: RefinementPlan): ImageSource {
  if (source !== undefined) return source;
  throw new RefineError("configuration", `The clean-up of plan ${plan.id} looks at the image, but none was given.`, {
    hint: "Use `refine`, which has the image, or a plan without a random walker.",
    details: { planId: plan.id },
  });
}

/** One NaN would spread over every mean and every resized neighbour. */
function withoutNaN(probability: Float32Array): Float32Array {
  if (!probability.includes(Number.NaN)) return probability;
  const result = probability.slice();
  for (let i = 0; i < result.length; i++) if (Number.isNaN(result[i])) result[i] = 0;
  return result;
}
