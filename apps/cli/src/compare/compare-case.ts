import { join } from "node:path";
import {
  type DatasetCase,
  isDegenerateBox,
  planForSegment,
  type RefinementPlan,
  type SegmentOutcome,
  type SegmentStack,
} from "@samrefine/core";
import type { CaseScore } from "@samrefine/evaluation";
import { writeOutput } from "../command-context.ts";
import { maskDice } from "../evaluation/mask-dice.ts";
import { scoreCase } from "../evaluation/score-case.ts";
import { describeOutcomes } from "../models/describe-outcome.ts";
import { displayRangeOf, exclusiveLabels, toNativeGrid } from "../models/propose.ts";
import { type PanelSource, renderPanels } from "../report/render-panels.ts";
import { type PlanRun, type PlansTask, runPlans, type SliceOutcomes } from "./run-plans.ts";

/** What one strategy did with one case. */
export interface StrategyCase {
  readonly caseId: string;
  readonly planId: string;
  /** One per class. */
  readonly scores: readonly CaseScore[];
  /** U-Net, encoding and prompting of this strategy alone, as if no other had run. */
  readonly seconds: number;
  /** Masks (class and slice) that SAM had a part in, and those that stayed as the network's. */
  readonly refinedMasks: number;
  readonly keptMasks: number;
  /** Of the kept ones, those for which no prompt could be made. */
  readonly skippedMasks: number;
  /** Of all boxes that SAM was given, those of a single row or column. */
  readonly degenerateBoxes: number;
  /** Classes that were not proposed, counted once per slice. */
  readonly absentMasks: number;
  /** Masks that pass the plan's acceptance rule; null where the plan has none. */
  readonly acceptedMasks: number | null;
  /** Per mask: the estimated Dice and the true one on that slice. */
  readonly estimates: readonly QualityPair[];
  /** Relative to the report's folder. */
  readonly picture: string;
  /** The slice that the picture shows. */
  readonly pictureSlice: number;
}

export interface QualityPair {
  readonly estimated: number;
  readonly actual: number;
}

export interface CompareTask extends PlansTask {
  readonly out: string;
  /** See `MetricOptions`. */
  readonly voxelUnits?: boolean | undefined;
  readonly surfaceTolerance: number;
}

/** Runs every plan on one case, then scores and draws. */
export async function compareCase(id: string, task: CompareTask): Promise<readonly StrategyCase[]> {
  const { image, reference, proposals, runs } = await runPlans(id, task);
  const shown = sliceToShow(reference);
  const initial = proposals.get(runs[0]!.plan.testTimeAugmentation)!.stacks[shown]!;
  const scored: StrategyCase[] = [];
  for (const run of runs) {
    const counts = countOutcomes(run);
    scored.push({
      caseId: id,
      planId: run.plan.id,
      scores: scoreCase(image, task.dataset, reference, run.labels, task),
      seconds: run.seconds,
      ...counts,
      estimates: run.outcomes.flatMap((result, k) => qualityPairs(result, run.labels[k]!, reference[k]!)),
      picture: await drawPicture({ id, image, shown, reference: reference[shown]!, initial, run }, task),
      pictureSlice: shown,
    });
  }
  return scored;
}

type OutcomeCounts = Pick<
  StrategyCase,
  "refinedMasks" | "keptMasks" | "skippedMasks" | "degenerateBoxes" | "absentMasks" | "acceptedMasks"
>;

