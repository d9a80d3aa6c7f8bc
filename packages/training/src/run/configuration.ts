import { type IntensityPolicy, isRefineError, parsePlan, RefineError, type RefinementPlan } from "@samrefine/core";
import * as v from "valibot";

const positiveInteger = v.pipe(v.number(), v.integer(), v.minValue(1));
const nonNegative = v.pipe(v.number(), v.minValue(0));
const positive = v.pipe(v.number(), v.gtValue(0));
const fraction = v.pipe(v.number(), v.minValue(0), v.maxValue(1));

const optimiserSchema = v.variant("kind", [
  v.strictObject({ kind: v.literal("adamw"), weightDecay: v.optional(nonNegative, 0) }),
  v.strictObject({ kind: v.literal("sgd"), momentum: fraction, weightDecay: nonNegative }),
]);

const scheduleSchema = v.variant("kind", [
  v.strictObject({ kind: v.literal("constant") }),
  v.strictObject({ kind: v.literal("cosine"), floor: fraction }),
  v.strictObject({ kind: v.literal("poly"), power: positive }),
  v.strictObject({ kind: v.literal("step"), at: v.array(fraction), factor: positive }),
]);

const augmentationSchema = v.strictObject({
  affine: v.optional(nonNegative),
  rotationDegrees: v.optional(nonNegative),
  scale: v.optional(
    v.union([
      nonNegative,
      v.pipe(
        v.strictObject({ smallest: positive, largest: positive }),
        v.check(({ smallest, largest }) => smallest <= largest, "smallest is above largest"),
      ),
    ]),
  ),
  stretch: v.optional(nonNegative),
  translation: v.optional(nonNegative),
  flip: v.optional(v.picklist(["none", "horizontal", "both"])),
  rotate90: v.optional(v.boolean()),
  turnOrRotate: v.optional(
    v.strictObject({ turn: fraction, rotate: fraction, degrees: v.pipe(v.number(), v.integer(), v.minValue(0)) }),
  ),
  interpolation: v.optional(v.picklist(["bilinear", "nearest"])),
  elastic: v.optional(v.strictObject({ pixels: nonNegative, spacing: positive })),
  contrast: v.optional(nonNegative),
  brightness: v.optional(nonNegative),
  gamma: v.optional(nonNegative),
  noise: v.optional(nonNegative),
  blur: v.optional(nonNegative),
  outside: v.optional(v.picklist(["zero", "edge", "darkest", "any"])),
  standardise: v.optional(v.boolean()),
});

const intensitySchema = v.custom<IntensityPolicy>(
  (value) => typeof value === "object" && value !== null && "kind" in value,
  "an intensity policy",
);

const planSchema = v.custom<RefinementPlan>((value) => {
  try {
    parsePlan(value);
    return true;
  } catch (error) {
    if (isRefineError(error)) return false;
    throw error;
  }
}, "a refinement plan");

