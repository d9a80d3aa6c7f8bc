import type { ArgMaxRule } from "./plan.ts";

/**
 * The most probable class of every pixel. The background takes what the classes leave of a sum of 1; ties go to the class
 * named first, before the background.
 *
 * @param probabilities one map per class, all of one length.
 * @returns one mask (0 or 1) per class; exclusive.
 */
export function argMaxMasks(probabilities: readonly Float32Array[], { gate }: ArgMaxRule): Uint8Array[] {
  const length = probabilities[0]?.length ?? 0;
  const masks = probabilities.map(() => new Uint8Array(length));
  for (let i = 0; i < length; i++) {
    let sum = 0;
    let largest = Number.NEGATIVE_INFINITY;
    let smallest = Number.POSITIVE_INFINITY;
    let winner = -1;
    for (const [index, map] of probabilities.entries()) {
      const p = map[i] as number;
      sum += p;
      if (p < smallest) smallest = p;
      if (p <= largest) continue;
      largest = p;
      winner = index;
    }
    const background = Math.max(0, 1 - sum);
    if (background > largest) continue;
    if (gate !== undefined) {
      const isSure =
        gate.kind === "maximum-probability"
          ? largest >= gate.minimum
          : (largest - Math.min(smallest, background)) / largest > gate.minimum;
      if (!isSure) continue;
    }
    const mask = masks[winner];
    if (mask !== undefined) mask[i] = 1;
  }
  return masks;
}
