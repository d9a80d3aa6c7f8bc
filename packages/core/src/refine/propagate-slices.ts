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

/** What one way through the volume brought to a slice. */
interface SweptSlice {
  readonly found: ReadonlyMap<SegmentNumber, Found>;
  /** Those of the found ones that came from the neighbour. */
  readonly propagated: ReadonlySet<SegmentNumber>;
  readonly stopped: ReadonlyMap<SegmentNumber, StopReason>;
  readonly ignore: Mask | undefined;
}

const NOTHING: SweptSlice = { found: new Map(), propagated: new Set(), stopped: new Map(), ignore: undefined };

/**
 * Propagation between slices (methods 7). The neighbour's result stands in for the network's proposal, so that the plan's
 * own prompts, blend and gates apply: a box-only plan with a margin is MedSAM's. All classes go up together, each from its
 * key slice on, then down together; where two ways meet, each goes through the whole volume. A slice is encoded at most
 * twice. Yields descending k.
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
  const numbersWhere = (isWanted: (key: number) => boolean): SegmentNumber[] =>
    [...keys].flatMap(([number, key]) => (isWanted(key) ? [number] : []));
  const visit = async (
    k: number,
    neighbour: ReadonlyMap<SegmentNumber, Found>,
    numbers: readonly SegmentNumber[],
  ): Promise<SweptSlice> => {
    const image = slices[k];
    const proposals = initial[k];
    if (image === undefined || proposals === undefined || numbers.length === 0) return NOTHING;
    const carried = new Map<SegmentNumber, Mask>();
    const segments = proposals.segments.flatMap((proposed): Segment[] => {
      const { number } = proposed;
      if (!numbers.includes(number)) return [];
      const isMarked = keys.get(number) === k || (rule.from === "every-slice" && presentIn(proposed, proposals, plan));
      if (isMarked) return [proposed];
      const mask = neighbour.get(number)?.segment.mask;
      if (mask === undefined || !mask.data.includes(1)) return [];
      carried.set(number, mask);
      return [carriedSegment(number, mask, proposals)];
    });
    if (segments.length === 0) return NOTHING;
    const result = await refine(image, { geometry: proposals.geometry, segments }, plan, segmenter, options);
    const found = new Map<SegmentNumber, Found>();
    const propagated = new Set<SegmentNumber>();
    const stopped = new Map<SegmentNumber, StopReason>();
    for (const segment of result.stack.segments) {
      const outcome = result.outcomes.get(segment.number) ?? { kind: "absent" };
      const neighbourMask = carried.get(segment.number);
      const reason = neighbourMask && stopReason(segment.mask, outcome, neighbourMask, rule.stop);
      if (reason !== undefined) {
        stopped.set(segment.number, reason);
        continue;
      }
      if (neighbourMask !== undefined) propagated.add(segment.number);
      found.set(segment.number, { segment, outcome });
    }
    return { found, propagated, stopped, ignore: result.ignore };
  };

  const meets = rule.meet !== undefined;
  const upward: SweptSlice[] = [];
  for (const k of slices.keys()) {
    options.signal?.throwIfAborted();
    const numbers = numbersWhere((key) => meets || key <= k);
    upward.push(await visit(k, upward[k - 1]?.found ?? NOTHING.found, numbers));
  }
  let above = NOTHING.found;
  for (let k = slices.length - 1; k >= 0; k--) {
    options.signal?.throwIfAborted();
    // Handed out slice by slice, so that no more is held than waits.
    const up = upward.pop() ?? NOTHING;
    const marked = new Map([...up.found].filter(([number]) => !up.propagated.has(number)));
    const numbers = numbersWhere((key) => meets || key > k).filter((number) => !marked.has(number));
    const down = await visit(k, above, numbers);
    above = new Map([...marked, ...down.found]);
    yield finishSlice(k, volume, plan, joinWays(up, down, rule.meet), options);
  }
}

/** What both ways brought. Where they brought the same class, or with `agreement` where only one did, the rule decides. */
function joinWays(up: SweptSlice, down: SweptSlice, meet: PropagateRule["meet"]): SweptSlice {
  const found = new Map([...up.found, ...down.found]);
  const stopped = new Map([...up.stopped, ...down.stopped]);
  const propagated = new Set([...up.propagated, ...down.propagated]);
  for (const number of propagated) {
    const [a, b] = [up.found.get(number), down.found.get(number)];
    const joined = meet === "agreement" ? a && b && sharedPart(a, b) : surerOf(a, b);
    if (joined !== undefined) {
      found.set(number, joined);
      continue;
    }
    found.delete(number);
    propagated.delete(number);
    if (!stopped.has(number)) stopped.set(number, "one-way");
  }
  for (const number of found.keys()) stopped.delete(number);
  return { found, propagated, stopped, ignore: unite(up.ignore, down.ignore) };
}

function surerOf(a: Found | undefined, b: Found | undefined): Found | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const claimOf = ({ outcome }: Found): number => (outcome.kind === "refined" ? outcome.predictedIou : 0);
  return claimOf(b) > claimOf(a) ? b : a;
}

/** The pixels of both masks, with the smaller probability; undefined where they have none in common. */
function sharedPart(a: Found, b: Found): Found | undefined {
  const { number, mask, probability } = a.segment;
  const other = b.segment;
  const data = mask.data.map((value, i) => value & (other.mask.data[i] as number));
  if (!data.includes(1)) return undefined;
  const least = probability?.map((p, i) => Math.min(p, other.probability?.[i] ?? p));
  const segment: Segment = { number, mask: { geometry: mask.geometry, data }, ...(least && { probability: least }) };
  return { segment, outcome: (surerOf(a, b) ?? a).outcome };
}

function finishSlice(
  k: number,
  { slices, initial }: VolumeToRefine,
  plan: RefinementPlan,
  { found, propagated, stopped, ignore }: SweptSlice,
  options: RefineVolumeOptions,
): VolumeSlice {
  const { geometry } = slices[k] as Image2D;
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
  return { k, result, propagated: [...propagated].sort((a, b) => a - b), stopped };
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
