import { type Image2D, RefineError } from "@samrefine/core";
import { type DicomFile, imageGeometryOf, type SourceInstance } from "@samrefine/dicom";

/** Transfer syntax with swapped bytes (retired, but still found). */
const EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2";

/**
 * Pixels of a single-frame instance in modality units: Modality LUT rescaled (PS3.3 C.11.1), MONOCHROME1 inverted so that
 * larger is brighter. Padding becomes the smallest real value. Unscaled 8-bit images stay 8-bit.
 * @throws RefineError `unsupported-dicom` for compressed pixels or a layout that is not read.
 */
export function imageOfInstance(file: DicomFile, instance: SourceInstance): Image2D {
  const geometry = imageGeometryOf(instance);
  const stored = storedValues(file, instance);
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

function storedValues(file: DicomFile, instance: SourceInstance): ArrayLike<number> {
  const { bitsAllocated, bitsStored, isSigned, samplesPerPixel, rows, columns, sopInstanceUid } = instance;
  const refuse = (reason: string): RefineError =>
    new RefineError("unsupported-dicom", `The pixels of instance ${sopInstanceUid} cannot be read: ${reason}.`, {
      hint: "Convert the study to Explicit VR Little Endian, for example with dcmdjpeg, dcmdjpls or gdcmconv --raw.",
      details: { sopInstanceUid, transferSyntaxUid: file.transferSyntaxUid },
    });
  const pixels = file.dataset.PixelData;
  if (!(pixels instanceof Uint8Array)) throw refuse(`they are compressed (transfer syntax ${file.transferSyntaxUid})`);
  if (samplesPerPixel !== 1 || (bitsAllocated !== 8 && bitsAllocated !== 16)) {
    throw refuse(`${samplesPerPixel} samples of ${bitsAllocated} bits are not read here, one of 8 or 16 is`);
  }
  if (instance.photometricInterpretation === "PALETTE COLOR") throw refuse("they are indices of a colour palette");
  const width = bitsAllocated / 8;
  const count = rows * columns;
  if (pixels.length < count * width) {
    throw refuse(`${columns} x ${rows} pixels need ${count * width} bytes, ${pixels.length} are there`);
  }
  const isLittle = file.transferSyntaxUid !== EXPLICIT_BIG_ENDIAN;
  const view = new DataView(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  const mask = 2 ** bitsStored - 1;
  const sign = isSigned ? 2 ** (bitsStored - 1) : 0;
  const values = new Int32Array(count);
  for (let n = 0; n < count; n++) {
    // Bits above Bits Stored may hold overlays of old; two's complement within Bits Stored is undone by hand.
    const bits = (width === 1 ? pixels[n]! : view.getUint16(2 * n, isLittle)) & mask;
    values[n] = isSigned && bits >= sign ? bits - 2 * sign : bits;
  }
  return values;
}
