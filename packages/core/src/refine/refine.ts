import { RefineError } from "../errors.ts";
import type { ImageGeometry } from "../geometry/geometry.ts";
import type { Image2D } from "../image/image.ts";
import { logit } from "../kernels/scalar.ts";
import { withLazyProperty } from "../lazy-property.ts";
import type { Mask, Segment, SegmentNumber, SegmentStack } from "../mask/mask.ts";
import { emptyMask } from "../mask/measure.ts";
import { PROBABILITY_MARGIN } from "../prompt/mask-prompt.ts";
import type { PromptableSegmenter } from "../segmenter.ts";
import { askOnViews } from "./ask-on-views.ts";
import type { UnitAnswer } from "./ask-sam.ts";
import { requireCapabilities } from "./capabilities.ts";
import { createPromptSource, type PromptUnit } from "./derive-prompts.ts";
import { planForSegment, planParts, withoutCleanUp } from "./exceptions.ts";
import {
  blendLevels,
  blendOver,
  classRanks,
  compareLogits,
  masksOfLogits,
  probabilitiesAbove,
  subtractLogits,
  uniteLogits,
} from "./fuse-logits.ts";
import { enlargeAbove, enlargeWithin, forEachLine, type LogitPatch, logitsWithin, unionBox } from "./logit-patch.ts";
import type { AcceptanceRule, RefinementPlan } from "./plan.ts";
import { type PreparedSegment, prepareSegments } from "./prepare-segments.ts";
import { containmentOf, estimateQuality, isAccepted, maskAgreement, softDice, stabilityOf } from "./quality.ts";
import type { QualityFeatures } from "./quality-model.ts";
import type { KeepReason, RefinementResult, RefineOptions, SegmentOutcome } from "./result.ts";

/**
 * A probability that is not above half a step of an 8-bit fraction, which is how finely DICOM SEG holds them
 * (PS3.3 C.8.20.2), is given as 0.
 */
const LEAST_PROBABILITY_LOGIT = logit(1 / 512);

/** A class after the decision: its final logits (undefined = absent) and what to report. */
interface Decision {
  /** On the output grid, where they are above the level of the refinement. */
  readonly logits: LogitPatch | undefined;
  readonly outcome: SegmentOutcome;
}

/**
 * Runs a plan on one image: clean the initial masks, derive prompts, ask SAM pass by pass (all classes of a pass in one
 * call), blend SAM's logits with the network's, and keep SAM's mask where it agrees enough with the initial one.
 *
 * The image is encoded only when there is a prompt, and an embedding made here is disposed here. A plan without passes
 * never touches the segmenter.
 *
 * @param initial on the network's grid, which covers the extent of the image; best with probabilities.
 * @param segmenter may be undefined for a plan without passes.
 * @returns the masks on `options.outputGeometry`, in the order of `initial`, each with its blended probability, made when it
 *   is first read, unless `options.probabilities` is false.
 * @throws RefineError `configuration` without a segmenter that the plan needs, or with doubled segment numbers;
 *   `missing-capability`; `invalid-plan`; `shape-mismatch`; and what the segmenter throws. Aborting rejects with the
 *   signal's reason.
 */
