import type { Image2D } from "@samrefine/core";
import { type DicomFile, imageGeometryOf, rgbFromPalette, type SourceInstance } from "@samrefine/dicom";
import { readFrame, type StoredFrame } from "@samrefine/dicom/node";

/** ITU-R BT.601 weights, the ones of DICOM's YBR_FULL (PS3.3 C.7.6.3.1.2). */
const LUMINANCE = [0.299, 0.587, 0.114] as const;

/**
 * One image in modality units: decompressed, Modality LUT rescaled (PS3.3 C.11.1), MONOCHROME1 inverted so that larger is
 * brighter, colour reduced to luminance. Padding becomes the smallest real value. Unscaled 8-bit images stay 8-bit.
 * @param instance whose `frameNumber` says which frame of the file it is.
 * @throws RefineError `unsupported-dicom` for a layout or a compression that is not read.
 */
export async function imageOfInstance(file: DicomFile, instance: SourceInstance): Promise<Image2D> {
  const geometry = imageGeometryOf(instance);
  const frame = await readFrame(file, instance.frameNumber);
  const luminance = luminanceOf(file, frame);
  if (luminance !== undefined) return { geometry, channels: 1, data: luminance };
  const stored = frame.data;
  const padded = isPaddingOf(instance);
  const values = Float32Array.from(stored, (value) => value * instance.rescaleSlope + instance.rescaleIntercept);
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const [n, value] of values.entries()) {
    if (padded(stored[n]!)) continue;
    lowest = Math.min(lowest, value);
    highest = Math.max(highest, value);
  }
  const isInverted = instance.photometricInterpretation === "MONOCHROME1";
  // Inversion mirrors the stored range of the image format, so that it does not depend on the picture's content.
  const mirror = isInverted ? storedMaximum(instance) * instance.rescaleSlope + 2 * instance.rescaleIntercept : 0;
  const darkest = isInverted ? mirror - highest : lowest;
  for (const [n, value] of values.entries()) {
    if (padded(stored[n]!)) values[n] = Number.isFinite(darkest) ? darkest : 0;
    else if (isInverted) values[n] = mirror - value;
  }
  const isPlain8Bit =
    instance.bitsStored <= 8 && !instance.isSigned && instance.rescaleSlope === 1 && instance.rescaleIntercept === 0;
  return { geometry, channels: 1, data: isPlain8Bit ? Uint8Array.from(values) : values };
}

/** Brightness of a colour image; undefined for a grey one. */
function luminanceOf({ dataset }: DicomFile, frame: StoredFrame): Float32Array | undefined {
  const isPalette = frame.photometricInterpretation === "PALETTE COLOR";
  if (frame.samplesPerPixel === 1 && !isPalette) return undefined;
  const samples = isPalette ? rgbFromPalette(dataset, frame.data) : frame.data;
  const isLuminanceFirst = frame.photometricInterpretation.startsWith("YBR");
  return Float32Array.from({ length: frame.rows * frame.columns }, (_, n) =>
    isLuminanceFirst
      ? samples[3 * n]!
      : LUMINANCE[0] * samples[3 * n]! + LUMINANCE[1] * samples[3 * n + 1]! + LUMINANCE[2] * samples[3 * n + 2]!,
  );
}

function storedMaximum({ bitsStored, isSigned }: SourceInstance): number {
  // Signed values run from -2^(b-1) to 2^(b-1) - 1, whose sum is -1.
  return isSigned ? -1 : 2 ** bitsStored - 1;
}

function isPaddingOf({
  pixelPaddingValue: value,
  pixelPaddingRangeLimit: limit,
}: SourceInstance): (v: number) => boolean {
  if (value === undefined) return () => false;
  const [low, high] = limit === undefined ? [value, value] : [Math.min(value, limit), Math.max(value, limit)];
  return (stored) => stored >= low && stored <= high;
}
