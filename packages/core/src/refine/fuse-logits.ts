import type { ImageGeometry } from "../geometry/geometry.ts";
import { sigmoid } from "../kernels/scalar.ts";
import { fillSigmoids, SIGMOID_REACH } from "../kernels/sigmoid-table.ts";
import type { Mask, SegmentNumber } from "../mask/mask.ts";
import { emptyMask } from "../mask/measure.ts";
import { forEachLine, type LogitPatch, maskOfPatch } from "./logit-patch.ts";
import type { FusionKind } from "./plan.ts";

/** weight * sam + (1 - weight) * network, per pixel, written over the network's logits unless SAM's alone count. */
export function blendOver(network: Float32Array, sam: Float32Array, weight: number): Float32Array {
  if (weight === 1) return sam;
  for (let i = 0; i < network.length; i++) {
    network[i] = weight * (sam[i] as number) + (1 - weight) * (network[i] as number);
  }
  return network;
}

/** Logits of either side, from which on they matter to a blend. */
export interface BlendLevels {
  readonly sam: number;
  readonly network: number;
}

/**
 * What can lift a blend above a level: SAM's logits above one level, or the network's above another. Where neither is, the
 * blend w s + (1 - w) n is at most level * (w (2 - w) + (1 - w)^2) = level. The more SAM weighs, the less has to be looked at of
 * what the network faintly sees elsewhere.
 *
 * @param level not above 0.
 */
export function blendLevels(level: number, weight: number): BlendLevels {
  if (level === Number.NEGATIVE_INFINITY) return { sam: level, network: level };
  return { sam: (2 - weight) * level, network: (1 - weight) * level };
}

/**
 * min(outer, -inner), per pixel: inside the outer object and outside the inner one. Where the inner patch ends, the inner
 * object is not, and the outer logit stays.
 */
export function subtractLogits(outer: LogitPatch, inner: LogitPatch): LogitPatch {
  const { box, data } = outer;
  const result = data.slice();
  const width = box.xMax - box.xMin + 1;
  forEachLine(inner, (line, x, y) => {
    if (y < box.yMin || y > box.yMax) return;
    const offset = (y - box.yMin) * width - box.xMin;
    const end = Math.min(x + line.length - 1, box.xMax);
    for (let column = Math.max(x, box.xMin); column <= end; column++) {
      const i = offset + column;
      result[i] = Math.min(result[i] as number, -(line[column - x] as number));
    }
  });
  return { box, data: result };
}

/** Union of objects: the largest logit of each pixel. One part is returned as it is. */
export function uniteLogits(parts: readonly Float32Array[]): Float32Array {
  const [first, ...others] = parts;
  if (first === undefined) return new Float32Array(0);
  if (others.length === 0) return first;
  const result = first.slice();
  for (const part of others) {
    for (let i = 0; i < result.length; i++) result[i] = Math.max(result[i] as number, part[i] as number);
  }
  return result;
}

/** Dice of the pixels where two maps are positive, and how many there are; 0 when neither has any. */
export function compareLogits(
  a: Float32Array,
  b: Float32Array,
): { readonly dice: number; readonly positivesA: number; readonly positivesB: number } {
  let positivesA = 0;
  let positivesB = 0;
  let shared = 0;
  for (let i = 0; i < a.length; i++) {
    const inA = (a[i] as number) > 0;
    const inB = (b[i] as number) > 0;
    if (inA) positivesA++;
    if (inB) positivesB++;
    if (inA && inB) shared++;
  }
  const sum = positivesA + positivesB;
  return { dice: sum === 0 ? 0 : (2 * shared) / sum, positivesA, positivesB };
}

/** Sigmoid of every logit. */
export function probabilitiesOf(logits: Float32Array): Float32Array {
  const result = new Float32Array(logits.length);
  for (let i = 0; i < result.length; i++) result[i] = sigmoid(logits[i] as number);
  return result;
}

/** Sigmoid of every logit of a patch that is above a level, 0 elsewhere. @param level from -{@link SIGMOID_REACH} to 0. */
export function probabilitiesAbove(level: number, patch: LogitPatch, { columns, rows }: ImageGeometry): Float32Array {
  const result = new Float32Array(columns * rows);
  const bounds = { low: level, high: SIGMOID_REACH, below: 0, above: 1 };
  forEachLine(patch, (line, x, y) => fillSigmoids(result, y * columns + x, line, bounds));
  return result;
}

