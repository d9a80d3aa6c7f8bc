import { boxAbove, type GridSize, type LogitPatch, maskOfPatch, type PixelBox, unionBox } from "@samrefine/core";
import { cutMask } from "./cut-mask.ts";
import type { SamFrame } from "./frame.ts";

/**
 * The way back from low-resolution logits to a grid over the extent of the image, as one separable linear map per axis.
 *
 * The reference resizes twice (methods.md 1.5 step 8): low resolution to the frame, crop to the scaled image, then to the
 * image's own pixels, both bilinear with half-pixel centres; a mask on another grid takes the nearest of those pixels. Each
 * output sample of an axis hence depends on at most three neighbouring low-resolution samples with weights that do not
 * depend on the other axis. Composing them first gives the same numbers without the 1024 x 1024 step between.
 */
export interface UpsamplePlan {
  readonly lowResSide: number;
  readonly output: GridSize;
  readonly x: AxisTaps;
  readonly y: AxisTaps;
}

export interface AxisTaps {
  /** First low-resolution index of each output sample; it and the next two count. */
  readonly starts: Int32Array;
  /** Three per output sample, none negative, sum 1. */
  readonly weights: Float64Array;
}

export function planUpsampling(frame: SamFrame, lowResSide: number, output: GridSize): UpsamplePlan {
  const axis = (image: number, scaled: number, target: number) =>
    frame.fit === "stretch"
      ? stretchedTaps({ lowRes: lowResSide, image, target })
      : axisTaps({ lowRes: lowResSide, side: frame.side, scaled, image, target });
  return {
    lowResSide,
    output,
    x: axis(frame.image.columns, frame.scaled.columns, output.columns),
    y: axis(frame.image.rows, frame.scaled.rows, output.rows),
  };
}

/** A stretched frame has no padding to crop: one bilinear step from the low resolution to the image (methods.md 6.3). */
function stretchedTaps({ lowRes, image, target }: Pick<AxisSizes, "lowRes" | "image" | "target">): AxisTaps {
  const starts = new Int32Array(target);
  const weights = new Float64Array(target * 3);
  for (let i = 0; i < target; i++) {
    const tap = linearTap(nearestPixel(i, image, target), image, lowRes);
    const start = Math.min(tap.low, lowRes - 3);
    starts[i] = start;
    weights[i * 3 + tap.low - start] = 1 - tap.weight;
    if (tap.weight > 0) weights[i * 3 + tap.high - start] = tap.weight;
  }
  return { starts, weights };
}

interface AxisSizes {
  readonly lowRes: number;
  readonly side: number;
  readonly scaled: number;
  readonly image: number;
  readonly target: number;
}

function axisTaps({ lowRes, side, scaled, image, target }: AxisSizes): AxisTaps {
  const starts = new Int32Array(target);
  const weights = new Float64Array(target * 3);
  const frameTaps = new Float64Array(4);
  for (let i = 0; i < target; i++) {
    const inFrame = linearTap(nearestPixel(i, image, target), image, scaled);
    let first = -1;
    frameTaps.fill(0);
    for (const [index, weight] of [
      [inFrame.low, 1 - inFrame.weight],
      [inFrame.high, inFrame.weight],
    ] as const) {
      const tap = linearTap(index, side, lowRes);
      if (first < 0) first = tap.low;
      frameTaps[tap.low - first] = frameTaps[tap.low - first]! + weight * (1 - tap.weight);
      frameTaps[tap.high - first] = frameTaps[tap.high - first]! + weight * tap.weight;
    }
    // Shift left at the far border, so that three taps always exist.
    const start = Math.min(first, lowRes - 3);
    starts[i] = start;
    for (let t = 0; t < 3 - (first - start); t++) weights[i * 3 + t + first - start] = frameTaps[t]!;
  }
  return { starts, weights };
}

/** The image's pixel that lies nearest to a sample of another grid over the same extent. */
function nearestPixel(index: number, image: number, target: number): number {
  return Math.min(Math.floor(((index + 0.5) * image) / target), image - 1);
}

/** Bilinear, half-pixel centres, edges repeated: output sample `index` of `target` in a source of `source` samples. */
function linearTap(index: number, target: number, source: number): { low: number; high: number; weight: number } {
  const position = Math.max(0, ((index + 0.5) * source) / target - 0.5);
  const low = Math.min(Math.floor(position), source - 1);
  const high = Math.min(low + 1, source - 1);
  return { low, high, weight: high === low ? 0 : position - low };
}

/** Which logits are wanted; see `DecodeOptions.logits`. */
export interface WantedPart {
  /** All above this; all there are for -Infinity. */
  readonly above: number;
  /** And all within this box of the output grid. */
  readonly within?: PixelBox | undefined;
}

export interface UpsampledMask {
  /** Makes the mask, 1 where the logit is above 0: most who want logits never look at it. */
  readonly cut: () => Uint8Array;
  /** What was wanted, or a little more; nothing when nothing was. */
  readonly logits: LogitPatch;
}

