import type { Image2D } from "../image/image.ts";
import { resizeAntialiased } from "../kernels/resize.ts";
import type { Mask, Segment, SegmentNumber, SegmentStack } from "../mask/mask.ts";
import { emptyMask, maskAbove, maskArea, maskBox } from "../mask/measure.ts";
import { maskCentroid } from "../prompt/seed.ts";
import type { PromptableSegmenter } from "../segmenter.ts";
import { withoutCleanUp } from "./exceptions.ts";
import type { RefinementPlan } from "./plan.ts";
import { prepareSegments } from "./prepare-segments.ts";
import { refine } from "./refine.ts";
import type { RefinementResult, SegmentOutcome } from "./result.ts";
import type { RefineVolumeOptions, StopReason, VolumeSlice, VolumeToRefine } from "./volume.ts";
import type { PropagationStop, VolumeRule } from "./volume-rule.ts";

type PropagateRule = Extract<VolumeRule, { readonly mode: "propagate" }>;

/** What is known of one class on one slice. */
interface Found {
  readonly segment: Segment;
  readonly outcome: SegmentOutcome;
}

interface SweptSlice {
  readonly found: Map<SegmentNumber, Found>;
  readonly propagated: SegmentNumber[];
  readonly stopped: Map<SegmentNumber, StopReason>;
  ignore: Mask | undefined;
}

/**
 * Propagation between slices (methods 7). The neighbour's result stands in for the network's proposal, so that the plan's
 * own prompts, blend and gates apply: a box-only plan with a margin is MedSAM's. All classes go up together, each from its
 * key slice on, then down together; a slice is encoded at most twice. Yields descending k.
 */
export async function* propagateSlices(
  volume: VolumeToRefine,
  plan: RefinementPlan,
  segmenter: PromptableSegmenter | undefined,
  options: RefineVolumeOptions,
  rule: PropagateRule,
): AsyncGenerator<VolumeSlice> {
  const { slices, initial } = volume;
  const keys = keySlices(volume, plan, options);
  const sweep = async (k: number, neighbour: number, numbers: readonly SegmentNumber[]): Promise<void> => {
    const image = slices[k];
    const swept = done[k];
    const proposals = initial[k];
    if (image === undefined || swept === undefined || proposals === undefined || numbers.length === 0) return;
    const before = done[neighbour]?.found;
    const carried = new Map<SegmentNumber, Mask>();
    const segments = proposals.segments.flatMap((proposed): Segment[] => {
      const { number } = proposed;
      if (!numbers.includes(number)) return [];
      const isMarked = keys.get(number) === k || (rule.from === "every-slice" && presentIn(proposed, proposals, plan));
      if (isMarked) return [proposed];
      const mask = before?.get(number)?.segment.mask;
      if (mask === undefined || !mask.data.includes(1)) return [];
      carried.set(number, mask);
      return [carriedSegment(number, mask, proposals)];
    });
    if (segments.length === 0) return;
    const result = await refine(image, { geometry: proposals.geometry, segments }, plan, segmenter, options);
    for (const segment of result.stack.segments) {
      const outcome = result.outcomes.get(segment.number) ?? { kind: "absent" };
      const neighbourMask = carried.get(segment.number);
      const reason = neighbourMask && stopReason(segment.mask, outcome, neighbourMask, rule.stop);
      if (reason !== undefined) {
        swept.stopped.set(segment.number, reason);
        continue;
      }
      if (neighbourMask !== undefined) swept.propagated.push(segment.number);
      swept.found.set(segment.number, { segment, outcome });
    }
    swept.ignore = unite(swept.ignore, result.ignore);
  };

  const done = slices.map(
    (): SweptSlice => ({ found: new Map(), propagated: [], stopped: new Map(), ignore: undefined }),
  );
  const numbersWhere = (isWanted: (key: number) => boolean): SegmentNumber[] =>
    [...keys].flatMap(([number, key]) => (isWanted(key) ? [number] : []));
  for (const k of slices.keys()) {
    options.signal?.throwIfAborted();
    await sweep(
      k,
      k - 1,
      numbersWhere((key) => key <= k),
    );
  }
  for (let k = slices.length - 1; k >= 0; k--) {
    options.signal?.throwIfAborted();
    await sweep(
      k,
      k + 1,
      numbersWhere((key) => key > k),
    );
    yield finishSlice(k, volume, plan, done, options);
    // The slice above has been handed on as well as handed out.
    done[k + 1]?.found.clear();
  }
}

