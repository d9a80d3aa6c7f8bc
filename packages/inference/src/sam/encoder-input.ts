import {
  type DisplayRange,
  type Image2D,
  isSameGrid,
  RefineError,
  requireGridLength,
  resizeAntialiased,
} from "@samrefine/core";
import type { SamFrame } from "./frame.ts";

/** How the window's 8 bits become the encoder's numbers: (byte - mean) / standardDeviation per channel. */
export interface PixelRecipe {
  /** RGB, in 0..255 units. */
  readonly mean: readonly [number, number, number];
  readonly standardDeviation: readonly [number, number, number];
  /**
   * `min-max`: the darkest and the brightest value of the scaled image become 0 and 255 first, as MedSAM was trained
   * (methods.md 6.4). Default `window`: the bytes as they are.
   */
  readonly contrast?: "window" | "min-max" | undefined;
  /**
   * `interleaved`: [rows, columns, 3] of the scaled image alone, for encoders that pad in their graph (methods.md 6.1).
   * Default `planar`: [3, side, side].
   */
  readonly layout?: "planar" | "interleaved" | undefined;
}

/** Number of values that {@link fillEncoderInput} writes. */
export function encoderInputLength({ side, scaled }: SamFrame, layout: PixelRecipe["layout"]): number {
  return layout === "interleaved" ? 3 * scaled.rows * scaled.columns : 3 * side * side;
}

/**
 * The encoder's input as SAM was trained: the window becomes 8 bits, the image is resized with an antialiased bilinear
 * filter on those 8 bits, then each channel is standardised, and the padding is zero after that.
 *
 * @param result written in full; {@link encoderInputLength} values.
 * @see segment_anything `ResizeLongestSide.apply_image` and `Sam.preprocess`.
 * @throws RefineError `shape-mismatch` for an image that is neither grey nor RGB or whose data do not fill its geometry.
 */
export function fillEncoderInput(
  result: Float32Array,
  image: Image2D,
  displayRange: DisplayRange,
  frame: SamFrame,
  recipe: PixelRecipe,
): void {
  const { channels } = image;
  requireGridLength("Image for SAM", image.data.length, image.geometry, channels);
  if (channels !== 1 && channels !== 3) {
    throw new RefineError("shape-mismatch", `SAM takes grey or RGB images, but this one has ${channels} channels.`, {
      hint: "Give the middle slice of a 2.5D stack.",
      details: { found: channels, expected: [1, 3] },
    });
  }
  const bytes = toBytes(image, displayRange);
  const isScaled = isSameGrid(image.geometry, frame.scaled);
  const pixels = isScaled ? bytes : resizeAntialiased(bytes, image.geometry, frame.scaled, channels);
  const tables = byteTables(pixels, recipe);
  if (recipe.layout === "interleaved") fillInterleaved(result, pixels, tables, channels);
  else fillPlanes(result, pixels, frame, tables, channels);
}

type ByteTables = readonly [Float32Array, Float32Array, Float32Array];

/** What each of the 256 bytes becomes, per channel. */
function byteTables(pixels: Uint8Array, { mean, standardDeviation, contrast }: PixelRecipe): ByteTables {
  let lowest = 0;
  let scale = 1;
  if (contrast === "min-max") {
    let highest = 0;
    lowest = 255;
    for (let i = 0; i < pixels.length; i++) {
      lowest = Math.min(lowest, pixels[i]!);
      highest = Math.max(highest, pixels[i]!);
    }
    scale = highest > lowest ? 255 / (highest - lowest) : 0;
  }
  const table = (channel: 0 | 1 | 2) =>
    Float32Array.from(
      { length: 256 },
      (_, value) => ((value - lowest) * scale - mean[channel]) / standardDeviation[channel],
    );
  return [table(0), table(1), table(2)];
}

function fillInterleaved(result: Float32Array, pixels: Uint8Array, tables: ByteTables, channels: 1 | 3): void {
  const step = channels === 3 ? 1 : 0;
  let target = 0;
  for (let source = 0; source < pixels.length; source += channels) {
    result[target++] = tables[0][pixels[source]!]!;
    result[target++] = tables[1][pixels[source + step]!]!;
    result[target++] = tables[2][pixels[source + 2 * step]!]!;
  }
}

function fillPlanes(
  result: Float32Array,
  pixels: Uint8Array,
  { side, scaled }: SamFrame,
  tables: ByteTables,
  channels: 1 | 3,
): void {
  const [first, second, third] = [0, 1, 2].map((channel) =>
    result.subarray(channel * side * side, (channel + 1) * side * side),
  ) as [Float32Array, Float32Array, Float32Array];
  const width = scaled.columns * channels;
  for (let row = 0; row < scaled.rows; row++) {
    const bytes = pixels.subarray(row * width, (row + 1) * width);
    if (channels === 1) fillGreyRow(first, second, third, row * side, bytes, tables);
    else {
      fillColourRow(first, row * side, bytes, 0, tables[0]);
      fillColourRow(second, row * side, bytes, 1, tables[1]);
      fillColourRow(third, row * side, bytes, 2, tables[2]);
    }
  }
  for (const plane of [first, second, third]) clearPadding(plane, { side, scaled });
}

// Rows by themselves: a short function that is called often runs at full speed sooner than a loop over the image.

/** All three planes in one pass: a grey image reads each byte once. */
function fillGreyRow(
  first: Float32Array,
  second: Float32Array,
  third: Float32Array,
  start: number,
  bytes: Uint8Array,
  [red, green, blue]: ByteTables,
): void {
  for (let i = 0, target = start; i < bytes.length; i++, target++) {
    const value = bytes[i]!;
    first[target] = red[value]!;
    second[target] = green[value]!;
    third[target] = blue[value]!;
  }
}

function fillColourRow(
  plane: Float32Array,
  start: number,
  bytes: Uint8Array,
  channel: number,
  table: Float32Array,
): void {
  for (let i = channel, target = start; i < bytes.length; i += 3, target++) plane[target] = table[bytes[i]!]!;
}

function clearPadding(plane: Float32Array, { side, scaled }: Pick<SamFrame, "side" | "scaled">): void {
  if (scaled.columns < side) {
    for (let row = 0; row < scaled.rows; row++) plane.fill(0, row * side + scaled.columns, (row + 1) * side);
  }
  plane.fill(0, scaled.rows * side);
}

/** Window to 0..255, rounded half up. NaN is black. A window without width splits at its value. */
function toBytes({ data, geometry, channels }: Image2D, { lower, upper }: DisplayRange): Uint8Array {
  if (data instanceof Uint8Array && lower === 0 && upper === 255) return data;
  const result = new Uint8Array(data.length);
  const scale = upper > lower ? 255 / (upper - lower) : Number.MAX_VALUE;
  const width = geometry.columns * channels;
  for (let start = 0; start < data.length; start += width) fillBytes(result, data, start, start + width, lower, scale);
  return result;
}

function fillBytes(
  result: Uint8Array,
  data: Image2D["data"],
  start: number,
  end: number,
  lower: number,
  scale: number,
): void {
  for (let i = start; i < end; i++) {
    const value = (data[i]! - lower) * scale + 0.5;
    // Comparisons that NaN fails, and the truncation of a Uint8Array store.
    result[i] = value > 0 ? (value < 255 ? value : 255) : 0;
  }
}
