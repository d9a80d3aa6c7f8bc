import type { DecodedFrame } from "./modality-image.ts";

/** A frame of two stored 12-bit pixels that nothing was applied to, but for what is said. */
export function decodedFrame(overrides: Partial<DecodedFrame> = {}): DecodedFrame {
  return {
    geometry: { columns: 2, rows: 1 },
    data: Int16Array.of(0, 100),
    samplesPerPixel: 1,
    isScaled: false,
    slope: 1,
    intercept: 0,
    isInverted: false,
    bitsStored: 12,
    isSigned: false,
    ...overrides,
  };
}