function finishSlice(
  k: number,
  { slices, initial }: VolumeToRefine,
  plan: RefinementPlan,
  done: readonly SweptSlice[],
  options: RefineVolumeOptions,
): VolumeSlice {
  const { geometry } = slices[k] as Image2D;
  const { found, propagated, stopped, ignore } = done[k] as SweptSlice;
  const numbers = (initial[k]?.segments ?? []).map(({ number }) => number);
  const segments = numbers.map((number): Segment => {
    const known = found.get(number)?.segment;
    if (known !== undefined) return known;
    const mask = emptyMask(geometry);
    return options.probabilities === false
      ? { number, mask }
      : { number, mask, probability: new Float32Array(mask.data.length) };
  });
  const result: RefinementResult = {
    planId: plan.id,
    stack: { geometry, segments },
    outcomes: new Map(numbers.map((number) => [number, found.get(number)?.outcome ?? { kind: "absent" }])),
    ...(plan.accept && { ignore: ignore ?? emptyMask(geometry) }),
  };
  return { k, result, propagated: propagated.toSorted((a, b) => a - b), stopped };
}

/** Per class the slice where the box of its cleaned mask is largest; classes that are nowhere have none. */
function keySlices(
  { slices, initial }: VolumeToRefine,
  plan: RefinementPlan,
  { displayRange }: RefineVolumeOptions,
): ReadonlyMap<SegmentNumber, number> {
  const best = new Map<SegmentNumber, { readonly k: number; readonly area: number }>();
  for (const [k, stack] of initial.entries()) {
    const image = slices[k];
    if (image === undefined) continue;
    for (const { number, cleaned } of prepareSegments(stack, plan, { image, displayRange })) {
      const box = maskBox(cleaned);
      if (box === undefined) continue;
      const area = (box.xMax - box.xMin + 1) * (box.yMax - box.yMin + 1);
      if (area > (best.get(number)?.area ?? 0)) best.set(number, { k, area });
    }
  }
  return new Map([...best].map(([number, { k }]) => [number, k]));
}

function presentIn(segment: Segment, { geometry }: SegmentStack, plan: RefinementPlan): boolean {
  const stack = { geometry, segments: [segment] };
  return prepareSegments(stack, withoutCleanUp(plan)).some(({ raw }) => raw.data.includes(1));
}

/** The neighbour's mask on the network's grid; the share of a pixel that it covers is its probability. */
function carriedSegment(number: SegmentNumber, mask: Mask, { geometry }: SegmentStack): Segment {
  const covered = resizeAntialiased(Float32Array.from(mask.data), mask.geometry, geometry);
  const probability = Float32Array.from(covered);
  return { number, mask: maskAbove(probability, geometry, 0.5), probability };
}

function stopReason(
  mask: Mask,
  outcome: SegmentOutcome,
  neighbour: Mask,
  stop: PropagationStop,
): StopReason | undefined {
  if (outcome.kind !== "refined") return "not-found";
  if (maskArea(mask) < stop.minimumArea) return "too-small";
  if (outcome.predictedIou < stop.minimumPredictedIou) return "low-predicted-iou";
  const { objectScore } = outcome.features;
  if (objectScore !== undefined && objectScore < (stop.minimumObjectScore ?? objectScore)) return "no-object";
  if (outcome.agreement < stop.minimumNeighbourDice) return "unlike-neighbour";
  const [from, to, box] = [maskCentroid(neighbour), maskCentroid(mask), maskBox(neighbour)];
  if (from === undefined || to === undefined || box === undefined) return "not-found";
  const way = Math.hypot(to.x - from.x, to.y - from.y);
  const diagonal = Math.hypot(box.xMax - box.xMin + 1, box.yMax - box.yMin + 1);
  return way > stop.maximumCentroidShift * diagonal ? "jumped-away" : undefined;
}

function unite(a: Mask | undefined, b: Mask | undefined): Mask | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return { geometry: a.geometry, data: a.data.map((value, i) => value | (b.data[i] as number)) };
}
