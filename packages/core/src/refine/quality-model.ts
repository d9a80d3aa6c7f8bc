/** What is known about a mask without a reference. Keys are absent where nothing was measured. */
export interface QualityFeatures {
  /** Soft Dice of the network's probability with its own mask. */
  readonly softDice: number;
  /** SAM's own claim, uncalibrated. */
  readonly predictedIou?: number;
  /** SAM's own claim that the object is there, a logit; of models that make it. */
  readonly objectScore?: number;
  /** Dice of SAM's mask with the initial one. */
  readonly agreement?: number;
  /** Pixels of SAM's logits above +1 as a share of those above -1. */
  readonly stability?: number;
  /** SAM's mask to the initial one. */
  readonly areaRatio?: number;
  /** Share of SAM's mask within its prompt box grown by a tenth. */
  readonly containment?: number;
  /** Mean Dice of SAM's mask with its answers to moved prompts. */
  readonly promptJitter?: number;
  /** 1 minus the variance of the passes' answers, as a share of the largest possible; only with several passes. */
  readonly passAgreement?: number;
  /** Dice of the network's mask with the one from its other view of the image. */
  readonly augmentationAgreement?: number;
}

export type QualityFeatureName = keyof QualityFeatures;

export const QUALITY_FEATURES: readonly QualityFeatureName[] = [
  "softDice",
  "predictedIou",
  "objectScore",
  "agreement",
  "stability",
  "areaRatio",
  "containment",
  "promptJitter",
  "passAgreement",
  "augmentationAgreement",
];

/** A logistic combination of features that was fitted to true Dice on labelled cases. */
export interface QualityModel {
  /** Names the cases and network that it was fitted on. */
  readonly id: string;
  readonly intercept: number;
  readonly terms: readonly QualityTerm[];
}

export interface QualityTerm {
  readonly feature: QualityFeatureName;
  /** Mean and standard deviation on the fitted cases. */
  readonly mean: number;
  readonly deviation: number;
  readonly weight: number;
}

/** Estimated Dice, 0..1. A feature that is missing counts as average. */
export function predictQuality(model: QualityModel, features: QualityFeatures): number {
  let sum = model.intercept;
  for (const { feature, mean, deviation, weight } of model.terms) {
    const value = features[feature];
    if (value !== undefined) sum += (weight * (value - mean)) / deviation;
  }
  return 1 / (1 + Math.exp(-sum));
}
