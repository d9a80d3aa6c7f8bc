import { isRefineError, parsePlan, RefineError } from "@samrefine/core";
import * as v from "valibot";

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "a SHA-256 in 64 lower-case hex digits"));
const positive = v.pipe(v.number(), v.gtValue(0));
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
    kind: v.literal("clipped"),
    lower: v.number(),
    upper: v.number(),
    mean: v.number(),
    standardDeviation: v.number(),
  }),
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
  input: v.pipe(
    v.strictObject({
      rows: positiveInteger,
      columns: positiveInteger,
      channels: positiveInteger,
      /**
       * The network is 3D, [N, 1, depth, rows, columns] to [N, labels, depth, rows, columns]: `channels` neighbouring slices
       * are laid along its depth, filled up with the last one, and its answer for the middle one counts.
       */
      depth: v.optional(positiveInteger),
    }),
    v.check(
      ({ channels, depth }) => depth === undefined || (channels <= depth && channels % 2 === 1),
      "channels, the number of slices that a 3D network sees, must be odd and at most its depth",
    ),
  ),
  /**
   * Pixel spacing that the network was trained at; the image is resampled to it and `input` is a window on the result.
   * Absent: the image is stretched to `input`, or, with `tiling`, keeps its own pixels.
   */
  spacingMm: v.optional(v.strictObject({ x: positive, y: positive })),
  /** How windows overlap where the grid exceeds `input`. Defaults: half, and Gaussian weights. */
  tiling: v.optional(
    v.strictObject({
      overlap: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(0.95))),
      blend: v.optional(v.picklist(["gaussian", "constant"])),
    }),
  ),
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

const rgb = v.tuple([v.number(), v.number(), v.number()]);

const promptable = {
  ...common,
  task: v.literal("promptable-segmentation"),
  /** Side of the square frame and of the low-resolution masks. */
  frame: positiveInteger,
  lowRes: positiveInteger,
  /** In 0..255 units, RGB. */
  mean: rgb,
  standardDeviation: rgb,
  /** How the image lies in the frame. Default: as the family was trained, see {@link frameFit}. */
  fit: v.optional(v.picklist(["letterbox", "stretch"])),
  /** What comes before mean and standard deviation: the window's bytes, or these stretched to 0..255 (MedSAM). */
  contrast: v.optional(v.picklist(["window", "min-max"])),
  /** What is interpolated on the way back to the image: logits (default), or their sigmoid (MedSAM). */
  interpolate: v.optional(v.picklist(["logits", "probabilities"])),
  /** What the weights were trained to understand, when that is less than the graph takes. */
  prompts: v.optional(v.array(v.picklist(["points", "background-points", "box", "mask"]))),
  /** Whether several prompts share a run, when that differs from what is known of the family. */
  batch: v.optional(v.boolean()),
  /** What a GPU must offer, to be checked before anything is loaded. */
  gpu: v.optional(
    v.strictObject({ storageBufferBytes: v.optional(positiveInteger), shaderF16: v.optional(v.boolean()) }),
  ),
};

/** Exports with the official decoder; the encoder's names vary. */
const officialManifestSchema = v.strictObject({
  ...promptable,
  /** "sam-cut" is the official decoder after surgery (four tokens, batched). */
  family: v.picklist(["sam-cut", "sam-official"]),
  encoder: v.strictObject({
    input: v.string(),
    output: v.string(),
    /** "interleaved": [rows, columns, 3] of the scaled image; the graph pads (methods.md 6.1). Default "planar". */
    layout: v.optional(v.picklist(["planar", "interleaved"])),
  }),
});

/** Exports whose tensors all have the names of their family (methods.md 6.2, 6.3, 6.4). */
const namedManifestSchema = v.strictObject({
  ...promptable,
  family: v.picklist(["transformers-sam", "transformers-sam2", "sam2", "efficient-sam"]),
});

export const promptableManifestSchema = v.variant("family", [officialManifestSchema, namedManifestSchema]);

export const manifestSchema = v.variant("task", [segmentationManifestSchema, promptableManifestSchema]);

export type SegmentationManifest = v.InferOutput<typeof segmentationManifestSchema>;
export type PromptableManifest = v.InferOutput<typeof promptableManifestSchema>;
export type ModelManifest = SegmentationManifest | PromptableManifest;
/** A promptable model with the official decoder, as it was exported or cut. */
export type OfficialSamManifest = v.InferOutput<typeof officialManifestSchema>;
export type PromptableFamily = PromptableManifest["family"];
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
    hint: "Correct the manifest; docs/manifest.md describes every field.",
    details: { origin, path },
  });
}