function countOutcomes({ plan, outcomes: slices }: PlanRun): OutcomeCounts {
  const found = slices.flatMap((slice) => [...slice.outcomes]);
  const outcomes = found.map(([, outcome]) => outcome);
  const count = (isCounted: (outcome: SegmentOutcome) => boolean): number => outcomes.filter(isCounted).length;
  // A plan may ask SAM for its opinion of a mask and leave the mask alone.
  const judgedMasks = found.filter(
    ([number, { kind }]) => kind === "refined" && planForSegment(plan, number).samWeight === 0,
  ).length;
  return {
    refinedMasks: count(({ kind }) => kind === "refined") - judgedMasks,
    keptMasks: count(({ kind }) => kind === "kept-initial") + judgedMasks,
    skippedMasks: count((outcome) => outcome.kind === "kept-initial" && outcome.reason === "no-prompt"),
    degenerateBoxes: outcomes
      .flatMap((outcome) => (outcome.kind === "absent" ? [] : outcome.prompts))
      .filter(({ box }) => box !== undefined && isDegenerateBox(box)).length,
    absentMasks: count(({ kind }) => kind === "absent"),
    acceptedMasks: plan.accept === undefined ? null : count((outcome) => outcome.kind !== "absent" && outcome.accepted),
  };
}

/**
 * A mask on a slice where the reference holds nothing has a true Dice of 0: the estimate should have warned of it. Masks
 * that fusion left without a pixel are no masks.
 */
function qualityPairs({ outcomes }: SliceOutcomes, found: Uint8Array, truth: Uint8Array): readonly QualityPair[] {
  const pairs: QualityPair[] = [];
  for (const [number, outcome] of outcomes) {
    if (outcome.kind === "absent") continue;
    const actual = maskDice(found, truth, number);
    if (actual !== undefined) pairs.push({ estimated: outcome.quality.value, actual });
  }
  return pairs;
}

/** The slice with the largest reference; the middle one when there is no reference at all. */
function sliceToShow(slices: readonly Uint8Array[]): number {
  const areas = slices.map((slice) => slice.reduce((area, value) => area + Number(value > 0), 0));
  const largest = Math.max(...areas);
  return largest === 0 ? slices.length >> 1 : areas.indexOf(largest);
}

interface PictureTask {
  readonly id: string;
  readonly image: DatasetCase;
  readonly shown: number;
  readonly reference: Uint8Array;
  readonly initial: SegmentStack;
  readonly run: PlanRun;
}

/**
 * Image, reference, what was proposed, what the strategy made of it with its prompts; the reference lies over the last two
 * as an outline, because two filled areas side by side do not show where they differ.
 */
async function drawPicture(
  picture: PictureTask,
  { dataset, unet, out, signal, initial, plans }: CompareTask,
): Promise<string> {
  const slice = picture.image.slices[picture.shown]!;
  const displayRange = displayRangeOf(picture.image, dataset.channelName, unet.manifest.intensity);
  const common = { image: slice, displayRange };
  const prompts = describeOutcomes(picture.run.outcomes[picture.shown]!, slice.geometry).flatMap((segment) =>
    segment.prompts.map((prompt) => ({ labelValue: segment.number, prompt })),
  );
  const panels: readonly PanelSource[] = [
    { ...common, title: "image" },
    { ...common, title: "reference", labels: picture.reference },
    {
      ...{ ...common, outlined: picture.reference },
      title: `${initial === "reference" ? "simulated annotator" : "U-Net"} (dashed: reference)`,
      labels: exclusiveLabels(await toNativeGrid(picture.initial, slice, signal)),
    },
    {
      ...{ ...common, outlined: picture.reference },
      title: `${picture.run.plan.id}${prompts.length > 0 ? " with prompts" : ""} (dashed: reference)`,
      labels: picture.run.labels[picture.shown],
      prompts,
    },
  ];
  const name = `pictures/${picture.id}-${fileStem(picture.run.plan.id, plans)}.png`;
  await writeOutput(join(out, name), await renderPanels(panels));
  return name;
}

/** A plan may be called anything, and a file may not. */
function fileStem(planId: string, plans: readonly RefinementPlan[]): string {
  const stemOf = (id: string): string => id.replaceAll(/[^A-Za-z0-9._=-]+/g, "-").slice(0, 80);
  const stem = stemOf(planId);
  const alike = plans.filter(({ id }) => stemOf(id) === stem);
  return alike.length < 2 ? stem : `${stem}-${alike.findIndex(({ id }) => id === planId) + 1}`;
}
