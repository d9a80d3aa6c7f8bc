import { RefineError } from "@samrefine/core";
import type { EncapsulatedPixels } from "../dataset/attributes.ts";

function refuse(message: string): RefineError {
  return new RefineError("unsupported-dicom", `The compressed pixel data cannot be read: ${message}`, {
    hint: "Fetch the object again from its source, or have it stored uncompressed.",
  });
}

function joined(parts: readonly Uint8Array[], frame: number): Uint8Array {
  const [only, another] = parts;
  if (only !== undefined && another === undefined) return only;
  const total = parts.reduce((sum, part) => sum + part.byteLength, 0);
  if (total === 0) throw refuse(`frame ${frame + 1} has no data.`);
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}

/** Offsets of an Extended Offset Table (7FE0,0001): 64-bit, little endian. */
function offsetsOfTable(table: unknown): readonly number[] {
  if (!(table instanceof Uint8Array)) return [];
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  return Array.from({ length: table.byteLength >> 3 }, (_, i) => Number(view.getBigUint64(i * 8, true)));
}

/**
 * The compressed bytes of every frame (PS3.5 A.4): one fragment each, or several that the basic or the extended offset table
 * tells apart. Fragments that are frames are not copied.
 * @param extendedOffsetTable value of Extended Offset Table, where there is one.
 * @throws RefineError `unsupported-dicom` when fragments cannot be told apart into `frameCount` frames.
 */
export function framesOfFragments(
  pixels: EncapsulatedPixels,
  frameCount: number,
  extendedOffsetTable?: unknown,
): readonly Uint8Array[] {
  const { fragments } = pixels;
  if (frameCount === 1) return [joined(fragments, 0)];
  if (fragments.length === frameCount) return fragments;
  const extended = offsetsOfTable(extendedOffsetTable);
  const offsets = extended.length > 0 ? extended : pixels.offsets;
  if (offsets.length !== frameCount) {
    throw refuse(`its ${fragments.length} fragments cannot be told apart into ${frameCount} frames.`);
  }
  const starts = new Map(offsets.map((offset, frame) => [offset, frame]));
  const frames: Uint8Array[][] = Array.from({ length: frameCount }, () => []);
  let offset = 0;
  let frame = -1;
  for (const fragment of fragments) {
    frame = starts.get(offset) ?? frame;
    frames[frame]?.push(fragment);
    offset += 8 + fragment.byteLength;
  }
  return frames.map(joined);
}
