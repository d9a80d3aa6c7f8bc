import type { ImageGeometry } from "../geometry/geometry.ts";
import { isSameGrid } from "../kernels/grid.ts";
import { resizeBilinear } from "../kernels/resize.ts";
import type { SegmentNumber } from "../mask/mask.ts";
import type { PixelBox } from "../mask/measure.ts";
import type { BoxPrompt, DenseLogits, PointPrompt, Prompt } from "../prompt/prompt.ts";
import type { DecodeOptions, MaskCandidate, PromptableSegmenter } from "../segmenter.ts";
import { type Crop, cropGeometry, cutImage } from "./crop-view.ts";
import {
  boxAbove,
  enlargeWithin,
  forEachLine,
  type LogitPatch,
  maskOfPatch,
  reachAbove,
  unionBox,
  wholePatch,
} from "./logit-patch.ts";

/**
 * A segmenter that is shown a part of every image and asked in the frame of the whole: prompts are moved into the crop, and masks
 * and logits come back on the whole image. SAM has no opinion of what it does not see, so the network's logits stand outside of
 * the crop, and inside of its borders SAM's fade into them. Low-resolution logits stay in the crop's frame, where they are
 * mask prompts of the next pass.
 *
 * @param inner borrowed.
 * @param image the grid of the whole.
 * @param network the network's logits of a segment, negative outside of the crop; on a grid over the extent of the image.
 */
export function cropSegmenter(
  inner: PromptableSegmenter,
  image: ImageGeometry,
  crop: Crop,
  network: (segment: SegmentNumber) => DenseLogits,
): PromptableSegmenter {
  const { modelId, digest, capabilities } = inner;
  return {
    modelId,
    digest,
    capabilities,
    async encode(whole, options) {
      return await inner.encode(cutImage(whole, crop), options);
    },
    async decode(embedding, prompts, options = {}) {
      const output = options.outputGeometry ?? image;
      const outputGeometry = cropGeometry(image, crop);
      const seen = prompts.map((prompt) => promptInCrop(prompt, image, crop));
      const answers = await inner.decode(embedding, seen, { ...options, outputGeometry, logits: "whole" });
      return answers.map((answer, index): MaskCandidate => {
        const around = network((prompts[index] as Prompt).segment);
        const wanted = wantedOf(options, index);
        const logits = isSameGrid(image, output)
          ? placeInImage(answer.logits.data, image, crop, around, wanted)
          : wholePatch(
              resizeBilinear(placeInImage(answer.logits.data, image, crop, around, WHOLE).data, image, output),
              output,
            );
        return { ...answer, logits, mask: maskOfPatch(logits, output) };
      });
    },
    async dispose() {},
  };
}

/**
 * A prompt in the frame of the crop. Points of the object are held inside; background points that SAM does not see are left
 * out, and the network's logits are cut.
 */
export function promptInCrop(prompt: Prompt, image: ImageGeometry, crop: Crop): Prompt {
  const geometry = cropGeometry(image, crop);
  const toX = (x: number): number => (x * image.columns) / prompt.geometry.columns - crop.box.xMin;
  const toY = (y: number): number => (y * image.rows) / prompt.geometry.rows - crop.box.yMin;
  const insideX = (x: number): number => Math.min(Math.max(x, 0), geometry.columns - 1);
  const insideY = (y: number): number => Math.min(Math.max(y, 0), geometry.rows - 1);
  const points = prompt.points?.flatMap(({ x, y, label }): PointPrompt[] => {
    const [movedX, movedY] = [toX(x), toY(y)];
    const [heldX, heldY] = [insideX(movedX), insideY(movedY)];
    const isSeen = heldX === movedX && heldY === movedY;
    return isSeen || label === "foreground" ? [{ x: heldX, y: heldY, label }] : [];
  });
  const box = prompt.box && {
    xMin: insideX(toX(prompt.box.xMin)),
    yMin: insideY(toY(prompt.box.yMin)),
    xMax: insideX(toX(prompt.box.xMax)),
    yMax: insideY(toY(prompt.box.yMax)),
  };
  return { segment: prompt.segment, geometry, ...partsOf(points, box), ...maskInputOf(prompt, image, crop) };
}

function partsOf(points: readonly PointPrompt[] | undefined, box: BoxPrompt | undefined): Partial<Prompt> {
  return { ...(points && points.length > 0 && { points }), ...(box && { box }) };
}

function maskInputOf({ maskInput }: Prompt, image: ImageGeometry, crop: Crop): Pick<Prompt, "maskInput"> {
  if (maskInput === undefined) return {};
  // SAM's own logits were computed on the crop.
  if (!("geometry" in maskInput)) return { maskInput };
  const { data } = enlargeWithin(maskInput.data, maskInput.geometry, image, crop.box);
  return { maskInput: { geometry: cropGeometry(image, crop), data } };
}

interface Wanted {
  readonly above: number;
  readonly within?: PixelBox | undefined;
}

const WHOLE: Wanted = { above: Number.NEGATIVE_INFINITY };

function wantedOf({ logits = "whole" }: DecodeOptions, index: number): Wanted {
  if (logits === "whole") return WHOLE;
  // A mask is all that is positive.
  if (logits === "omit") return { above: 0 };
  return { above: Math.min(0, logits.above), within: logits.within?.[index] };
}

/** @param logits of SAM, on the crop. @returns what is wanted, on the image. */
function placeInImage(
  logits: Float32Array,
  image: ImageGeometry,
  crop: Crop,
  around: DenseLogits,
  { above, within }: Wanted,
): LogitPatch {
  const size = cropGeometry(image, crop);
  const marked = reachAbove(around.data, around.geometry, image, above);
  const answered = movedBox(boxAbove(logits, size, above), crop);
  const box = unionBox([marked, answered, ...(within === undefined ? [] : [within])]);
  const patch = enlargeWithin(around.data, around.geometry, image, box);
  const weightsX = fadeWeights(size.columns, crop.fade.left, crop.fade.right);
  const weightsY = fadeWeights(size.rows, crop.fade.top, crop.fade.bottom);
  forEachLine(patch, (line, x, y) => {
    const row = y - crop.box.yMin;
    const weightY = weightsY[row];
    if (weightY === undefined) return;
    const end = Math.min(x + line.length - 1, crop.box.xMax);
    for (let imageX = Math.max(x, crop.box.xMin); imageX <= end; imageX++) {
      const column = imageX - crop.box.xMin;
      const weight = Math.min(weightY, weightsX[column] as number);
      const sam = logits[row * size.columns + column] as number;
      line[imageX - x] = weight * sam + (1 - weight) * (line[imageX - x] as number);
    }
  });
  return patch;
}

function movedBox({ xMin, yMin, xMax, yMax }: PixelBox, { box }: Crop): PixelBox {
  return { xMin: xMin + box.xMin, yMin: yMin + box.yMin, xMax: xMax + box.xMin, yMax: yMax + box.yMin };
}

/** SAM's weight along one axis of a crop: from 0 just outside to 1 behind so many pixels. */
function fadeWeights(length: number, first: number, last: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.min(1, (i + 1) / (first + 1), (length - i) / (last + 1)));
}
