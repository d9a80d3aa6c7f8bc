import {
  type Image2D,
  type ImageEmbedding,
  type MaskCandidate,
  type Prompt,
  type PromptableSegmenter,
  RefineError,
  wholePatch,
} from "@samrefine/core";
import { gaussianBlur } from "../data/intensity-jitter.ts";
import type { PromptableGuide } from "../guide/slice-embeddings.ts";

/** A promptable segmenter for the disks of `diskDataset`: its answer to any prompt is what is bright, within the box if any. */
export interface BrightnessSegmenter extends PromptableSegmenter {
  readonly prompts: Prompt[];
  /** Images encoded so far. */
  readonly encodes: number;
  /** Embeddings not yet disposed of. */
  readonly alive: number;
}

export function brightnessSegmenter(): BrightnessSegmenter {
  const prompts: Prompt[] = [];
  const smoothed = new Map<ImageEmbedding, Float32Array>();
  let encodes = 0;
  return {
    prompts,
    get encodes() {
      return encodes;
    },
    get alive() {
      return smoothed.size;
    },
    modelId: "brightness-double",
    digest: "0".repeat(64),
    capabilities: { box: true, backgroundPoints: true, maskInput: true, singleMaskToken: true, batch: true },
    async encode(image: Image2D) {
      encodes++;
      const embedding: ImageEmbedding = {
        geometry: image.geometry,
        origin: "encoded",
        dispose: async () => {
          smoothed.delete(embedding);
        },
      };
      smoothed.set(embedding, gaussianBlur(Float32Array.from(image.data), image.geometry, 1.5));
      return embedding;
    },
    async decode(embedding, asked, { outputGeometry: output = embedding.geometry } = {}) {
      const values = smoothed.get(embedding);
      if (!values) throw new RefineError("disposed", "The embedding was disposed of.");
      prompts.push(...asked);
      const { rows, columns } = embedding.geometry;
      return asked.map(({ box, geometry }): MaskCandidate => {
        const logits = Float32Array.from({ length: output.rows * output.columns }, (_, pixel) => {
          const x = (pixel % output.columns) / output.columns;
          const y = Math.floor(pixel / output.columns) / output.rows;
          const bx = x * geometry.columns;
          const by = y * geometry.rows;
          if (box && (bx < box.xMin || bx > box.xMax || by < box.yMin || by > box.yMax)) return -10;
          return (values[Math.floor(y * rows) * columns + Math.floor(x * columns)]! - 130) / 3;
        });
        return {
          logits: wholePatch(logits, output),
          mask: { geometry: output, data: Uint8Array.from(logits, (value) => (value > 0 ? 1 : 0)) },
          lowResLogits: { width: 1, height: 1, data: new Float32Array(1) },
          predictedIou: 0.9,
          token: 0,
        };
      });
    },
    async dispose() {},
  };
}

export function brightnessGuide(segmenter = brightnessSegmenter()): PromptableGuide {
  return { segmenter, displayRange: () => ({ lower: 0, upper: 255 }) };
}
