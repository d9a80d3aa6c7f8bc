import type { ImageGeometry } from "../geometry/geometry.ts";
import { sigmoid } from "../kernels/scalar.ts";
import type { Mask, SegmentNumber } from "../mask/mask.ts";
import { maskAbove } from "../mask/measure.ts";
import type { FusionKind } from "./plan.ts";

/** weight * sam + (1 - weight) * network, per pixel. */
export function blendLogits(sam: Float32Array, network: Float32Array, weight: number): Float32Array {
  if (weight === 1) return sam;
  const result = new Float32Array(sam.length);
  for (let i = 0; i < result.length; i++) {
    result[i] = weight * (sam[i] as number) + (1 - weight) * (network[i] as number);
  }
  return result;
}

/** min(outer, -inner), per pixel: inside the outer object and outside the inner one. */
export function subtractLogits(outer: Float32Array, inner: Float32Array): Float32Array {
  const result = new Float32Array(outer.length);
  for (let i = 0; i < result.length; i++) result[i] = Math.min(outer[i] as number, -(inner[i] as number));
  return result;
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

/** For `priority`: rank 0 is served first; classes that are not named come last, in their order. */
export function classRanks(numbers: readonly SegmentNumber[], priority: readonly SegmentNumber[] = []): number[] {
  return numbers.map((number, index) => {
    const place = priority.indexOf(number);
    return place === -1 ? priority.length + index : place;
  });
}

/**
 * One mask per class from the classes' final logits, all on `geometry`. An absent class takes part with undefined.
 * See `RefinementPlan.fusion`.
 *
 * @param ranks per class, for `priority`: the lowest claims a pixel first.
 */
export function masksOfLogits(
  logits: readonly (Float32Array | undefined)[],
  geometry: ImageGeometry,
  fusion: FusionKind,
  ranks: readonly number[] = [],
): Mask[] {
  const size = geometry.columns * geometry.rows;
  if (fusion === "independent") {
    return logits.map((values) =>
      values === undefined ? { geometry, data: new Uint8Array(size) } : maskAbove(values, geometry, 0),
    );
  }
  const masks = logits.map(() => ({ geometry, data: new Uint8Array(size) }));
  const present = logits.flatMap((values, index) => (values === undefined ? [] : [{ values, index }]));
  if (present.length === 0) return masks;
  if (fusion === "priority") {
    const ordered = present.toSorted((a, b) => (ranks[a.index] ?? a.index) - (ranks[b.index] ?? b.index));
    for (let i = 0; i < size; i++) {
      const first = ordered.find(({ values }) => (values[i] as number) > 0);
      const mask = first && masks[first.index];
      if (mask !== undefined) mask.data[i] = 1;
    }
    return masks;
  }
  for (let i = 0; i < size; i++) {
    let best = Number.NEGATIVE_INFINITY;
    let winner = -1;
    let sum = 0;
    for (const { values, index } of present) {
      const value = values[i] as number;
      sum += value;
      if (value <= best) continue;
      best = value;
      winner = index;
    }
    const background = fusion === "arg-max-zero-background" ? 0 : 1 - sum / present.length;
    const mask = masks[winner];
    if (mask !== undefined && best > background) mask.data[i] = 1;
  }
  return masks;
}
