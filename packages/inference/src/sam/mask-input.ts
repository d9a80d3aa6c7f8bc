import {
  type DenseLogits,
  type LowResLogits,
  RefineError,
  requireGridLength,
  resizeAntialiased,
} from "@samrefine/core";
import { frameOf, type SamFrame } from "./frame.ts";

/**
 * Writes a mask prompt as the decoder's `mask_input` [side, side]. SAM's own logits pass as they are. Logits on another grid
 * over the extent of the image are resized with antialiasing to the image's place in the frame; the padding is zero
 * (methods.md 1.5 step 3).
 *
 * @param result zeros, side * side.
 * @param frame of the image: the grid of dense logits may have another aspect.
 * @throws RefineError `shape-mismatch`.
 */
export function fillMaskInput(
  result: Float32Array,
  mask: LowResLogits | DenseLogits,
  frame: Pick<SamFrame, "fit" | "image">,
  side: number,
): void {
  if (!("geometry" in mask)) {
    if (mask.width !== side || mask.height !== side || mask.data.length !== side * side) throw otherSide(mask, side);
    result.set(mask.data);
    return;
  }
  requireGridLength("Mask prompt", mask.data.length, mask.geometry);
  const { scaled } = frameOf(frame.image, side, frame.fit);
  const resized = resizeAntialiased(mask.data, mask.geometry, scaled);
  for (let row = 0; row < scaled.rows; row++) {
    result.set(resized.subarray(row * scaled.columns, (row + 1) * scaled.columns), row * side);
  }
}

function otherSide({ width, height, data }: LowResLogits, side: number): RefineError {
  return new RefineError(
    "shape-mismatch",
    `The mask prompt has ${width} x ${height} logits (${data.length} values), but this model takes ${side} x ${side}.`,
    {
      hint: "Low-resolution logits belong to the model that made them; pass others together with their geometry.",
      details: { width, height, expected: side },
    },
  );
}