export async function refine(
  image: Image2D,
  initial: SegmentStack,
  plan: RefinementPlan,
  segmenter: PromptableSegmenter | undefined,
  options: RefineOptions,
): Promise<RefinementResult> {
  options.signal?.throwIfAborted();
  const output = options.outputGeometry ?? image.geometry;
  const numbers = initial.segments.map(({ number }) => number);
  const parts = planParts(plan, numbers);
  const total = parts.reduce((sum, part) => sum + part.segments.size * Math.max(1, part.plan.passes.length), 0);
  const report = (completed: number): void =>
    options.onProgress?.({ stage: "refine", completed, total, unit: "segment" });
  report(0);

  const level = levelOf(plan, options);
  const prepared = prepareSegments(initial, plan, { image, displayRange: options.displayRange });
  const second = options.secondOpinion && prepareSegments(options.secondOpinion, withoutCleanUp(plan));
  const answers: UnitAnswer[] = [];
  const unasked: PromptUnit[] = [];
  if (plan.passes.length > 0) {
    const segmenterOfPlan = requireSegmenter(plan, segmenter);
    requireCapabilities(plan, segmenterOfPlan);
    const asked = parts
      .filter((part) => part.plan.passes.length > 0)
      .map((part) => ({ ...part, source: createPromptSource(prepared, part.plan, image.geometry, part.segments) }));
    unasked.push(...asked.flatMap(({ source }) => source.unasked));
    const found = await askOnViews({
      image,
      parts: asked,
      plan,
      segmenter: segmenterOfPlan,
      grid: initial.geometry,
      output,
      options,
      level,
      onProgress: report,
    });
    answers.push(...found);
  }

  const decisions = decideAll({
    prepared,
    second,
    measureAll: options.measureAll === true,
    level,
    answers,
    unasked,
    plan,
    grid: initial.geometry,
    output,
  });
  const patches = decisions.map((decision) => decision.logits);
  const masks = masksOfLogits(patches, output, plan.fusion ?? "independent", classRanks(numbers, plan.priority));
  const segments = prepared.map(({ number }, index): Segment => {
    const mask = masks[index] ?? emptyMask(output);
    if (options.probabilities === false) return { number, mask };
    // Only when it is read: all classes of a large radiograph take as long as what else happens outside SAM, and a label map
    // needs those of classes that overlap.
    return withLazyProperty({ number, mask }, "probability", () => probabilityOf(patches[index], output));
  });
  report(total);
  const outcomes = prepared.map(({ number }, index): [SegmentNumber, SegmentOutcome] => [
    number,
    decisions[index]?.outcome ?? { kind: "absent" },
  ]);
  return {
    planId: plan.id,
    stack: { geometry: output, segments },
    ...(options.logits && { logits: logitsByNumber(numbers, patches) }),
    outcomes: new Map(outcomes),
    ...(plan.accept && { ignore: ignoredPixels(plan.accept, { prepared, decisions, masks, output }) }),
  };
}

/**
 * Logits that are not above this may be any such: nothing in the result tells them apart. A class is small as a rule, and
 * enlarging and blending its logits all over a large image would take as long as SAM does. A blend of two maps, like each
 * enlarged map, is above the level only near pixels where one of the two is.
 */
function levelOf(plan: RefinementPlan, options: RefineOptions): number {
  if (plan.fusion === "arg-max-mean-background") return Number.NEGATIVE_INFINITY;
  // How surely a pixel is outside of the inner object bounds how surely it is in the ring, which ranks it among other classes.
  if (plan.rings !== undefined) return Number.NEGATIVE_INFINITY;
  const levels = [0];
  if (options.probabilities !== false) levels.push(LEAST_PROBABILITY_LOGIT);
  if (measuresStability(plan, options.measureAll === true)) levels.push(-1);
  if (plan.accept !== undefined) levels.push(-sureLogit(plan.accept));
  return Math.min(...levels);
}

function measuresStability({ quality }: RefinementPlan, measureAll: boolean): boolean {
  return measureAll || quality === "stability" || quality === "calibrated";
}

/** A pixel may be learned from when its logit is at least so far from 0. */
function sureLogit({ minimumPixelConfidence = 0 }: AcceptanceRule): number {
  return minimumPixelConfidence > 0.5 ? logit(Math.min(minimumPixelConfidence, 1 - PROBABILITY_MARGIN)) : 0;
}

function logitsByNumber(
  numbers: readonly SegmentNumber[],
  patches: readonly (LogitPatch | undefined)[],
): ReadonlyMap<SegmentNumber, LogitPatch> {
  return new Map(
    numbers.flatMap((number, index): [SegmentNumber, LogitPatch][] => {
      const patch = patches[index];
      return patch === undefined ? [] : [[number, patch]];
    }),
  );
}

