import {
  type DatasetCase,
  otherView,
  type PromptableSegmenter,
  type RefinementPlan,
  type RefinementResult,
  refine,
  refineVolume,
  type SegmentStack,
  secondView,
  type TestTimeAugmentation,
} from "@samrefine/core";
import type { OpenedDataset } from "../dataset/open-dataset.ts";
import { spacingOf } from "../dataset/spacing.ts";
import { displayRangeOf, exclusiveLabels, proposeCase, type Unet } from "../models/propose.ts";
import { SliceSam } from "../models/slice-sam.ts";

export interface PlansTask {
  readonly dataset: OpenedDataset;
  readonly unet: Unet;
  readonly sam: PromptableSegmenter | undefined;
  readonly plans: readonly RefinementPlan[];
  readonly signal: AbortSignal;
  /** Every how many slices of a volume are looked at; default 1. */
  readonly slicesEvery?: number;
  /** What the prompts are made of: the network's prediction (default), or the reference, as an annotator would prompt. */
  readonly initial?: InitialSource;
  /** Measure every quality feature, for fitting. */
  readonly measureAll?: boolean;
}

export type InitialSource = "prediction" | "reference";

export type SliceOutcomes = Pick<RefinementResult, "outcomes">;

/** What one plan made of one case. */
export interface PlanRun {
  readonly plan: RefinementPlan;
  /** Exclusive labels on the image's grid, one array per slice. */
  readonly labels: Uint8Array[];
  /** Per slice; the masks themselves are let go, since those of many plans would not fit in memory. */
  readonly outcomes: SliceOutcomes[];
  /** As if no other plan had run. */
  seconds: number;
}

export interface CaseRun {
  /** The slices that were looked at; the geometry keeps the distance between them. */
  readonly image: DatasetCase;
  readonly reference: readonly Uint8Array[];
  readonly proposals: ReadonlyMap<TestTimeAugmentation, Proposal>;
  readonly runs: readonly PlanRun[];
}

interface Proposal {
  readonly stacks: readonly SegmentStack[];
  readonly seconds: number;
}

/** Runs every plan on one case, slice by slice, so that all share the slice's encoding. */
export async function runPlans(id: string, task: PlansTask): Promise<CaseRun> {
  const { dataset, plans, signal, unet } = task;
  const whole = await dataset.readCase(id);
  const labels = await dataset.readLabels(id);
  const chosen = chosenSlices(whole.slices.length, task.slicesEvery ?? 1);
  const reference = chosen.map((k) => labels.slices[k]!);
  const displayRange = displayRangeOf(whole, dataset.channelName, unet.manifest.intensity);
  const image = thinned(whole, chosen, task.slicesEvery ?? 1);
  const proposals =
    task.initial === "reference"
      ? proposalsOfReference(image, reference, task)
      : await proposeForAll(whole, chosen, task);
  const sam = task.sam === undefined ? undefined : new SliceSam(task.sam);
  const runs = plans.map(
    (plan): PlanRun => ({
      plan,
      labels: [],
      outcomes: [],
      seconds: proposals.get(plan.testTimeAugmentation)!.seconds,
    }),
  );
  const options = { displayRange, signal, measureAll: task.measureAll };
  try {
    for (const [index, slice] of image.slices.entries()) {
      for (const run of runs) {
        if (goesThroughVolume(run.plan)) continue;
        signal.throwIfAborted();
        const initial = proposals.get(run.plan.testTimeAugmentation)!.stacks[index]!;
        const view = viewToCompare(run.plan, task);
        const secondOpinion = view && proposals.get(view)!.stacks[index];
        const work = async (): Promise<void> => {
          const result = await refine(slice, initial, run.plan, sam, { ...options, secondOpinion });
          run.outcomes.push({ outcomes: result.outcomes });
          run.labels.push(exclusiveLabels(result.stack));
        };
        run.seconds += await secondsOf(work, sam);
      }
      await sam?.forgetSlice();
    }
    for (const run of runs.filter(({ plan }) => goesThroughVolume(plan))) {
      const initial = proposals.get(run.plan.testTimeAugmentation)!.stacks;
      const view = viewToCompare(run.plan, task);
      const secondOpinion = view && proposals.get(view)!.stacks;
      const volume = { slices: image.slices, initial, spacing: spacingOf(image), secondOpinion };
      const work = async (): Promise<void> => {
        for await (const { k, result } of refineVolume(volume, run.plan, sam, options)) {
          run.outcomes[k] = { outcomes: result.outcomes };
          run.labels[k] = exclusiveLabels(result.stack);
        }
      };
      run.seconds += await secondsOf(work, sam);
    }
  } finally {
    await sam?.dispose();
  }
  return { image, reference, proposals, runs };
}

