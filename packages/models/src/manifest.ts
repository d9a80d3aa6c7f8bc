import { isRefineError, parsePlan, RefineError } from "@samrefine/core";
import * as v from "valibot";

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "a SHA-256 in 64 lower-case hex digits"));
const positiveInteger = v.pipe(v.number(), v.integer(), v.minValue(1));

const fileSchema = v.strictObject({
  role: v.picklist(["model", "encoder", "decoder"]),
  /** Relative to the manifest's own URL or path. */
  url: v.string(),
  sha256: digest,
  bytes: positiveInteger,
});

const codedConcept = v.strictObject({ value: v.string(), scheme: v.string(), meaning: v.string() });

const labelSchema = v.strictObject({
  /** Segment number: output channel + 1 with sigmoid, output channel with softmax (channel 0 is background). */
  number: positiveInteger,
  label: v.string(),
  colorRgb: v.tuple([v.number(), v.number(), v.number()]),
  category: codedConcept,
  type: codedConcept,
});

const intensitySchema = v.variant("kind", [
  v.strictObject({ kind: v.literal("fixed"), scale: v.number(), mean: v.number(), standardDeviation: v.number() }),
  v.strictObject({ kind: v.literal("window"), center: v.number(), width: v.number() }),
  v.strictObject({
    kind: v.literal("percentiles"),
    lower: v.number(),
    upper: v.number(),
    scope: v.picklist(["image", "volume"]),
  }),
]);

/** All that is given must hold for a series to fit; text is compared without case. At least one rule must match. */
const seriesRule = v.strictObject({
  modalities: v.array(v.string()),
  bodyParts: v.optional(v.array(v.string())),
  /** Substring of Series Description (0008,103E). */
  seriesDescription: v.optional(v.string()),
  /** Equals Manufacturer (0008,0070). */
  manufacturer: v.optional(v.string()),
});

const common = {
  schema: v.literal("samrefine-model/1"),
  id: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9.-]*$/)),
  version: v.string(),
  /** Shown to users. */
  title: v.string(),
  files: v.pipe(v.array(fileSchema), v.minLength(1)),
  licence: v.string(),
  source: v.string(),
};

export const segmentationManifestSchema = v.strictObject({
  ...common,
  task: v.literal("semantic-segmentation"),
  /**
   * Tensor names of the single model file. Input [N, channels, rows, columns]; output logits [N, labels, rows, columns],
   * with one more channel for the background when the activation is softmax.
   */
  tensors: v.strictObject({ input: v.string(), output: v.string() }),
  /** The network's grid; the image is stretched to it (bilinear, half-pixel centres), as in methods.md 1.2. */
  input: v.strictObject({ rows: positiveInteger, columns: positiveInteger, channels: positiveInteger }),
  intensity: intensitySchema,
  /** sigmoid: channels overlap; softmax: channel 0 is background and labels start at channel 1. */
  activation: v.picklist(["sigmoid", "softmax"]),
  labels: v.pipe(
    v.array(labelSchema),
    v.minLength(1),
    v.check(
      (labels) => labels.every((_, index) => labels.some((label) => label.number === index + 1)),
      "the numbers of n labels must be 1 to n, each once, since they name output channels",
    ),
  ),
  appliesTo: v.array(seriesRule),
  /** Ids of the cases that the weights were fitted to, so that nobody measures on them. */
  trainedOn: v.optional(v.array(v.string())),
  /** The plan that measured best on validation data; the viewer's default for this model. */
  plan: v.optional(
    v.pipe(
      v.unknown(),
      v.rawTransform(({ dataset, addIssue, NEVER }) => {
        try {
          return parsePlan(dataset.value);
        } catch (error) {
          if (!isRefineError(error, "invalid-plan")) throw error;
          addIssue({ message: error.message });
          return NEVER;
        }
      }),
    ),
  ),
});

export const promptableManifestSchema = v.strictObject({
  ...common,
  task: v.literal("promptable-segmentation"),
  /** Interface family of methods.md section 6. "sam-cut" is the official decoder after surgery (four tokens, batched). */
  family: v.picklist(["sam-cut", "sam-official"]),
  encoder: v.strictObject({ input: v.string(), output: v.string() }),
  /** Side of the square frame and of the low-resolution masks. */
  frame: positiveInteger,
  lowRes: positiveInteger,
  /** In 0..255 units, RGB. */
  mean: v.tuple([v.number(), v.number(), v.number()]),
  standardDeviation: v.tuple([v.number(), v.number(), v.number()]),
});

export const manifestSchema = v.variant("task", [segmentationManifestSchema, promptableManifestSchema]);

export type SegmentationManifest = v.InferOutput<typeof segmentationManifestSchema>;
export type PromptableManifest = v.InferOutput<typeof promptableManifestSchema>;
export type ModelManifest = SegmentationManifest | PromptableManifest;
export type ModelFile = ModelManifest["files"][number];
export type SeriesRule = SegmentationManifest["appliesTo"][number];

/**
 * Checks an untrusted value against the manifest schema.
 * @throws RefineError `model-manifest` naming the path of the first thing that is wrong.
 */
export function parseManifest(value: unknown, origin: string): ModelManifest {
  const result = v.safeParse(manifestSchema, value);
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = v.getDotPath(issue) ?? "(root)";
  throw new RefineError("model-manifest", `The model manifest ${origin} is not valid at ${path}: ${issue.message}`, {
    hint: "Correct the manifest; docs/models.md describes every field.",
    details: { origin, path },
  });
}