/** See `RefinementResult.ignore`. */
function ignoredPixels(
  rule: AcceptanceRule,
  found: {
    readonly prepared: readonly PreparedSegment[];
    readonly decisions: readonly Decision[];
    readonly masks: readonly Mask[];
    readonly output: ImageGeometry;
  },
): Mask {
  const ignore = emptyMask(found.output);
  const { columns } = found.output;
  const limit = sureLogit(rule);
  const mark = (patch: LogitPatch, isIgnored: (logit: number) => boolean): void =>
    forEachLine(patch, (line, x, y) => {
      const start = y * columns + x;
      for (let i = 0; i < line.length; i++) if (isIgnored(line[i] as number)) ignore.data[start + i] = 1;
    });
  for (const [index, { outcome, logits }] of found.decisions.entries()) {
    const segment = found.prepared[index];
    if (logits !== undefined && limit > 0) mark(logits, (value) => Math.abs(value) < limit);
    if (segment === undefined || outcome.kind === "absent" || outcome.accepted) continue;
    mark(enlargeAbove(segment.rawLogits, segment.raw.geometry, found.output, 0), (value) => value > 0);
    const mask = found.masks[index]?.data ?? [];
    for (let i = 0; i < mask.length; i++) if (mask[i] === 1) ignore.data[i] = 1;
  }
  return ignore;
}

function probabilityOf(patch: LogitPatch | undefined, output: ImageGeometry): Float32Array {
  return patch === undefined
    ? new Float32Array(output.columns * output.rows)
    : probabilitiesAbove(LEAST_PROBABILITY_LOGIT, patch, output);
}

function requireSegmenter(plan: RefinementPlan, segmenter: PromptableSegmenter | undefined): PromptableSegmenter {
  if (segmenter !== undefined) return segmenter;
  throw new RefineError(
    "configuration",
    `Plan ${plan.id} asks SAM ${plan.passes.length} times, but no SAM was given.`,
    {
      hint: "Load a promptable model, or choose a plan without passes such as cleanup.",
      details: { planId: plan.id },
    },
  );
}

function decideAll(task: {
  readonly prepared: readonly PreparedSegment[];
  readonly second: readonly PreparedSegment[] | undefined;
  readonly measureAll: boolean;
  readonly level: number;
  readonly answers: readonly UnitAnswer[];
  readonly unasked: readonly PromptUnit[];
  readonly plan: RefinementPlan;
  readonly grid: ImageGeometry;
  readonly output: ImageGeometry;
}): readonly Decision[] {
  const { prepared, second, measureAll, level, answers, unasked, plan, grid, output } = task;
  const decisions = new Map<SegmentNumber, Decision>();
  const innerOf = new Map(plan.rings?.map(({ ring, inner }) => [ring, inner]));
  // What a ring surrounds is decided first, because it is cut out of the ring.
  for (const segment of prepared.toSorted((a, b) => Number(innerOf.has(a.number)) - Number(innerOf.has(b.number)))) {
    const inner = innerOf.get(segment.number);
    decisions.set(
      segment.number,
      decide({
        segment,
        otherView: second?.find(({ number }) => number === segment.number)?.raw,
        measureAll,
        level,
        grid,
        output,
        answers: answers.filter(({ unit }) => unit.segment === segment.number),
        unasked: unasked.filter((unit) => unit.segment === segment.number),
        plan: planForSegment(plan, segment.number),
        cutOut: inner === undefined ? undefined : decisions.get(inner)?.logits,
      }),
    );
  }
  return prepared.map(({ number }) => decisions.get(number) ?? { logits: undefined, outcome: { kind: "absent" } });
}

