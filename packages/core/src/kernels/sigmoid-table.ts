import { sigmoid } from "./scalar.ts";

/** The table covers logits from minus to plus this, where a float32 becomes 1. */
export const SIGMOID_REACH = 18;
const SAMPLES_PER_UNIT = 512;

let samples: Float64Array | undefined;

/** Which logits are worked out, and what the others become. NaN becomes 0. */
export interface SigmoidBounds {
  /** From -{@link SIGMOID_REACH}; logits up to it become `below`. */
  readonly low: number;
  /** To {@link SIGMOID_REACH}; logits from it on become `above`. */
  readonly high: number;
  readonly below: number;
  readonly above: number;
}

/**
 * Writes the sigmoid of a row of logits, read from a table between whose samples it is linear: less than half the time of
 * an exponential. It never falls, and the error before rounding to float32 is below 5e-8, the eighth of the squared step times
 * the largest second derivative (0.0963): less than that rounding does just below 1.
 *
 * @param result written from `target` on.
 */
export function fillSigmoids(
  result: Float32Array,
  target: number,
  logits: Float32Array,
  { low, high, below, above }: SigmoidBounds,
): void {
  samples ??= Float64Array.from({ length: 2 * SIGMOID_REACH * SAMPLES_PER_UNIT + 1 }, (_, i) =>
    sigmoid(i / SAMPLES_PER_UNIT - SIGMOID_REACH),
  );
  const table = samples;
  for (let i = 0; i < logits.length; i++) {
    const value = logits[i]!;
    if (value > low && value < high) {
      const place = (value + SIGMOID_REACH) * SAMPLES_PER_UNIT;
      const index = place | 0;
      const lower = table[index]!;
      result[target + i] = lower + (place - index) * (table[index + 1]! - lower);
    } else result[target + i] = value >= high ? above : value <= low ? below : 0;
  }
}
