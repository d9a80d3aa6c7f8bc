import type { DisplayRange, Image2D } from "@samrefine/core";
import { sha256Hex } from "@samrefine/models";

/**
 * Content hash of all that an embedding depends on: pixels, window and weights. Two series with the same picture share it;
 * nothing of a patient can be read from it.
 */
export async function embeddingKey(image: Image2D, displayRange: DisplayRange, modelDigest: string): Promise<string> {
  const { data, geometry, channels } = image;
  const pixels = await sha256Hex(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const description = [
    pixels,
    data.constructor.name,
    geometry.columns,
    geometry.rows,
    channels,
    displayRange.lower,
    displayRange.upper,
    modelDigest,
  ];
  return sha256Hex(new TextEncoder().encode(JSON.stringify(description)));
}
