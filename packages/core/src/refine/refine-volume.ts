import { RefineError } from "../errors.ts";
import { isSameGrid } from "../kernels/grid.ts";
import type { SegmentStack } from "../mask/mask.ts";
import type { PromptableSegmenter } from "../segmenter.ts";
import { medianOverSlices } from "./median-over-slices.ts";
import type { RefinementPlan } from "./plan.ts";
import { propagateSlices } from "./propagate-slices.ts";
import { refine } from "./refine.ts";
import { refineThreePlanes } from "./three-planes.ts";
import type { RefineVolumeOptions, VolumeSlice, VolumeToRefine } from "./volume.ts";
import { keepVolumeComponents } from "./volume-components.ts";

/**
 * Runs a plan on a volume as its `volume` rule says, and yields every slice once: ascending k, or descending k where masks
 * are propagated. One embedding is alive at a time. What is held besides: with `propagate` the masks of the slices that
 * wait for the way down (with `medianOverSlices` their probabilities too), with `three-planes` two bytes per voxel and class, with `component` the results of
 * all slices, none of which is yielded before the last is refined.
 *
 * @throws RefineError `shape-mismatch` when slices and proposals do not fit together, and what {@link refine} throws.
 *   Aborting rejects with the signal's reason.
 */
export async function* refineVolume(
  volume: VolumeToRefine,
  plan: RefinementPlan,
  segmenter: PromptableSegmenter | undefined,
  options: RefineVolumeOptions,
): AsyncGenerator<VolumeSlice> {
  requireVolume(volume);
  const rule = plan.volume ?? { mode: "slice-wise" };
  const isFiltered = rule.mode !== "three-planes" && rule.medianOverSlices === true;
  const { onProgress, ...others } = options;
  // The filter needs probabilities, whether or not the caller wants them.
  const inner = isFiltered ? { ...others, probabilities: true } : others;
  const slices =
    rule.mode === "propagate"
      ? propagateSlices(volume, plan, segmenter, inner, rule)
      : rule.mode === "three-planes"
        ? refineThreePlanes(volume, plan, segmenter, inner)
        : refineSlices(volume, plan, segmenter, inner);
  const finished = isFiltered ? medianOverSlices(slices, plan, options.probabilities !== false) : slices;
  const counted = countSlices(finished, volume.slices.length, onProgress);
  yield* rule.component === undefined ? counted : keepVolumeComponents(counted, rule.component);
}

async function* countSlices(
  slices: AsyncIterable<VolumeSlice>,
  total: number,
  onProgress: RefineVolumeOptions["onProgress"],
): AsyncGenerator<VolumeSlice> {
  let completed = 0;
  onProgress?.({ stage: "refine", completed, total, unit: "slice" });
  for await (const slice of slices) {
    onProgress?.({ stage: "refine", completed: ++completed, total, unit: "slice" });
    yield slice;
  }
}

async function* refineSlices(
  { slices, initial, secondOpinion }: VolumeToRefine,
  plan: RefinementPlan,
  segmenter: PromptableSegmenter | undefined,
  options: RefineVolumeOptions,
): AsyncGenerator<VolumeSlice> {
  for (const [k, slice] of slices.entries()) {
    const proposal = initial[k];
    if (proposal === undefined) continue;
    const result = await refine(slice, proposal, plan, segmenter, { ...options, secondOpinion: secondOpinion?.[k] });
    yield { k, result, propagated: [], stopped: new Map() };
  }
}

function requireVolume({ slices, initial }: VolumeToRefine): void {
  const [first] = slices;
  if (slices.length !== initial.length || first === undefined) {
    throw new RefineError(
      "shape-mismatch",
      `A volume needs one proposal per slice, found ${slices.length} slices and ${initial.length} proposals.`,
    );
  }
  const numbersOf = (stack: SegmentStack | undefined): string =>
    (stack?.segments ?? []).map(({ number }) => number).join(", ");
  const odd = slices.findIndex(
    (slice, k) => !isSameGrid(slice.geometry, first.geometry) || numbersOf(initial[k]) !== numbersOf(initial[0]),
  );
  if (odd === -1) return;
  throw new RefineError(
    "shape-mismatch",
    `Slice ${odd} has another grid or other classes than slice 0 (${first.geometry.columns} x ${first.geometry.rows}; ${numbersOf(initial[0])}).`,
    { details: { slice: odd } },
  );
}
