import type { Segment } from "../mask/mask.ts";
import { logitsOfProbability } from "../prompt/mask-prompt.ts";
import { classRanks, masksOfLogits } from "./fuse-logits.ts";
import { wholePatch } from "./logit-patch.ts";
import type { RefinementPlan } from "./plan.ts";
import type { SegmentOutcome } from "./result.ts";
import type { VolumeSlice } from "./volume.ts";

/**
 * Replaces every class's probability by the median of the slice and its two neighbours, against flicker along k (methods
 * 7). The first and the last slice stay. A class that is absent on a slice stays absent: filling gaps is what propagation
 * is for.
 *
 * @param slices neighbouring ones in a row, in either direction, with probabilities.
 */
export async function* medianOverSlices(
  slices: AsyncIterable<VolumeSlice>,
  plan: RefinementPlan,
  keepProbabilities: boolean,
): AsyncGenerator<VolumeSlice> {
  const window: VolumeSlice[] = [];
  const filter = (slice: VolumeSlice, a: VolumeSlice, b: VolumeSlice): VolumeSlice =>
    filtered(slice, a, b, plan, keepProbabilities);
  for await (const slice of slices) {
    window.push(slice);
    const [first, second, third] = window;
    if (first === undefined || second === undefined) continue;
    if (third === undefined) {
      // Its only neighbour twice: the median is one of the two, and the slice itself has the casting vote.
      yield filter(first, first, second);
      continue;
    }
    yield filter(second, first, third);
    window.shift();
  }
  const last = window.at(-1);
  if (last !== undefined) yield filter(last, last, last);
}

function filtered(
  slice: VolumeSlice,
  before: VolumeSlice,
  after: VolumeSlice,
  plan: RefinementPlan,
  keepProbabilities: boolean,
): VolumeSlice {
  const { geometry, segments } = slice.result.stack;
  const probabilities = segments.map(({ number, probability, mask }, index) => {
    const own = probability ?? Float32Array.from(mask.data);
    if (slice.result.outcomes.get(number)?.kind === "absent") return own;
    const [a, b] = [before, after].map(({ result }) => result.stack.segments[index]?.probability ?? own);
    return own.map((value, i) => medianOfThree(value, a?.[i] ?? value, b?.[i] ?? value));
  });
  const ranks = classRanks(
    segments.map(({ number }) => number),
    plan.priority,
  );
  const logits = probabilities.map((probability) => wholePatch(logitsOfProbability(probability), geometry));
  const masks = masksOfLogits(logits, geometry, plan.fusion ?? "independent", ranks);
  const outcomes = new Map(slice.result.outcomes);
  const changed = segments.map((segment, index): Segment => {
    const mask = masks[index] ?? segment.mask;
    const absent: SegmentOutcome = { kind: "absent" };
    if (!mask.data.includes(1)) outcomes.set(segment.number, absent);
    const probability = probabilities[index];
    return keepProbabilities && probability !== undefined
      ? { number: segment.number, mask, probability }
      : { number: segment.number, mask };
  });
  return { ...slice, result: { ...slice.result, stack: { geometry, segments: changed }, outcomes } };
}

function medianOfThree(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
