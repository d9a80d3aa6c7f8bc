import { type PixelArray, RefineError, type VolumeGeometry } from "@samrefine/core";
import { writeNifti } from "../nifti/write-nifti.ts";
import { type GreyImage, writeGreyPng } from "../png/write-png.ts";

/**
 * The slices of a volume as NIfTI (.nii.gz), in their own type where they share one, otherwise in float32.
 * @param slices row-major, `size[2]` of them, in the order of k.
 * @throws RefineError what {@link writeNifti} throws.
 */
export function niftiOfSlices(geometry: VolumeGeometry, slices: readonly PixelArray[]): Uint8Array {
  const area = geometry.size[0] * geometry.size[1];
  const first = slices[0]!;
  const isShared = slices.every((slice) => slice.constructor === first.constructor);
  const Values = isShared ? (first.constructor as new (length: number) => PixelArray) : Float32Array;
  const data = new Values(area * slices.length);
  slices.forEach((slice, k) => {
    data.set(slice, k * area);
  });
  return writeNifti({ geometry, data });
}

/**
 * An image as a grey PNG of 8 or 16 bits. PNG holds no fractions and no negative values: rounded, and moved up where the darkest
 * is below 0.
 * @throws RefineError `unsupported-dicom` when the values span more than 16 bits.
 */
export function pngOfImage(columns: number, rows: number, image: PixelArray): Uint8Array {
  let [low, high] = [0, 0];
  for (const value of image) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const isWide = high - low > 255;
  if (high - low > 65535) {
    throw new RefineError("unsupported-dicom", `The image spans ${high - low} grey values; PNG holds 65536.`);
  }
  const grey: GreyImage["data"] = isWide ? new Uint16Array(image.length) : new Uint8Array(image.length);
  for (let i = 0; i < grey.length; i++) grey[i] = Math.round(image[i]! - low);
  return writeGreyPng({ columns, rows, data: grey });
}
