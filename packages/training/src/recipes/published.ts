import { augmentationProfiles } from "../data/augmentation.ts";
import { defaultConfiguration, type TrainingConfiguration } from "../run/configuration.ts";

/** What the publications train with, where they do not depend on the data; intensities do. */

/** SAM Carries the Burden, the wrist (methods.md 1.2 to 1.4); the last epoch is taken, so only the last step is validated. */
export const BURDEN: Partial<TrainingConfiguration> = {
  batchSize: 16,
  grid: { rows: 384, columns: 224 },
  network: { kind: "scb-unet", width: 64, levels: 5 },
  loss: { kind: "bce", positiveWeight: "balanced", positiveWeightLimit: 1e6 },
  optimiser: { kind: "adamw", weightDecay: 0 },
  learningRate: 1e-3,
  schedule: { kind: "cosine", floor: 0.01 },
  clipNorm: null,
  averageDecay: null,
  augmentation: augmentationProfiles.scb,
};

/** The semi-supervised benchmark SSL4MIS in 2D, which SAM-Match shares (methods.md 3.3, 3.5 and 5.1). */
export const SSL4MIS = {
  steps: 30_000,
  batchSize: 12,
  unlabeledBatchSize: 12,
  grid: { rows: 256, columns: 256 },
  network: { kind: "ssl4mis-unet", width: 16, levels: 5 },
  loss: { ...defaultConfiguration.loss, kind: "ce-dice" },
  consistency: {
    weight: 0.1,
    start: 0,
    confidence: 0.95,
    teacherPasses: 8,
    noise: 0.1,
    entropyWeight: 0,
    strongView: "color-jitter",
  },
  optimiser: { kind: "sgd", momentum: 0.9, weightDecay: 1e-4 },
  learningRate: 0.01,
  schedule: { kind: "poly", power: 0.9 },
  clipNorm: null,
  averageDecay: null,
  augmentation: augmentationProfiles.ssl4mis,
  foregroundShare: 0,
  validation: { every: 200, cases: 1000 },
} as const satisfies Partial<TrainingConfiguration>;
