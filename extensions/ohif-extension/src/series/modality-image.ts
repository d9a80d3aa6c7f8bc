import type { Image2D, ImageGeometry, PixelArray } from "@samrefine/core";

/** A decoded frame as the host's loader holds it; plain data, so that it can cross to a worker. */
export interface DecodedFrame {
  readonly geometry: ImageGeometry;
  /** Row-major; several samples of a pixel lie together (RGB, RGBA). */
  readonly data: PixelArray;
  readonly samplesPerPixel: 1 | 3 | 4;
  /** True when the loader already applied slope and intercept. */
  readonly isScaled: boolean;
  readonly slope: number;
  readonly intercept: number;
  /** MONOCHROME1: small stored values are bright. */
  readonly isInverted: boolean;
  readonly bitsStored: number;
  readonly isSigned: boolean;
}

/** ITU-R BT.601 weights, the ones of DICOM's YBR_FULL (PS3.3 C.7.6.3.1.2). */
const LUMINANCE = [0.299, 0.587, 0.114] as const;

/**
 * One channel in modality units, larger = brighter: slope and intercept applied, MONOCHROME1 mirrored inside the range of its
 * stored bits, colour reduced to luminance. Returns the frame's own array when nothing has to be done.
 */
export function modalityImage(frame: DecodedFrame): Image2D {
  const { geometry, data } = frame;
  if (frame.samplesPerPixel > 1) return { geometry, channels: 1, data: luminance(data, frame.samplesPerPixel) };
  const slope = frame.isScaled ? 1 : frame.slope;
  const intercept = frame.isScaled ? 0 : frame.intercept;
  if (slope === 1 && intercept === 0 && !frame.isInverted) return { geometry, channels: 1, data };
  const result = new Float32Array(data.length);
  const mirror = frame.isInverted ? mirrorSum(frame) : 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i]! * slope + intercept;
    result[i] = frame.isInverted ? mirror - value : value;
  }
  return { geometry, channels: 1, data: result };
}

/** Darkest plus brightest representable modality value: v -> mirrorSum - v exchanges the two. */
function mirrorSum(frame: DecodedFrame): number {
  const low = frame.isSigned ? -(2 ** (frame.bitsStored - 1)) : 0;
  const high = frame.isSigned ? 2 ** (frame.bitsStored - 1) - 1 : 2 ** frame.bitsStored - 1;
  return (low + high) * frame.slope + 2 * frame.intercept;
}

function luminance(data: PixelArray, samples: number): Float32Array {
  const result = new Float32Array(data.length / samples);
  for (let i = 0, j = 0; i < result.length; i++, j += samples) {
    result[i] = LUMINANCE[0] * data[j]! + LUMINANCE[1] * data[j + 1]! + LUMINANCE[2] * data[j + 2]!;
  }
  return result;
}