function decide(task: {
  readonly segment: PreparedSegment;
  /** The class's mask in the second opinion. */
  readonly otherView: Mask | undefined;
  readonly measureAll: boolean;
  readonly answers: readonly UnitAnswer[];
  readonly unasked: readonly PromptUnit[];
  readonly plan: RefinementPlan;
  readonly level: number;
  /** Of the network's logits. */
  readonly grid: ImageGeometry;
  readonly output: ImageGeometry;
  readonly cutOut: LogitPatch | undefined;
}): Decision {
  const { segment, otherView, answers, unasked, plan, level, grid, output, cutOut } = task;
  const measureAll = task.measureAll || plan.quality === "calibrated";
  const isCleanedAway = !segment.cleaned.data.includes(1);
  if (isCleanedAway && (plan.absent !== "raw" || !segment.raw.data.includes(1))) {
    return { logits: undefined, outcome: { kind: "absent" } };
  }

  const prompts = answers.flatMap((answer) => answer.prompts);
  const ofNetwork: QualityFeatures = {
    softDice: softDice(segment.probability, segment.raw),
    ...(otherView && { augmentationAgreement: maskAgreement(segment.raw, otherView) }),
  };
  const judge = (features: QualityFeatures, isRefined: boolean) => {
    const quality = estimateQuality(plan, features, isRefined);
    return { quality, features, accepted: isAccepted(plan.accept, quality, features, isRefined) };
  };
  const keep = (reason: KeepReason, features = ofNetwork): Decision => ({
    // A plan without SAM is its clean-up; `fallback` decides where SAM should have been heard.
    logits: enlargeAbove(
      isCleanedAway || (plan.fallback === "raw" && plan.passes.length > 0) ? segment.rawLogits : segment.cleanedLogits,
      grid,
      output,
      level,
    ),
    outcome: { kind: "kept-initial", reason, prompts, ...judge(features, false) },
  });
  if (isCleanedAway) return keep("cleaned-away");
  if (plan.passes.length === 0) return keep("plan-without-sam");
  if (answers.length === 0) return keep("no-prompt");

  // All that SAM or the network marks: SAM's answers come with what matters of the network's opinion.
  const box = unionBox(answers.map(({ candidate }) => candidate.logits.box));
  const ofUnit = (unit: PromptUnit): Float32Array => enlargeWithin(unit.logits, grid, output, box).data;
  // A component without a pixel of its own cannot be asked about; it keeps the network's opinion on both sides.
  const silent = unasked.map(ofUnit);
  const levels = blendLevels(level, plan.samWeight);
  const sam = uniteLogits([
    ...answers.map(({ candidate }) => logitsWithin(candidate.logits, box, levels.sam)),
    ...silent,
  ]);
  const network = uniteLogits([...answers.map(({ unit }) => ofUnit(unit)), ...silent]);
  const { dice: agreement, positivesA, positivesB } = compareLogits(network, sam);
  const predictedIou = weightedMean(answers, ({ candidate }) => candidate.predictedIou) ?? 0;
  const objectScore = weightedMean(answers, ({ candidate }) => candidate.objectScore);
  const containment =
    measureAll || plan.accept?.minimumContainment !== undefined
      ? containmentOf({ box, data: sam }, prompts, output)
      : undefined;
  const promptJitter = weightedMean(answers, (answer) => answer.promptJitter);
  const passAgreement = weightedMean(answers, (answer) => answer.passAgreement);
  const features: QualityFeatures = {
    ...ofNetwork,
    predictedIou,
    agreement,
    ...(measuresStability(plan, measureAll) && { stability: stabilityOf(sam) }),
    areaRatio: positivesB / Math.max(1, positivesA),
    ...(objectScore !== undefined && { objectScore }),
    ...(containment !== undefined && { containment }),
    ...(promptJitter !== undefined && { promptJitter }),
    ...(passAgreement !== undefined && { passAgreement }),
  };
  if (positivesB === 0) return keep("sam-returned-empty", features);
  if (agreement < plan.minimumAgreement) return keep("below-agreement", features);

  const blended: LogitPatch = { box, data: blendOver(network, sam, plan.samWeight) };
  const logits = cutOut === undefined ? blended : subtractLogits(blended, cutOut);
  if (!hasPositive(logits.data)) return keep("sam-returned-empty", features);
  return {
    logits,
    outcome: { kind: "refined", prompts, predictedIou, agreement, ...judge(features, true) },
  };
}

/** Large components weigh more than small ones; undefined when one of them does not have the value. */
function weightedMean(
  answers: readonly UnitAnswer[],
  read: (answer: UnitAnswer) => number | undefined,
): number | undefined {
  let sum = 0;
  let weights = 0;
  for (const answer of answers) {
    const value = read(answer);
    if (value === undefined) return undefined;
    sum += answer.unit.area * value;
    weights += answer.unit.area;
  }
  return weights === 0 ? undefined : sum / weights;
}

function hasPositive(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if ((values[i] as number) > 0) return true;
  return false;
}
