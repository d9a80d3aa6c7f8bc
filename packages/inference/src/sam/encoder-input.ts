import { type DisplayRange, type Image2D, RefineError, requireGridLength, resizeAntialiased } from "@samrefine/core";
import type { LetterboxFrame } from "./frame.ts";

export interface PixelStatistics {
  /** RGB, in 0..255 units. */
  readonly mean: readonly [number, number, number];
  readonly standardDeviation: readonly [number, number, number];
}

/**
 * The encoder's input [1, 3, side, side] as SAM was trained: the window becomes 8 bits, the longest side is resized with an
 * antialiased bilinear filter on those 8 bits, then each channel is standardised, and the padding is zero after that.
 *
 * @param result written in full; 3 * side * side values.
 * @see segment_anything `ResizeLongestSide.apply_image` and `Sam.preprocess`.
 * @throws RefineError `shape-mismatch` for an image that is neither grey nor RGB or whose data do not fill its geometry.
 */
export function fillEncoderInput(
  result: Float32Array,
  image: Image2D,
  displayRange: DisplayRange,
  frame: LetterboxFrame,
  statistics: PixelStatistics,
): void {
  const { channels } = image;
  requireGridLength("Image for SAM", image.data.length, image.geometry, channels);
  if (channels !== 1 && channels !== 3) {
    throw new RefineError("shape-mismatch", `SAM takes grey or RGB images, but this one has ${channels} channels.`, {
      hint: "Give the middle slice of a 2.5D stack.",
      details: { found: channels, expected: [1, 3] },
    });
  }
  const pixels = resizeAntialiased(toBytes(image, displayRange), image.geometry, frame.scaled, channels);
  for (let channel = 0; channel < 3; channel++) {
    const plane = result.subarray(channel * frame.side ** 2, (channel + 1) * frame.side ** 2);
    const table = Float32Array.from(
      { length: 256 },
      (_, value) => (value - statistics.mean[channel]!) / statistics.standardDeviation[channel]!,
    );
    fillPlane(plane, pixels, frame, table, channels, channels === 3 ? channel : 0);
  }
}

function fillPlane(
  plane: Float32Array,
  pixels: Uint8Array,
  { side, scaled }: LetterboxFrame,
  table: Float32Array,
  stride: number,
  offset: number,
): void {
  let source = offset;
  for (let row = 0; row < scaled.rows; row++) {
    const start = row * side;
    const end = start + scaled.columns;
    for (let target = start; target < end; target++, source += stride) plane[target] = table[pixels[source]!]!;
    plane.fill(0, end, start + side);
  }
  plane.fill(0, scaled.rows * side);
}

/** Window to 0..255, rounded half up. NaN is black. A window without width splits at its value. */
function toBytes(image: Image2D, { lower, upper }: DisplayRange): Uint8Array {
  const { data } = image;
  if (data instanceof Uint8Array && lower === 0 && upper === 255) return data;
  const result = new Uint8Array(data.length);
  const scale = upper > lower ? 255 / (upper - lower) : Number.MAX_VALUE;
  for (let i = 0; i < data.length; i++) {
    const value = (data[i]! - lower) * scale + 0.5;
    // A comparison that NaN fails, and the truncation of a Uint8Array store.
    result[i] = value > 0 ? Math.min(value, 255) : 0;
  }
  return result;
}
