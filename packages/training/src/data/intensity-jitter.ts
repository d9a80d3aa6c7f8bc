import type { GridSize, Random } from "@samrefine/core";
import type { AugmentationSpec } from "./augmentation.ts";
import { logUniform } from "./warp.ts";

/**
 * The intensity part of an augmentation: blur, gamma, contrast, brightness, noise, in this order. The channels of a sample
 * are neighbouring slices, so all but the noise are the same for each.
 */
export function jitterIntensity(
  planes: readonly Float32Array[],
  spec: AugmentationSpec,
  grid: GridSize,
  random: Random,
): readonly Float32Array[] {
  const { blur = 0, gamma = 0, contrast = 0, brightness = 0, noise = 0 } = spec;
  let result = planes;
  if (blur > 0 && random.next() < 0.5) {
    const deviation = random.next() * blur;
    result = result.map((plane) => gaussianBlur(plane, grid, deviation));
  }
  if (gamma > 0 || contrast > 0 || brightness > 0) {
    const exponent = logUniform(gamma, random);
    const factor = logUniform(contrast, random);
    const shift = (random.next() * 2 - 1) * brightness;
    const { lowest, highest, mean } = summarise(result);
    const range = Math.max(highest - lowest, 1e-6);
    result = result.map((plane) =>
      plane.map((value) => {
        const curved = lowest + range * ((value - lowest) / range) ** exponent;
        return (curved - mean) * factor + mean + shift;
      }),
    );
  }
  if (noise > 0) {
    const deviation = random.next() * noise;
    result = result.map((plane) => plane.map((value) => value + deviation * random.normal()));
  }
  return result;
}

function summarise(planes: readonly Float32Array[]): { lowest: number; highest: number; mean: number } {
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  let sum = 0;
  let count = 0;
  for (const plane of planes) {
    for (const value of plane) {
      lowest = Math.min(lowest, value);
      highest = Math.max(highest, value);
      sum += value;
    }
    count += plane.length;
  }
  return { lowest, highest, mean: sum / Math.max(count, 1) };
}

/** Separable Gaussian with a radius of three deviations; edges repeat. */
export function gaussianBlur(plane: Float32Array, { rows, columns }: GridSize, deviation: number): Float32Array {
  const radius = Math.ceil(3 * deviation);
  if (radius === 0) return plane;
  const kernel = Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * deviation ** 2)),
  );
  const total = kernel.reduce((sum, weight) => sum + weight, 0);
  const pass = (source: Float32Array, lines: number, length: number, lineStride: number, stride: number) => {
    const result = new Float32Array(source.length);
    for (let line = 0; line < lines; line++) {
      for (let i = 0; i < length; i++) {
        let sum = 0;
        for (let tap = -radius; tap <= radius; tap++) {
          const j = Math.min(Math.max(i + tap, 0), length - 1);
          sum += kernel[tap + radius]! * source[line * lineStride + j * stride]!;
        }
        result[line * lineStride + i * stride] = sum / total;
      }
    }
    return result;
  };
  return pass(pass(plane, rows, columns, columns, 1), columns, rows, 1, columns);
}
