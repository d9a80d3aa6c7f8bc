import type { GridSize, Random } from "@samrefine/core";
import type { AugmentationSpec } from "./augmentation.ts";
import { gaussianBlur, jitterIntensity } from "./intensity-jitter.ts";

/** What a strong view adds to the weak one, in two kinds. */
export interface StrongView {
  /** "varied": every sample, on normalised intensities. */
  readonly varied: AugmentationSpec;
  /** "color-jitter", as published (methods.md 3.6): largest change of brightness and contrast, and whether some are blurred. */
  readonly colorJitter: { readonly amount: number; readonly blurs: boolean };
}

export type StrongViewKind = "varied" | "color-jitter";

/** Of FixMatch and SAM-Match. */
export const FIXMATCH_VIEW: StrongView = {
  varied: { contrast: 0.8, brightness: 0.8, gamma: 0.5, blur: 2, noise: 0.2 },
  colorJitter: { amount: 0.8, blurs: false },
};

export const UNIMATCH_VIEW: StrongView = {
  varied: { contrast: 0.5, brightness: 0.5, gamma: 0.3, blur: 2 },
  colorJitter: { amount: 0.5, blurs: true },
};

/** Share of the samples whose grey values a color jitter changes. */
const JITTERED = 0.8;

/** The same pixels with strongly changed grey values. */
export function strongView(
  planes: readonly Float32Array[],
  { varied, colorJitter }: StrongView,
  kind: StrongViewKind,
  grid: GridSize,
  random: Random,
): readonly Float32Array[] {
  if (kind === "varied") return jitterIntensity(planes, varied, grid, random);
  const jittered = random.next() < JITTERED ? jitterColor(planes, colorJitter.amount, random) : planes;
  if (!colorJitter.blurs || random.next() >= 0.5) return jittered;
  const deviation = 0.1 + 1.9 * random.next();
  return jittered.map((plane) => gaussianBlur(plane, grid, deviation));
}

/**
 * torchvision's ColorJitter of a grey image, whose saturation and hue change nothing: with v in 0..1 over the sample's own
 * range, brightness f·v and contrast f·v + (1 - f)·mean, each f uniform in 1 ± amount, cut to 0..1, in random order.
 */
function jitterColor(planes: readonly Float32Array[], amount: number, random: Random): readonly Float32Array[] {
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const plane of planes) {
    for (const value of plane) {
      lowest = Math.min(lowest, value);
      highest = Math.max(highest, value);
    }
  }
  const range = Math.max(highest - lowest, 1e-6);
  const factor = (): number => 1 + amount * (random.next() * 2 - 1);
  const [brightness, contrast] = [factor(), factor()];
  const cut = (value: number): number => Math.min(Math.max(value, 0), 1);
  const steps = [
    (values: Float32Array) => values.map((v) => cut(brightness * v)),
    (values: Float32Array) => {
      const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
      return values.map((v) => cut(contrast * v + (1 - contrast) * mean));
    },
  ];
  const ordered = random.shuffle(steps);
  return planes.map((plane) => {
    const unit = plane.map((value) => (value - lowest) / range);
    return ordered.reduce((values, step) => step(values), unit).map((v) => lowest + range * v);
  });
}
