import { RefineError } from "../errors.ts";
import type { ImageGeometry } from "../geometry/geometry.ts";
import { reachOfBox, resizeBilinear } from "../kernels/resize.ts";
import type { Mask, SegmentNumber } from "../mask/mask.ts";
import { emptyMask, maskAbove, type PixelBox } from "../mask/measure.ts";
import type { PointPrompt, Prompt } from "../prompt/prompt.ts";
import type { DecodeOptions, ImageEmbedding, MaskCandidate, PromptableSegmenter, WantedLogits } from "../segmenter.ts";
import type { PromptSource, PromptUnit } from "./derive-prompts.ts";
import { blendLevels, compareLogits } from "./fuse-logits.ts";
import { boxAbove, enlargeWithin, maskOfPatch, unionBox } from "./logit-patch.ts";
import type { RefinementPlan } from "./plan.ts";
import { answerAgreement, maskAgreement } from "./quality.ts";
import type { RefineOptions } from "./result.ts";

/** What SAM answered about one unit: the prompts of all passes and the last candidate, thresholded at 0. */
export interface UnitAnswer {
  readonly unit: PromptUnit;
  readonly prompts: readonly Prompt[];
  readonly candidate: MaskCandidate;
  /** Mean Dice with the answers to moved prompts, where the plan asks for it. */
  readonly promptJitter: number | undefined;
  /** How alike the answers of the passes are, where it is asked for and there are several. */
  readonly passAgreement: number | undefined;
}

export interface SamQuestions {
  /** Called when there is something to ask. The embedding is borrowed. */
  readonly embed: () => Promise<ImageEmbedding>;
  readonly source: PromptSource;
  /** Those of the source that are asked about here; others may be asked about on another part of the image. */
  readonly units: readonly PromptUnit[];
  readonly plan: RefinementPlan;
  readonly segmenter: PromptableSegmenter;
  /** Grid of the prompts; answers of all passes but the last are only needed there. */
  readonly grid: ImageGeometry;
  readonly output: ImageGeometry;
  readonly options: RefineOptions;
  /** The blends of SAM's logits with the network's are wanted where they are above this. */
  readonly level: number;
  /** Measure how alike the answers of the passes are. */
  readonly comparesPasses: boolean;
  readonly onPassDone: () => void;
}

/** What is known about one unit between two passes. */
interface UnitState {
  readonly unit: PromptUnit;
  readonly prompts: Prompt[];
  readonly clicks: PointPrompt[];
  /** On the prompts' grid, pass by pass; only where their agreement is measured. */
  readonly answers: Mask[];
  candidate: MaskCandidate | undefined;
}

const MOVED_PROMPTS = 4;

/** Asks about all units, pass by pass, each pass in one call. The image is encoded only when there is a unit. */
export async function askSam(questions: SamQuestions): Promise<readonly UnitAnswer[]> {
  const { units, plan, options } = questions;
  if (units.length === 0) return [];
  const embedding = await questions.embed();
  const states = units.map((unit): UnitState => ({ unit, prompts: [], clicks: [], answers: [], candidate: undefined }));
  const steps = plan.passes.flatMap((pass, index) => Array.from({ length: pass.repeat ?? 1 }, () => index));
  const task: SamQuestions = { ...questions, comparesPasses: steps.length > 1 && questions.comparesPasses };
  for (const [step, passIndex] of steps.entries()) {
    options.signal?.throwIfAborted();
    const isLast = step === steps.length - 1;
    const asked = states.flatMap((state) => {
      const prompt = nextPrompt(state, passIndex, task);
      if (prompt !== undefined) state.prompts.push(prompt);
      // Nothing left to correct: the last question is repeated at the end, for an answer on the output grid.
      const repeated = prompt ?? (isLast ? state.prompts.at(-1) : undefined);
      return repeated === undefined ? [] : [{ state, prompt: repeated }];
    });
    const answers = await decodeChosen(embedding, asked, isLast ? task.output : task.grid, task);
    for (const [index, { state }] of asked.entries()) {
      const answer = answers[index];
      state.candidate = answer;
      if (task.comparesPasses && answer !== undefined)
        state.answers.push(onGrid(answer, isLast ? task.output : task.grid, task));
    }
    if (!isLast) task.onPassDone();
  }
  const jitter = plan.quality === "prompt-jitter" ? await askMoved(embedding, states, task) : undefined;
  return states.flatMap(({ unit, prompts, candidate, answers }, index) =>
    candidate === undefined
      ? []
      : [{ unit, prompts, candidate, promptJitter: jitter?.[index], passAgreement: answerAgreement(answers) }],
  );
}

/** Undefined when the pass clicks on faults and there is none. */
function nextPrompt(state: UnitState, passIndex: number, { source, plan, grid }: SamQuestions): Prompt | undefined {
  const { unit, clicks, candidate } = state;
  const pass = plan.passes[passIndex];
  if (pass?.errorClicks !== undefined) {
    const current = candidate === undefined ? emptyMask(grid) : candidate.mask;
    const click = source.errorClick(unit, current, clicks.length);
    if (click === undefined) return undefined;
    clicks.push(click);
  }
  return source.prompt(unit, passIndex, { previous: candidate?.lowResLogits, clicks });
}

