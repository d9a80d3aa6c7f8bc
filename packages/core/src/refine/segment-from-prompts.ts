import { RefineError } from "../errors.ts";
import type { ImageGeometry } from "../geometry/geometry.ts";
import type { Image2D } from "../image/image.ts";
import type { DisplayRange } from "../image/intensity.ts";
import { requireGridLength } from "../kernels/grid.ts";
import type { Segment } from "../mask/mask.ts";
import { binariseLogits, logitsOfMask, logitsOfProbability } from "../prompt/mask-prompt.ts";
import type { Prompt } from "../prompt/prompt.ts";
import type { ImageEmbedding, MaskCandidate, MaskChoice, PromptableSegmenter } from "../segmenter.ts";
import type { TaskOptions } from "../task.ts";
import { requirePromptCapabilities } from "./capabilities.ts";
import { blendOver } from "./fuse-logits.ts";
import { enlargeWithin, maskOfPatch, reachAbove } from "./logit-patch.ts";

export interface SegmentFromPromptsOptions extends TaskOptions {
  readonly displayRange: DisplayRange;
  /** Borrowed: reused and left alive. Without it the image is encoded for this call alone. */
  readonly embedding?: ImageEmbedding | undefined;
  /**
   * The segment's present mask, given to SAM as a mask prompt so that an edit corrects it instead of starting anew. Used
   * when the prompt has no `maskInput` of its own, and in the blend.
   */
  readonly initial?: Segment | undefined;
  /** Weight of SAM's logits against the initial segment's. Default 1: a person's prompt overrules the network. */
  readonly samWeight?: number | undefined;
  readonly maskChoice?: MaskChoice | undefined;
  /** Grid of the result. Default: the image's own. */
  readonly outputGeometry?: ImageGeometry | undefined;
}

/**
 * Asks SAM about one segment with prompts that a person placed, moved or removed (see `editPrompt`). One decode; the
 * viewer's SAM tool and its draggable prompts call this on every change, with a kept embedding.
 *
 * @returns the candidate, its mask and logits blended when `samWeight` < 1, its logits where they can be positive; undefined
 *   when the prompt holds neither a point nor a box, because there is nothing to ask.
 * @throws RefineError `missing-capability`, `shape-mismatch`, and what the segmenter throws. Aborting rejects with the
 *   signal's reason.
 */
export async function segmentFromPrompts(
  image: Image2D,
  prompt: Prompt,
  segmenter: PromptableSegmenter,
  options: SegmentFromPromptsOptions,
): Promise<MaskCandidate | undefined> {
  const { signal, logger, initial, displayRange } = options;
  signal?.throwIfAborted();
  if ((prompt.points?.length ?? 0) === 0 && prompt.box === undefined) return undefined;

  const initialLogits = initial && logitsOfSegment(initial);
  const asked: Prompt =
    initial === undefined || initialLogits === undefined || prompt.maskInput !== undefined
      ? prompt
      : { ...prompt, maskInput: { geometry: initial.mask.geometry, data: initialLogits } };
  requirePromptCapabilities(asked, options.maskChoice, segmenter);

  const output = options.outputGeometry ?? image.geometry;
  const weight = options.samWeight ?? 1;
  const blended =
    weight === 1 || initial === undefined || initialLogits === undefined
      ? undefined
      : { logits: initialLogits, grid: initial.mask.geometry };
  const embedding = options.embedding ?? (await segmenter.encode(image, { displayRange, signal, logger }));
  try {
    signal?.throwIfAborted();
    const [candidate] = await segmenter.decode(embedding, [asked], {
      ...(options.maskChoice === undefined ? {} : { maskChoice: options.maskChoice }),
      outputGeometry: output,
      logits: { above: 0, ...(blended && { within: [reachAbove(blended.logits, blended.grid, output, 0)] }) },
      signal,
      logger,
    });
    signal?.throwIfAborted();
    if (candidate === undefined) {
      throw new RefineError("inference", `${segmenter.modelId} gave no answer to the prompt.`, {
        details: { modelId: segmenter.modelId },
      });
    }
    if (blended === undefined) return candidate;
    const { box, data } = candidate.logits;
    const network = enlargeWithin(blended.logits, blended.grid, output, box);
    const logits = { box, data: blendOver(network.data, data, weight) };
    return { ...candidate, logits, mask: maskOfPatch(logits, output) };
  } finally {
    if (options.embedding === undefined) await embedding.dispose();
  }
}

function logitsOfSegment({ number, mask, probability, logits }: Segment): Float32Array {
  requireGridLength(`Segment ${number}`, mask.data.length, mask.geometry);
  if (logits !== undefined) {
    requireGridLength(`Logits of segment ${number}`, logits.length, mask.geometry);
    return binariseLogits(logits).logits;
  }
  if (probability === undefined) return logitsOfMask(mask).data;
  requireGridLength(`Probability of segment ${number}`, probability.length, mask.geometry);
  return logitsOfProbability(probability);
}
