import type { ImageGeometry } from "../geometry/geometry.ts";
import type { Prompt } from "../prompt/prompt.ts";
import type {
  DecodeOptions,
  EncodeOptions,
  ImageEmbedding,
  MaskCandidate,
  PromptableSegmenter,
  PromptCapabilities,
  WantedLogits,
} from "../segmenter.ts";
import { boxAbove, type LogitPatch, unionBox, wholePatch } from "./logit-patch.ts";

interface RecordedDecode {
  readonly embedding: ImageEmbedding;
  readonly prompts: readonly Prompt[];
  readonly options: DecodeOptions | undefined;
}

/** A promptable segmenter for flow tests: it records every call and answers with the logits that the test gives. */
export interface RecordingSegmenter extends PromptableSegmenter {
  readonly encodes: EncodeOptions[];
  readonly decodes: RecordedDecode[];
  readonly embeddings: { disposed: number }[];
}

/** @param answer logits of one pixel of the output grid for a prompt. */
export function recordingSegmenter(
  answer: (prompt: Prompt, x: number, y: number, output: ImageGeometry) => number,
  setup: {
    readonly capabilities?: Partial<PromptCapabilities>;
    readonly predictedIou?: number;
    /** Per question in the order of asking; the last one for all that follow. Default: the model makes no such claim. */
    readonly objectScores?: readonly number[];
    readonly onDecode?: () => void;
  } = {},
): RecordingSegmenter {
  const encodes: EncodeOptions[] = [];
  const decodes: RecordedDecode[] = [];
  const embeddings: { disposed: number }[] = [];
  return {
    encodes,
    decodes,
    embeddings,
    modelId: "recording-double",
    digest: "0".repeat(64),
    capabilities: {
      box: true,
      backgroundPoints: true,
      maskInput: true,
      singleMaskToken: true,
      batch: true,
      ...setup.capabilities,
    },
    async encode(image, options) {
      encodes.push(options);
      const record = { disposed: 0 };
      embeddings.push(record);
      return {
        geometry: image.geometry,
        origin: "encoded",
        async dispose() {
          record.disposed++;
        },
      };
    },
    async decode(embedding, prompts, options) {
      decodes.push({ embedding, prompts, options });
      setup.onDecode?.();
      const output = options?.outputGeometry ?? embedding.geometry;
      const objectScore = setup.objectScores?.[decodes.length - 1] ?? setup.objectScores?.at(-1);
      return prompts.map((prompt, index): MaskCandidate => {
        const logits = Float32Array.from({ length: output.columns * output.rows }, (_, i) =>
          answer(prompt, i % output.columns, Math.floor(i / output.columns), output),
        );
        return {
          logits: wantedPatch(logits, output, index, options?.logits ?? "whole"),
          mask: { geometry: output, data: Uint8Array.from(logits, (value) => (value > 0 ? 1 : 0)) },
          // Marked with pass and prompt, so that a test can see which one comes back as a mask prompt.
          lowResLogits: { width: 1, height: 1, data: Float32Array.of(decodes.length * 100 + index) },
          predictedIou: setup.predictedIou ?? 0.9,
          ...(objectScore !== undefined && { objectScore }),
          token: 0,
        };
      });
    },
    async dispose() {},
  };
}

/** No more of the logits than was asked for, so that what else is looked at shows. */
function wantedPatch(
  logits: Float32Array,
  output: ImageGeometry,
  index: number,
  wanted: "whole" | WantedLogits | "omit",
): LogitPatch {
  if (wanted === "whole") return wholePatch(logits, output);
  const { above, within = [] } = wanted === "omit" ? { above: Number.POSITIVE_INFINITY } : wanted;
  const box = unionBox([boxAbove(logits, output, above), ...within.slice(index, index + 1)]);
  const rows = Array.from({ length: box.yMax - box.yMin + 1 }, (_, row) => {
    const start = (box.yMin + row) * output.columns;
    return [...logits.subarray(start + box.xMin, start + box.xMax + 1)];
  });
  return { box, data: Float32Array.from(rows.flat()) };
}