/** Everything that decides what a run computes, as JSON: it is stored with the checkpoint and in the metrics. */
export const configurationSchema = v.strictObject({
  recipe: v.string(),
  steps: positiveInteger,
  /** Labelled images per step. */
  batchSize: positiveInteger,
  /** Unlabelled images per step, for recipes that use them. */
  unlabeledBatchSize: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** How many of the labelled cases to use, in the order of the split; null for all. */
  labeledCount: v.nullable(positiveInteger),
  seed: v.pipe(v.number(), v.integer()),
  grid: v.strictObject({ rows: positiveInteger, columns: positiveInteger }),
  /** Neighbouring slices as channels. */
  channels: v.pipe(
    positiveInteger,
    v.check((n) => n % 2 === 1, "an odd number"),
  ),
  network: v.strictObject({
    kind: v.picklist(["scb-unet", "ssl4mis-unet"]),
    width: positiveInteger,
    levels: positiveInteger,
  }),
  intensity: intensitySchema,
  loss: v.pipe(
    v.strictObject({
      /** "ce-dice" makes labels exclude each other (softmax with a background); the others leave them independent (sigmoid). */
      kind: v.picklist(["bce", "bce-dice", "ce-dice"]),
      /** Positive weight per class: "balanced" = negative / positive pixels of the training labels (methods.md 1.4). */
      positiveWeight: v.picklist(["none", "balanced"]),
      /** Balanced weights are cut here. */
      positiveWeightLimit: positive,
    }),
    v.check(
      ({ kind, positiveWeight }) => kind !== "ce-dice" || positiveWeight === "none",
      "ce-dice has no positive weights",
    ),
  ),
  /** For recipes that use unlabelled images; see methods.md 3.5, 3.6 and 5.1. */
  consistency: v.strictObject({
    /** Largest weight of the unsupervised term; it is ramped up over the whole run. */
    weight: nonNegative,
    /** Share of the run before which the weight is 0. */
    start: v.optional(fraction, 0),
    /** Pseudo labels less certain than this are ignored: max(p, 1 - p), with a softmax the largest p. */
    confidence: fraction,
    /** Passes of the teacher from whose mean the uncertainty is taken. */
    teacherPasses: positiveInteger,
    /** Deviation of the noise on the teacher's input, cut at twice this. */
    noise: nonNegative,
    /** Weight of the entropy of the prediction for unlabelled images, constant over the run (methods.md 5.2: 0.9). */
    entropyWeight: v.optional(nonNegative, 0),
    /** Grey values of strong views: our own stronger set, or the published color jitter. */
    strongView: v.optional(v.picklist(["varied", "color-jitter"]), "varied"),
  }),
  /** For recipes that ask SAM; absent otherwise. See methods.md 2.2 and 3.6. */
  guidance: v.optional(
    v.strictObject({
      /** Largest weight of SAM's term. */
      weight: nonNegative,
      /** How the student's prediction becomes prompts. */
      plan: planSchema,
    }),
  ),
  optimiser: optimiserSchema,
  learningRate: positive,
  schedule: scheduleSchema,
  clipNorm: v.nullable(positive),
  /** Decay of the moving average of the parameters; null keeps none. The average is what is validated and exported. */
  averageDecay: v.nullable(fraction),
  augmentation: augmentationSchema,
  foregroundShare: fraction,
  validation: v.strictObject({
    /** Steps between two validations. */
    every: positiveInteger,
    /** Largest number of cases during training; the final measurement uses all. */
    cases: positiveInteger,
  }),
});

export type TrainingConfiguration = v.InferOutput<typeof configurationSchema>;

/** @throws RefineError `configuration` naming the path of the first thing that is wrong. */
export function parseConfiguration(value: unknown): TrainingConfiguration {
  const result = v.safeParse(configurationSchema, value);
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = v.getDotPath(issue) ?? "(root)";
  throw new RefineError("configuration", `The training configuration is not valid at ${path}: ${issue.message}`, {
    details: { path },
  });
}

/** Defaults of a CPU-sized supervised run; recipes and callers override. */
export const defaultConfiguration: TrainingConfiguration = {
  recipe: "supervised",
  steps: 600,
  batchSize: 4,
  unlabeledBatchSize: 4,
  labeledCount: null,
  seed: 1,
  grid: { rows: 128, columns: 128 },
  channels: 1,
  network: { kind: "scb-unet", width: 16, levels: 5 },
  intensity: { kind: "percentiles", lower: 1, upper: 99, scope: "volume" },
  loss: { kind: "bce-dice", positiveWeight: "none", positiveWeightLimit: 400 },
  consistency: {
    weight: 0.1,
    start: 0,
    confidence: 0.95,
    teacherPasses: 8,
    noise: 0.1,
    entropyWeight: 0,
    strongView: "varied",
  },
  optimiser: { kind: "adamw", weightDecay: 0 },
  learningRate: 1e-3,
  schedule: { kind: "cosine", floor: 0.01 },
  clipNorm: 1,
  averageDecay: null,
  augmentation: {},
  foregroundShare: 0.67,
  validation: { every: 50, cases: 10 },
};
