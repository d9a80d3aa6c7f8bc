import type { PromptCapabilities } from "@samrefine/core";
import type { PromptableManifest, TensorNames } from "@samrefine/models";
import type { DecoderInterface } from "./decoder-interface.ts";
import { efficientSamInterface } from "./interfaces/efficient-sam.ts";
import { officialInterface } from "./interfaces/official.ts";
import { sam2Interface } from "./interfaces/sam2.ts";
import { transformersSamInterface } from "./interfaces/transformers-sam.ts";
import { transformersSam2Interface } from "./interfaces/transformers-sam2.ts";

/**
 * @param decoder names of the decoder's inputs and outputs, which tell the variants of one family apart.
 */
export function decoderInterface(manifest: PromptableManifest, decoder: TensorNames): DecoderInterface {
  switch (manifest.family) {
    case "sam-cut":
    case "sam-official":
      return officialInterface(manifest.encoder, decoder);
    case "transformers-sam":
      return transformersSamInterface;
    case "transformers-sam2":
      return transformersSam2Interface;
    case "sam2":
      return sam2Interface(decoder);
    case "efficient-sam":
      return efficientSamInterface;
  }
}

/** What graph and weights both understand: a graph takes prompts that its weights were never trained for (MedSAM). */
export function declaredCapabilities(manifest: PromptableManifest, ofGraph: PromptCapabilities): PromptCapabilities {
  const { prompts, batch = ofGraph.batch } = manifest;
  if (!prompts) return { ...ofGraph, batch };
  return {
    box: ofGraph.box && prompts.includes("box"),
    backgroundPoints: ofGraph.backgroundPoints && prompts.includes("background-points"),
    maskInput: ofGraph.maskInput && prompts.includes("mask"),
    singleMaskToken: ofGraph.singleMaskToken,
    batch,
  };
}
