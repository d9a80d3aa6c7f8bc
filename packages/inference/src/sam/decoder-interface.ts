import type { Prompt, PromptCapabilities } from "@samrefine/core";
import type { Tensor } from "onnxruntime-common";
import type { TensorData } from "../engine/runtime.ts";
import type { DecoderPrompt } from "./decoder-prompt.ts";
import type { SamFrame } from "./frame.ts";
import type { RememberedTensor } from "./remembered-tensors.ts";

/** One input of a run. The class of `data` says the tensor's type. */
export interface Feed {
  readonly data: TensorData;
  readonly dims: readonly number[];
}

/** Prompts of one run: they all have the same number of tokens, and all a mask or none. */
export interface DecodeBatch {
  readonly prompts: readonly DecoderPrompt[];
  readonly frame: SamFrame;
  /** Side of the low-resolution masks. */
  readonly lowRes: number;
}

export interface DecoderAnswer {
  /** [prompt, token, lowRes, lowRes] logits. */
  readonly masks: Float32Array;
  /** [prompt, token]: the model's claims. */
  readonly ious: Float32Array;
  /** [prompt]: logits of the claim that the object is there, of graphs that make it. */
  readonly objectScores?: Float32Array;
}

/**
 * How the graphs of one family are asked and read (methods.md 6). Knows names, codes, dims and types; pixels and places are
 * the adapter's, which is the same for all families.
 */
export interface DecoderInterface {
  readonly capabilities: PromptCapabilities;
  /** Output names of the encoder, and what the decoder calls them. */
  readonly embedding: Readonly<Record<string, string>>;
  readonly encoderInput: string;
  readonly inputs: readonly string[];
  /** Inputs that some exports of the family have. */
  readonly optionalInputs: readonly string[];
  readonly outputs: readonly string[];
  /** None where a graph has no memory of an image but its embedding. */
  readonly remembered: readonly RememberedTensor[];
  /** Who adds the "no point" token that PyTorch's predictor gives a prompt without a box. */
  readonly padding: "caller" | "graph";
  /** Whether the graph can be told that tokens only fill up a list; it then leaves them out exactly. */
  readonly hidesFillers: boolean;
  /** Numbers of the mask tokens that a run answers with, in the order of the output. */
  readonly tokens: readonly number[];
  /** Including a box, which is two; undefined: any number. */
  readonly mostTokens?: number;
  largestBatch(prompt: Prompt): number;
  /** All inputs but the embedding and what is remembered. */
  feeds(batch: DecodeBatch): Readonly<Record<string, Feed>>;
  /** @throws RefineError `shape-mismatch`. */
  read(outputs: Record<string, Tensor>, batch: DecodeBatch, origin: string): DecoderAnswer;
}