function viewToCompare(
  plan: RefinementPlan,
  { measureAll }: { readonly measureAll?: boolean | undefined },
): TestTimeAugmentation | undefined {
  return measureAll === true ? otherView(plan) : secondView(plan);
}

/** Such a plan needs neighbouring slices, and cannot share a slice's encoding with other plans. */
function goesThroughVolume({ volume }: RefinementPlan): boolean {
  return volume !== undefined && (volume.mode !== "slice-wise" || volume.medianOverSlices === true);
}

/** The reference as a proposal on the image's own grid, certain of every pixel. */
function proposalsOfReference(
  { slices }: DatasetCase,
  reference: readonly Uint8Array[],
  { dataset, plans, measureAll }: PlansTask,
): ReadonlyMap<TestTimeAugmentation, Proposal> {
  const stacks = slices.map(
    ({ geometry }, k): SegmentStack => ({
      geometry,
      segments: dataset.labels.map(({ value }) => ({
        number: value,
        mask: { geometry, data: Uint8Array.from(reference[k]!, (label) => Number(label === value)) },
      })),
    }),
  );
  const views = plans.flatMap((plan) => [plan.testTimeAugmentation, viewToCompare(plan, { measureAll }) ?? []].flat());
  return new Map(views.map((view) => [view, { stacks, seconds: 0 }]));
}

/** Every `every`-th slice, beginning with the middle of the first so many. */
function chosenSlices(count: number, every: number): readonly number[] {
  const chosen: number[] = [];
  for (let k = Math.min(every >> 1, count - 1); k < count; k += every) chosen.push(k);
  return chosen;
}

function thinned(image: DatasetCase, chosen: readonly number[], every: number): DatasetCase {
  if (chosen.length === image.slices.length) return image;
  const { size, indexToPatient } = image.geometry;
  const m = indexToPatient;
  const first = chosen[0]!;
  const row = (start: 0 | 4 | 8): [number, number, number, number] => {
    const [i, j, k, origin] = [m[start]!, m[start + 1]!, m[start + 2]!, m[start + 3]!];
    return [i, j, k * every, origin + k * first];
  };
  return {
    ...image,
    geometry: {
      ...image.geometry,
      size: [size[0], size[1], chosen.length],
      indexToPatient: [...row(0), ...row(4), ...row(8), 0, 0, 0, 1],
    },
    slices: chosen.map((k) => image.slices[k]!),
  };
}

async function proposeForAll(
  image: DatasetCase,
  slices: readonly number[],
  { plans, unet, signal, measureAll }: PlansTask,
): Promise<ReadonlyMap<TestTimeAugmentation, Proposal>> {
  const proposals = new Map<TestTimeAugmentation, Proposal>();
  for (const testTimeAugmentation of plans.flatMap((plan) =>
    [plan.testTimeAugmentation, viewToCompare(plan, { measureAll }) ?? []].flat(),
  )) {
    if (proposals.has(testTimeAugmentation)) continue;
    const started = performance.now();
    const stacks = await proposeCase(image, unet, { testTimeAugmentation, signal, slices });
    proposals.set(testTimeAugmentation, { stacks, seconds: (performance.now() - started) / 1000 });
  }
  return proposals;
}

async function secondsOf(work: () => Promise<void>, sam: SliceSam | undefined): Promise<number> {
  if (sam !== undefined) return (await sam.charge(work)).seconds;
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
