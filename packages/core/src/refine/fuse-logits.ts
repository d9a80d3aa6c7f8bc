import type { ImageGeometry } from "../geometry/geometry.ts";
import type { Mask } from "../mask/mask.ts";
import { maskAbove } from "../mask/measure.ts";
import type { RefinementPlan } from "./plan.ts";

/** weight * sam + (1 - weight) * network, per pixel. */
export function blendLogits(sam: Float32Array, network: Float32Array, weight: number): Float32Array {
  if (weight === 1) return sam;
  return sam.map((value, i) => weight * value + (1 - weight) * (network[i] as number));
}

/**
 * One mask per class from the classes' final logits, all on `geometry`. An absent class takes part with undefined.
 * See {@link RefinementPlan.fusion}.
 */
export function masksOfLogits(
  logits: readonly (Float32Array | undefined)[],
  geometry: ImageGeometry,
  fusion: NonNullable<RefinementPlan["fusion"]>,
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