/** For `priority`: rank 0 is served first; classes that are not named come last, in their order. */
export function classRanks(numbers: readonly SegmentNumber[], priority: readonly SegmentNumber[] = []): number[] {
  return numbers.map((number, index) => {
    const place = priority.indexOf(number);
    return place === -1 ? priority.length + index : place;
  });
}

/**
 * One mask per class from the classes' final logits. An absent class takes part with undefined; all of them share an empty mask.
 * See `RefinementPlan.fusion`.
 *
 * @param patches parts of the grid of `geometry`, not positive around; of all of it for `arg-max-mean-background`, which
 *   looks at what every class says of every pixel.
 * @param ranks per class, for `priority`: the lowest claims a pixel first.
 */
export function masksOfLogits(
  patches: readonly (LogitPatch | undefined)[],
  geometry: ImageGeometry,
  fusion: FusionKind,
  ranks: readonly number[] = [],
): Mask[] {
  // Most classes are on few slices of a volume, and a mask of zeros for each would cost more than all else there.
  const nothing = emptyMask(geometry);
  if (fusion === "independent") {
    return patches.map((patch) => (patch === undefined ? nothing : maskOfPatch(patch, geometry)));
  }
  const present = patches.flatMap((patch, index) => (patch === undefined ? [] : [{ patch, index }]));
  const winners =
    fusion === "priority"
      ? firstClaims(
          present.toSorted((a, b) => (ranks[a.index] ?? a.index) - (ranks[b.index] ?? b.index)),
          geometry,
        )
      : fusion === "arg-max-zero-background"
        ? largestLogits(present, geometry)
        : largestAboveMean(present, geometry);
  const masks = patches.map((patch) => (patch === undefined ? nothing : emptyMask(geometry)));
  for (const { patch, index } of present) {
    const { data } = masks[index] as Mask;
    forEachLine(patch, (line, x, y) => {
      const start = y * geometry.columns + x;
      for (let i = start; i < start + line.length; i++) if (winners[i] === index + 1) data[i] = 1;
    });
  }
  return masks;
}

interface PresentClass {
  readonly patch: LogitPatch;
  readonly index: number;
}

/** 1 + the class of every pixel, 0 for none: the first that claims it. */
function firstClaims(ordered: readonly PresentClass[], { columns, rows }: ImageGeometry): Uint16Array {
  const winners = new Uint16Array(columns * rows);
  for (const { patch, index } of ordered) {
    forEachLine(patch, (line, x, y) => {
      const start = y * columns + x;
      for (let i = 0; i < line.length; i++) {
        if ((line[i] as number) > 0 && winners[start + i] === 0) winners[start + i] = index + 1;
      }
    });
  }
  return winners;
}

/** The same: the class of largest logit, if that is positive; of equal ones the first. */
function largestLogits(present: readonly PresentClass[], { columns, rows }: ImageGeometry): Uint16Array {
  const winners = new Uint16Array(columns * rows);
  const best = new Float32Array(columns * rows);
  for (const { patch, index } of present) {
    forEachLine(patch, (line, x, y) => {
      const start = y * columns + x;
      for (let i = 0; i < line.length; i++) {
        const value = line[i] as number;
        if (!(value > (best[start + i] as number))) continue;
        best[start + i] = value;
        winners[start + i] = index + 1;
      }
    });
  }
  return winners;
}

/** The same: the class of largest logit, if that is above 1 minus the mean of all. */
function largestAboveMean(present: readonly PresentClass[], { columns, rows }: ImageGeometry): Uint16Array {
  const winners = new Uint16Array(columns * rows);
  for (let i = 0; i < winners.length; i++) {
    let best = Number.NEGATIVE_INFINITY;
    let winner = 0;
    let sum = 0;
    for (const { patch, index } of present) {
      const value = patch.data[i] as number;
      sum += value;
      if (value <= best) continue;
      best = value;
      winner = index + 1;
    }
    if (best > 1 - sum / present.length) winners[i] = winner;
  }
  return winners;
}
