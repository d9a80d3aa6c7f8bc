import { RefineError } from "../errors.ts";
import type { ImageGeometry } from "../geometry/geometry.ts";
import type { Image2D } from "../image/image.ts";
import { resizeBilinear } from "../kernels/resize.ts";
import type { Mask, Segment, SegmentNumber, SegmentStack } from "../mask/mask.ts";
import type { Prompt } from "../prompt/prompt.ts";
import type { ImageEmbedding, MaskCandidate, PromptableSegmenter } from "../segmenter.ts";
import { requireCapabilities } from "./capabilities.ts";
import { createPromptSource, type PromptSource, type PromptUnit } from "./derive-prompts.ts";
import {
  blendLogits,
  compareLogits,
  masksOfLogits,
  probabilitiesOf,
  subtractLogits,
  uniteLogits,
} from "./fuse-logits.ts";
import type { RefinementPlan } from "./plan.ts";
import { type PreparedSegment, prepareSegments } from "./prepare-segments.ts";
import { estimateQuality } from "./quality.ts";
import type { KeepReason, RefinementResult, RefineOptions, SegmentOutcome } from "./result.ts";

/** What SAM answered about one unit: the prompts of all passes and the last candidate. */
interface UnitAnswer {
  readonly unit: PromptUnit;
  readonly prompts: readonly Prompt[];
  readonly candidate: MaskCandidate;
}

/** A class after the decision: its final logits on the output grid (undefined = absent) and what to report. */
interface Decision {
  readonly logits: Float32Array | undefined;
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
 * @returns the masks on `options.outputGeometry`, in the order of `initial`, each with its blended probability unless
 *   `options.probabilities` is false.
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
  const total = initial.segments.length * Math.max(1, plan.passes.length);
  const report = (completed: number): void =>
    options.onProgress?.({ stage: "refine", completed, total, unit: "segment" });
  report(0);

  const prepared = prepareSegments(initial, plan);
  let answers: readonly UnitAnswer[] = [];
  let unasked: readonly PromptUnit[] = [];
  if (plan.passes.length > 0) {
    const sam = requireSegmenter(plan, segmenter);
    requireCapabilities(plan, sam);
    const source = createPromptSource(prepared, plan, image.geometry);
    unasked = source.unasked;
    answers = await askSam({
      image,
      source,
      plan,
      segmenter: sam,
      grid: initial.geometry,
      output,
      options,
      onPassDone: (passes) => report(passes * initial.segments.length),
    });
    options.signal?.throwIfAborted();
  }

  const decisions = decideAll({ prepared, answers, unasked, plan, grid: initial.geometry, output });
  const logits = decisions.map((decision) => decision.logits);
  const masks = masksOfLogits(logits, output, plan.fusion ?? "independent");
  const segments = prepared.map(({ number }, index): Segment => {
    const mask = masks[index] ?? { geometry: output, data: new Uint8Array(output.columns * output.rows) };
    if (options.probabilities === false) return { number, mask };
    return { number, mask, probability: probabilityOf(logits[index], mask) };
  });
  report(total);
  return {
    planId: plan.id,
    stack: { geometry: output, segments },
    outcomes: new Map(prepared.map(({ number }, index) => [number, decisions[index]?.outcome ?? { kind: "absent" }])),
  };
}

