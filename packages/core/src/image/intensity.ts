import type { PixelArray } from "./image.ts";

/** How a model wants its intensities, as the manifest says it. Resolved once per image or per volume, then applied per slice. */
export type IntensityPolicy =
  /** (v / scale - mean) / standardDeviation, for calibrated 8-bit images. */
  | { readonly kind: "fixed"; readonly scale: number; readonly mean: number; readonly standardDeviation: number }
  /** Clip to the window, then map it to [-1, 1]. Units of the modality (HU for CT). */
  | { readonly kind: "window"; readonly center: number; readonly width: number }
  /**
   * Clip to the range, then (v - mean) / standardDeviation: nnU-Net's normalisation of CT with the numbers of its plan, and
   * MONAI's ScaleIntensityRange with the lower end as mean and the width as deviation. Units of the modality.
   */
  | {
      readonly kind: "clipped";
      readonly lower: number;
      readonly upper: number;
      readonly mean: number;
      readonly standardDeviation: number;
    }
  /** Clip to two percentiles (0..100) of the image or volume, then z-score of the clipped values. */
  | {
      readonly kind: "percentiles";
      readonly lower: number;
      readonly upper: number;
      readonly scope: "image" | "volume";
    };

/** v -> (clip(v, lower, upper) - subtract) * multiply. The resolved form of an {@link IntensityPolicy}. */
export interface IntensityTransform {
  readonly lower: number;
  readonly upper: number;
  readonly subtract: number;
  readonly multiply: number;
}

/** A window of modality units that is mapped to 0..255 for SAM. */
export interface DisplayRange {
  readonly lower: number;
  readonly upper: number;
}

/**
 * Resolves a policy against the values that it is computed from: one image for `scope: "image"`, the whole volume for
 * `scope: "volume"` (pass every slice). `fixed`, `window` and `clipped` ignore the values. NaN values are ignored.
 * Percentiles interpolate linearly between order statistics (NumPy's default). A constant image has multiply 1.
 */
export function resolveIntensity(policy: IntensityPolicy, values: readonly PixelArray[]): IntensityTransform {
  if (policy.kind === "fixed") {
    return {
      lower: Number.NEGATIVE_INFINITY,
      upper: Number.POSITIVE_INFINITY,
      subtract: policy.mean * policy.scale,
      multiply: 1 / (policy.scale * policy.standardDeviation),
    };
  }
  if (policy.kind === "window") {
    const half = policy.width / 2;
    return { lower: policy.center - half, upper: policy.center + half, subtract: policy.center, multiply: 1 / half };
  }
  if (policy.kind === "clipped") {
    const { lower, upper, mean, standardDeviation } = policy;
    return { lower, upper, subtract: mean, multiply: 1 / standardDeviation };
  }
  const { lower, upper } = percentileRange(values, policy.lower, policy.upper);
  let count = 0;
  let sum = 0;
  let squares = 0;
  for (const array of values) {
    // By index: iterating a typed array is many times slower.
    for (let i = 0; i < array.length; i++) {
      const value = array[i] as number;
      if (Number.isNaN(value)) continue;
      const clipped = Math.min(Math.max(value, lower), upper) - lower;
      count++;
      sum += clipped;
      squares += clipped * clipped;
    }
  }
  const mean = count > 0 ? sum / count : 0;
  const deviation = count > 0 ? Math.sqrt(Math.max(0, squares / count - mean * mean)) : 0;
  return { lower, upper, subtract: lower + mean, multiply: deviation > 0 ? 1 / deviation : 1 };
}

/**
 * Two percentiles (0..100, linear interpolation between order statistics) over several arrays together.
 * Exact on at most `maximumSamples` values, taken with an even stride when there are more.
 */
export function percentileRange(
  values: readonly PixelArray[],
  lower: number,
  upper: number,
  maximumSamples = 2_000_000,
): DisplayRange {
  let total = 0;
  for (const array of values) total += array.length;
  if (total === 0) return { lower: 0, upper: 0 };
  const stride = Math.max(1, Math.ceil(total / maximumSamples));
  const samples = new Float32Array(Math.ceil(total / stride));
  let next = 0;
  let passed = 0;
  let count = 0;
  for (const array of values) {
    for (; next < passed + array.length; next += stride) {
      const value = array[next - passed] as number;
      if (!Number.isNaN(value)) samples[count++] = value;
    }
    passed += array.length;
  }
  if (count === 0) return { lower: 0, upper: 0 };
  const found = samples.subarray(0, count);
  const valueAt = countedValues(found) ?? sortedValues(found);
  return { lower: quantile(valueAt, count, lower / 100), upper: quantile(valueAt, count, upper / 100) };
}

/** The value of a rank in ascending order. */
type OrderStatistic = (rank: number) => number;

/** What is counted instead of sorted: whole numbers that are no further apart. */
const COUNTED_RANGE = 2 ** 17;

/**
 * Order statistics by counting, for the stored values that images have; undefined for others. A fraction of the time of
 * sorting.
 *
 * @param samples one at least.
 */
function countedValues(samples: Float32Array): OrderStatistic | undefined {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i] as number;
    if (!Number.isInteger(value)) return undefined;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (most - least >= COUNTED_RANGE) return undefined;
  const counts = new Uint32Array(most - least + 1);
  for (let i = 0; i < samples.length; i++) counts[(samples[i] as number) - least]!++;
  return (rank) => {
    let index = 0;
    for (let below = counts[0] as number; below <= rank; below += counts[index] as number) index++;
    return least + index;
  };
}

function sortedValues(samples: Float32Array): OrderStatistic {
  const sorted = samples.sort();
  return (rank) => sorted[rank] as number;
}

function quantile(valueAt: OrderStatistic, count: number, share: number): number {
  const position = (count - 1) * Math.min(Math.max(share, 0), 1);
  const below = Math.floor(position);
  const low = valueAt(below);
  const high = valueAt(Math.min(below + 1, count - 1));
  return low + (high - low) * (position - below);
}
