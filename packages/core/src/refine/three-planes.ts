import type { ImageGeometry } from "../geometry/geometry.ts";
import type { Image2D } from "../image/image.ts";
import { resizeBilinear } from "../kernels/resize.ts";
import type { Segment, SegmentStack } from "../mask/mask.ts";
import { maskAbove } from "../mask/measure.ts";
import { logitsOfProbability } from "../prompt/mask-prompt.ts";
import type { PromptableSegmenter } from "../segmenter.ts";
import { classRanks, masksOfLogits } from "./fuse-logits.ts";
import { wholePatch } from "./logit-patch.ts";
import type { RefinementPlan } from "./plan.ts";
import { refine } from "./refine.ts";
import type { SegmentOutcome } from "./result.ts";
import type { RefineVolumeOptions, VolumeSlice, VolumeToRefine } from "./volume.ts";

/** A plane across the slices. Its image has the free axis of the slices as columns and k as rows. */
type AcrossAxis = "row" | "column";

/** Probabilities are added up in steps of 1/255, so that two bytes per voxel and class are enough. */
const STEPS = 255;

/**
 * Slice by slice along k, then along j, then along i; the mean of the three probabilities decides. Outcomes are those of
 * the slices along k. A volume of one slice has no other planes.
 */
export async function* refineThreePlanes(
  volume: VolumeToRefine,
  plan: RefinementPlan,
  segmenter: PromptableSegmenter | undefined,
  options: RefineVolumeOptions,
): AsyncGenerator<VolumeSlice> {
  const { slices, initial, secondOpinion } = volume;
  const { geometry } = slices[0] as Image2D;
  const plane = geometry.columns * geometry.rows;
  const numbers = (initial[0]?.segments ?? []).map(({ number }) => number);
  const sums = numbers.map(() => new Uint16Array(plane * slices.length));
  const add = (segments: readonly Segment[], voxelOf: (pixel: number) => number): void => {
    for (const [index, { probability }] of segments.entries()) {
      const sum = sums[index];
      if (sum === undefined || probability === undefined) continue;
      for (let pixel = 0; pixel < probability.length; pixel++) {
        const voxel = voxelOf(pixel);
        sum[voxel] = (sum[voxel] as number) + Math.round(STEPS * (probability[pixel] as number));
      }
    }
  };
  const inner = { ...options, probabilities: true };

  const kept: Omit<VolumeSlice, "k">[] = [];
  for (const [k, slice] of slices.entries()) {
    const { stack, ...result } = await refine(slice, initial[k] as SegmentStack, plan, segmenter, {
      ...inner,
      secondOpinion: secondOpinion?.[k],
    });
    add(stack.segments, (pixel) => k * plane + pixel);
    // The masks are made anew from the sums; the outcomes stay.
    kept.push({ result: { ...result, stack: { geometry, segments: [] } }, propagated: [], stopped: new Map() });
  }
  const axes: readonly AcrossAxis[] = slices.length === 1 ? [] : ["row", "column"];
  for (const axis of axes) {
    const [count, columns] = axis === "row" ? [geometry.rows, geometry.columns] : [geometry.columns, geometry.rows];
    const output: ImageGeometry = { columns, rows: slices.length };
    for (let index = 0; index < count; index++) {
      const image = planeImage(volume, axis, index);
      const proposal = planeProposal(volume, axis, index, count);
      const { stack } = await refine(image, proposal, plan, segmenter, { ...inner, outputGeometry: output });
      add(stack.segments, (pixel) => {
        const [along, k] = [pixel % columns, Math.floor(pixel / columns)];
        const [x, y] = axis === "row" ? [along, index] : [index, along];
        return k * plane + y * geometry.columns + x;
      });
    }
  }

  const scale = 1 / (STEPS * (1 + axes.length));
  for (const [k, entry] of kept.entries()) {
    const probabilities = sums.map((sum) =>
      Float32Array.from(sum.subarray(k * plane, (k + 1) * plane), (value) => value * scale),
    );
    const logits = probabilities.map((probability) => wholePatch(logitsOfProbability(probability), geometry));
    const masks = masksOfLogits(logits, geometry, plan.fusion ?? "independent", classRanks(numbers, plan.priority));
    const outcomes = new Map(entry.result.outcomes);
    const segments = numbers.map((number, index): Segment => {
      const probability = probabilities[index] as Float32Array;
      const mask = masks[index] ?? maskAbove(probability, geometry, 0.5);
      const absent: SegmentOutcome = { kind: "absent" };
      if (!mask.data.includes(1)) outcomes.set(number, absent);
      return options.probabilities === false ? { number, mask } : { number, mask, probability };
    });
    yield { ...entry, k, result: { ...entry.result, stack: { geometry, segments }, outcomes } };
  }
}

/** The image of a plane, stretched so that its pixels are square. */
function planeImage({ slices, spacing = [1, 1, 1] }: VolumeToRefine, axis: AcrossAxis, index: number): Image2D {
  const { geometry, channels } = slices[0] as Image2D;
  const columns = axis === "row" ? geometry.columns : geometry.rows;
  const data = new Float32Array(columns * slices.length * channels);
  let target = 0;
  for (const slice of slices) {
    for (let along = 0; along < columns; along++) {
      const pixel = axis === "row" ? index * geometry.columns + along : along * geometry.columns + index;
      for (let c = 0; c < channels; c++) data[target++] = slice.data[pixel * channels + c] as number;
    }
  }
  const from = { columns, rows: slices.length };
  const [across, along] = [spacing[2], axis === "row" ? spacing[0] : spacing[1]];
  const to =
    across >= along
      ? { columns, rows: Math.max(1, Math.round((from.rows * across) / along)) }
      : { columns: Math.max(1, Math.round((columns * along) / across)), rows: from.rows };
  return { geometry: to, channels, data: resizeBilinear(data, from, to, channels) };
}

/** The network's probabilities on a plane: linear between the two nearest lines of its grid, one row per slice. */
function planeProposal({ initial }: VolumeToRefine, axis: AcrossAxis, index: number, count: number): SegmentStack {
  const grid = (initial[0] as SegmentStack).geometry;
  const [lines, columns] = axis === "row" ? [grid.rows, grid.columns] : [grid.columns, grid.rows];
  const position = Math.min(Math.max(((index + 0.5) * lines) / count - 0.5, 0), lines - 1);
  const first = Math.floor(position);
  const second = Math.min(first + 1, lines - 1);
  const weight = position - first;
  const geometry = { columns, rows: initial.length };
  const segments = (initial[0] as SegmentStack).segments.map(({ number }, s): Segment => {
    const onPlane = (valuesOf: (segment: Segment) => ArrayLike<number> | undefined): Float32Array | undefined => {
      const plane = new Float32Array(columns * initial.length);
      for (const [k, stack] of initial.entries()) {
        const values = valuesOf(stack.segments[s] as Segment);
        if (values === undefined) return undefined;
        for (let along = 0; along < columns; along++) {
          const at = (line: number): number =>
            values[axis === "row" ? line * grid.columns + along : along * grid.columns + line] as number;
          plane[k * columns + along] = (1 - weight) * at(first) + weight * at(second);
        }
      }
      return plane;
    };
    const logits = onPlane((segment) => segment.logits);
    const probability = onPlane((segment) => segment.probability ?? (logits ? undefined : segment.mask.data));
    const mask =
      probability === undefined
        ? maskAbove(logits as Float32Array, geometry, 0)
        : maskAbove(probability, geometry, 0.5);
    return { number, mask, ...(probability && { probability }), ...(logits && { logits }) };
  });
  return { geometry, segments };
}