function probabilityOf(logits: Float32Array | undefined, mask: Mask): Float32Array {
  return logits === undefined ? new Float32Array(mask.data.length) : probabilitiesOf(logits);
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

async function askSam(task: {
  readonly image: Image2D;
  readonly source: PromptSource;
  readonly plan: RefinementPlan;
  readonly segmenter: PromptableSegmenter;
  readonly grid: ImageGeometry;
  readonly output: ImageGeometry;
  readonly options: RefineOptions;
  readonly onPassDone: (passes: number) => void;
}): Promise<readonly UnitAnswer[]> {
  const { image, source, plan, segmenter, options } = task;
  const { units } = source;
  if (units.length === 0) return [];
  const { signal, logger, displayRange } = options;
  const embedding: ImageEmbedding =
    options.embedding ?? (await segmenter.encode(image, { displayRange, signal, logger }));
  try {
    const prompts: Prompt[][] = units.map(() => []);
    let candidates: readonly MaskCandidate[] = [];
    for (const index of plan.passes.keys()) {
      signal?.throwIfAborted();
      const asked = units.map((unit, u) => source.prompt(unit, index, candidates[u]?.lowResLogits));
      const isLast = index === plan.passes.length - 1;
      candidates = await segmenter.decode(embedding, asked, {
        maskChoice: plan.maskChoice,
        // Only the low-resolution logits of an earlier pass are used, so its masks may be as small as the grid.
        outputGeometry: isLast ? task.output : task.grid,
        signal,
        logger,
      });
      if (candidates.length !== asked.length) {
        throw new RefineError(
          "inference",
          `${segmenter.modelId} answered ${candidates.length} of ${asked.length} prompts.`,
          { details: { modelId: segmenter.modelId, found: candidates.length, expected: asked.length } },
        );
      }
      for (const [u, prompt] of asked.entries()) prompts[u]?.push(prompt);
      if (!isLast) task.onPassDone(index + 1);
    }
    return units.flatMap((unit, u) => {
      const candidate = candidates[u];
      return candidate === undefined ? [] : [{ unit, prompts: prompts[u] ?? [], candidate }];
    });
  } finally {
    if (options.embedding === undefined) await embedding.dispose();
  }
}

function decideAll(task: {
  readonly prepared: readonly PreparedSegment[];
  readonly answers: readonly UnitAnswer[];
  readonly unasked: readonly PromptUnit[];
  readonly plan: RefinementPlan;
  readonly grid: ImageGeometry;
  readonly output: ImageGeometry;
}): readonly Decision[] {
  const { prepared, answers, unasked, plan, grid, output } = task;
  const upsample = (values: Float32Array): Float32Array => resizeBilinear(values, grid, output);
  const decisions = new Map<SegmentNumber, Decision>();
  const innerOf = new Map(plan.rings?.map(({ ring, inner }) => [ring, inner]));
  // What a ring surrounds is decided first, because it is cut out of the ring.
  for (const segment of prepared.toSorted((a, b) => Number(innerOf.has(a.number)) - Number(innerOf.has(b.number)))) {
    const inner = innerOf.get(segment.number);
    decisions.set(
      segment.number,
      decide({
        segment,
        answers: answers.filter(({ unit }) => unit.segment === segment.number),
        unasked: unasked.filter((unit) => unit.segment === segment.number),
        plan,
        upsample,
        cutOut: inner === undefined ? undefined : decisions.get(inner)?.logits,
      }),
    );
  }
  return prepared.map(({ number }) => decisions.get(number) ?? { logits: undefined, outcome: { kind: "absent" } });
}

function decide(task: {
  readonly segment: PreparedSegment;
  readonly answers: readonly UnitAnswer[];
  readonly unasked: readonly PromptUnit[];
  readonly plan: RefinementPlan;
  readonly upsample: (values: Float32Array) => Float32Array;
  readonly cutOut: Float32Array | undefined;
}): Decision {
  const { segment, answers, unasked, plan, upsample, cutOut } = task;
  if (!segment.cleaned.data.includes(1)) return { logits: undefined, outcome: { kind: "absent" } };

  const prompts = answers.flatMap((answer) => answer.prompts);
  const keep = (reason: KeepReason, opinion?: { predictedIou: number; agreement: number }): Decision => ({
    // A plan without SAM is its clean-up; `fallback` decides where SAM should have been heard.
    logits: upsample(plan.fallback === "raw" && plan.passes.length > 0 ? segment.rawLogits : segment.cleanedLogits),
    outcome: { kind: "kept-initial", reason, prompts, quality: estimateQuality(plan, segment, opinion, false) },
  });
  if (plan.passes.length === 0) return keep("plan-without-sam");
  if (answers.length === 0) return keep("no-prompt");

  // A component without a pixel of its own cannot be asked about; it keeps the network's opinion on both sides.
  const silent = unasked.map(({ logits }) => upsample(logits));
  const sam = uniteLogits([...answers.map(({ candidate }) => candidate.logits), ...silent]);
  const network = uniteLogits([...answers.map(({ unit }) => upsample(unit.logits)), ...silent]);
  const { dice, positivesB } = compareLogits(network, sam);
  const opinion = { predictedIou: meanPredictedIou(answers), agreement: dice };
  if (positivesB === 0) return keep("sam-returned-empty", opinion);
  if (opinion.agreement < plan.minimumAgreement) return keep("below-agreement", opinion);

  const blended = blendLogits(sam, network, plan.samWeight);
  const logits = cutOut === undefined ? blended : subtractLogits(blended, cutOut);
  if (!hasPositive(logits)) return keep("sam-returned-empty", opinion);
  const quality = estimateQuality(plan, segment, opinion, true);
  return { logits, outcome: { kind: "refined", prompts, ...opinion, quality } };
}

/** Large components weigh more than small ones. */
function meanPredictedIou(answers: readonly UnitAnswer[]): number {
  let sum = 0;
  let weights = 0;
  for (const { unit, candidate } of answers) {
    sum += unit.area * candidate.predictedIou;
    weights += unit.area;
  }
  return weights === 0 ? 0 : sum / weights;
}

function hasPositive(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if ((values[i] as number) > 0) return true;
  return false;
}