/**
 * Mask and logits on the output grid. Only the part of the grid that is wanted, and that foreground can reach, is computed:
 * weights are never negative, so that no sample is above what all of its taps are not above. Of the mask alone only the
 * outline is interpolated.
 *
 * @param lowRes [lowResSide, lowResSide].
 * @param wanted undefined for the mask alone.
 */
export function upsample(lowRes: Float32Array, plan: UpsamplePlan, wanted: WantedPart | undefined): UpsampledMask {
  if (wanted === undefined) {
    return { cut: () => cutMask(lowRes, plan), logits: { box: NOWHERE, data: new Float32Array(0) } };
  }
  const reach = reachAbove(lowRes, plan, Math.min(0, wanted.above));
  const box = wanted.within === undefined ? reach : unionBox([reach, wanted.within]);
  const width = Math.max(0, box.xMax - box.xMin + 1);
  const height = Math.max(0, box.yMax - box.yMin + 1);
  const data = new Float32Array(width * height);
  const logits = { box, data };
  const cut = () => maskOfPatch(logits, plan.output).data;
  if (data.length === 0) return { cut, logits };

  const lines = horizontalPass(lowRes, plan, box);
  const firstLine = plan.y.starts[box.yMin]!;
  for (let row = box.yMin; row <= box.yMax; row++) {
    const a = plan.y.weights[row * 3]!;
    const b = plan.y.weights[row * 3 + 1]!;
    const c = plan.y.weights[row * 3 + 2]!;
    const line = (plan.y.starts[row]! - firstLine) * width;
    const target = (row - box.yMin) * width;
    for (let i = 0; i < width; i++) {
      data[target + i] = a * lines[line + i]! + b * lines[line + width + i]! + c * lines[line + 2 * width + i]!;
    }
  }
  return { cut, logits };
}

const NOWHERE: PixelBox = { xMin: 0, yMin: 0, xMax: -1, yMax: -1 };

/**
 * The same, where a model was trained to have its probabilities interpolated (MedSAM, methods.md 6.4): weights add up to 1,
 * so that an interpolated probability exceeds 0.5 exactly where the interpolated difference to 0.5 exceeds 0.
 */
export function upsampleAs(
  interpolate: "logits" | "probabilities",
  lowRes: Float32Array,
  plan: UpsamplePlan,
  wanted: WantedPart | undefined,
): UpsampledMask {
  if (interpolate === "logits") return upsample(lowRes, plan, wanted);
  const toDifference = (logit: number) => 1 / (1 + Math.exp(-logit)) - 0.5;
  const { cut, logits } = upsample(
    lowRes.map(toDifference),
    plan,
    // No probability is below 0, but one may round to it; all are wanted then.
    wanted && {
      ...wanted,
      above: wanted.above === Number.NEGATIVE_INFINITY ? wanted.above : toDifference(wanted.above),
    },
  );
  const data = logits.data.map((value) => Math.log((0.5 + value) / (0.5 - value)));
  return { cut, logits: { box: logits.box, data } };
}

/** Every low-resolution line that the box needs, already at the columns of the box. */
function horizontalPass(lowRes: Float32Array, plan: UpsamplePlan, box: PixelBox): Float64Array {
  const { starts, weights } = plan.x;
  const width = box.xMax - box.xMin + 1;
  const firstLine = plan.y.starts[box.yMin]!;
  const lines = plan.y.starts[box.yMax]! + 3 - firstLine;
  const result = new Float64Array(lines * width);
  for (let line = 0; line < lines; line++) {
    const source = (firstLine + line) * plan.lowResSide;
    const target = line * width - box.xMin;
    for (let column = box.xMin; column <= box.xMax; column++) {
      const start = source + starts[column]!;
      result[target + column] =
        weights[column * 3]! * lowRes[start]! +
        weights[column * 3 + 1]! * lowRes[start + 1]! +
        weights[column * 3 + 2]! * lowRes[start + 2]!;
    }
  }
  return result;
}

/** The output samples with at least one tap inside of the bounding box of the logits above a level. */
function reachAbove(lowRes: Float32Array, plan: UpsamplePlan, level: number): PixelBox {
  const box = boxAbove(lowRes, { columns: plan.lowResSide, rows: plan.lowResSide }, level);
  const [xMin, xMax] = reachOnAxis(plan.x.starts, box.xMin, box.xMax);
  const [yMin, yMax] = reachOnAxis(plan.y.starts, box.yMin, box.yMax);
  return { xMin, yMin, xMax, yMax };
}

/** Starts grow monotonically. A sample with start s has the taps s, s + 1, s + 2. */
function reachOnAxis(starts: Int32Array, lowest: number, highest: number): readonly [first: number, last: number] {
  let from = 0;
  while (from < starts.length && starts[from]! + 2 < lowest) from++;
  let to = from;
  while (to < starts.length && starts[to]! <= highest) to++;
  return [from, to - 1];
}