interface Asked {
  readonly state: UnitState;
  readonly prompt: Prompt;
}

/** One candidate per prompt, by the plan's choice among SAM's tokens. */
async function decodeChosen(
  embedding: ImageEmbedding,
  asked: readonly Asked[],
  output: ImageGeometry,
  task: SamQuestions,
): Promise<readonly MaskCandidate[]> {
  const { maskChoice } = task.plan;
  const prompts = asked.map(({ prompt }) => prompt);
  const options = { outputGeometry: output, logits: wantedLogits(asked, output, task) };
  if (maskChoice !== "agreement") return await decode(embedding, prompts, { ...options, maskChoice }, task);
  const single = await decode(embedding, prompts, { ...options, maskChoice: "token0" }, task);
  const best = await decode(embedding, prompts, { ...options, maskChoice: "bestOf3" }, task);
  return single.map((candidate, index) => {
    const other = best[index];
    const unit = asked[index]?.state.unit;
    if (other === undefined || unit === undefined) return candidate;
    const agreement = ({ logits: { box, data } }: MaskCandidate): number =>
      compareLogits(enlargeWithin(unit.logits, task.grid, output, box).data, data).dice;
    return agreement(other) > agreement(candidate) ? other : candidate;
  });
}

/**
 * What is looked at of SAM's answers. Where the network marks a class, SAM's logits are blended with the network's whatever
 * they are, those about its other components as well. To bring an answer to another grid all of it is needed.
 */
function wantedLogits(asked: readonly Asked[], output: ImageGeometry, task: SamQuestions): "whole" | WantedLogits {
  const { source, plan, grid } = task;
  if (output !== grid && (task.comparesPasses || plan.quality === "prompt-jitter")) return "whole";
  const levels = blendLevels(task.level, plan.samWeight);
  const marked = new Map<SegmentNumber, PixelBox>();
  const mark = ({ segment, logits }: PromptUnit, level: number): void => {
    const own = boxAbove(logits, grid, level);
    marked.set(segment, unionBox([marked.get(segment) ?? own, own]));
  };
  for (const unit of source.units) mark(unit, levels.network);
  // What SAM cannot be asked about stands on its side of the blend as well.
  for (const unit of source.unasked) mark(unit, levels.sam);
  const within = asked.map(({ state: { unit } }) => reachOfBox(marked.get(unit.segment) as PixelBox, grid, output));
  return { above: levels.sam + (plan.logitThreshold ?? 0), within };
}

async function decode(
  embedding: ImageEmbedding,
  prompts: readonly Prompt[],
  options: DecodeOptions,
  { segmenter, plan, options: { signal, logger } }: SamQuestions,
): Promise<readonly MaskCandidate[]> {
  if (prompts.length === 0) return [];
  const candidates = await segmenter.decode(embedding, prompts, { ...options, signal, logger });
  if (candidates.length !== prompts.length) {
    throw new RefineError(
      "inference",
      `${segmenter.modelId} answered ${candidates.length} of ${prompts.length} prompts.`,
      { details: { modelId: segmenter.modelId, found: candidates.length, expected: prompts.length } },
    );
  }
  const threshold = plan.logitThreshold ?? 0;
  if (threshold === 0) return candidates;
  return candidates.map((candidate): MaskCandidate => {
    const { box, data } = candidate.logits;
    const logits = { box, data: data.map((value) => value - threshold) };
    return { ...candidate, logits, mask: maskOfPatch(logits, candidate.mask.geometry) };
  });
}

/** SAM's mask on the grid of the prompts. @param from the grid of its logits. */
function onGrid({ mask, logits }: MaskCandidate, from: ImageGeometry, { grid }: SamQuestions): Mask {
  return from === grid ? mask : maskAbove(resizeBilinear(logits.data, from, grid), grid, 0);
}

/** Per unit the mean Dice between its answer and those to its last prompt, moved a little. */
async function askMoved(
  embedding: ImageEmbedding,
  states: readonly UnitState[],
  task: SamQuestions,
): Promise<readonly (number | undefined)[]> {
  const { source, grid, output } = task;
  const agreements: (number | undefined)[] = [];
  for (const state of states) {
    task.options.signal?.throwIfAborted();
    const last = state.prompts.at(-1);
    if (last === undefined || state.candidate === undefined) {
      agreements.push(undefined);
      continue;
    }
    const asked = source.moved(state.unit, last, MOVED_PROMPTS).map((prompt) => ({ state, prompt }));
    const answers = await decodeChosen(embedding, asked, grid, task);
    const own = onGrid(state.candidate, output, task);
    const sum = answers.reduce((total, { mask }) => total + maskAgreement(own, mask), 0);
    agreements.push(sum / answers.length);
  }
  return agreements;
}
