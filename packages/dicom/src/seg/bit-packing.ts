import { RefineError } from "@samrefine/core";

/** A packed frame and what was found while packing it. */
export interface PackedFrame {
  /**
   * Eight pixels per byte, the first in the lowest bit (PS3.5 8.1.1); unused bits of the last byte are zero. No bytes at all
   * for an empty mask.
   */
  readonly bytes: Uint8Array;
  readonly isEmpty: boolean;
  /** A pixel is also set in `occupied`. */
  readonly overlaps: boolean;
}

const NOTHING: Uint8Array<ArrayBuffer> = new Uint8Array(0);

function notBinary(): RefineError {
  return new RefineError("seg-encoding", "A mask holds a value other than 0 and 1.", {
    hint: "Threshold the mask before it is encoded.",
  });
}

/**
 * Packs one mask of 0 | 1 bytes and adds it to `occupied` (packed alike), which tells overlaps between segments.
 * @throws RefineError `seg-encoding` for other values.
 */
export function packFrame(mask: Uint8Array, occupied: Uint8Array): PackedFrame {
  const pixels = mask.byteLength;
  let bytes = NOTHING;
  const whole = pixels >> 3;
  // Words need alignment; typed-array views of larger buffers may not have it.
  const aligned = mask.byteOffset % 4 === 0 ? mask : mask.slice();
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, whole * 2);
  let any = 0;
  let overlap = 0;
  for (let i = 0; i < whole; i++) {
    const low = words[2 * i]!;
    const high = words[2 * i + 1]!;
    if ((low | high) === 0) continue;
    if (((low | high) & 0xfefefefe) !== 0) throw notBinary();
    // The product gathers the lowest bits of four bytes in the top nibble: no two of the partial products collide.
    const byte = (Math.imul(low, 0x10204080) >>> 28) | ((Math.imul(high, 0x10204080) >>> 28) << 4);
    // Most masks of a study are empty: nothing is allocated for them.
    if (any === 0) bytes = new Uint8Array((pixels + 7) >> 3);
    any |= byte;
    overlap |= occupied[i]! & byte;
    occupied[i] = occupied[i]! | byte;
    bytes[i] = byte;
  }
  if (whole * 8 < pixels) {
    let byte = 0;
    for (let at = whole * 8; at < pixels; at++) {
      const value = aligned[at]!;
      if (value > 1) throw notBinary();
      byte |= value << (at & 7);
    }
    if (any === 0 && byte !== 0) bytes = new Uint8Array((pixels + 7) >> 3);
    any |= byte;
    overlap |= occupied[whole]! & byte;
    occupied[whole] = occupied[whole]! | byte;
    if (byte !== 0) bytes[whole] = byte;
  }
  return { bytes, isEmpty: any === 0, overlaps: overlap !== 0 };
}

/**
 * Lays packed frames end to end. Frames whose pixel count is no multiple of eight continue in the middle of a byte: the
 * bit stream has no padding between frames (PS3.5 8.1.1), only at its end.
 */
export function joinPackedFrames(frames: readonly Uint8Array[], pixelsPerFrame: number): readonly Uint8Array[] {
  if (pixelsPerFrame % 8 === 0) return frames;
  const out = new Uint8Array(Math.ceil((frames.length * pixelsPerFrame) / 8));
  frames.forEach((frame, index) => {
    const start = index * pixelsPerFrame;
    const shift = start % 8;
    let at = Math.floor(start / 8);
    for (let i = 0; i < frame.byteLength; i++, at++) {
      const value = frame[i]! << shift;
      out[at] = out[at]! | (value & 0xff);
      // Bits beyond the frame are zero, so that the next byte, where there is one, takes nothing wrong.
      if (value > 0xff) out[at + 1] = out[at + 1]! | (value >> 8);
    }
  });
  return [out];
}

/** Four bits spread over the four bytes of a word, the first in the lowest. */
const FOUR_PIXELS: Uint32Array = Uint32Array.from(
  { length: 16 },
  (_, bits) => (bits & 1) | ((bits & 2) << 7) | ((bits & 4) << 14) | ((bits & 8) << 21),
);

/** One frame of a bit stream as 0 | 1 bytes. `stream` must hold the frame wholly. */
export function unpackFrame(stream: Uint8Array, index: number, pixelsPerFrame: number): Uint8Array {
  const mask = new Uint8Array(pixelsPerFrame);
  const start = index * pixelsPerFrame;
  if (start % 8 === 0) {
    const first = start / 8;
    const whole = pixelsPerFrame >> 3;
    const words = new Uint32Array(mask.buffer, 0, whole * 2);
    for (let i = 0; i < whole; i++) {
      const byte = stream[first + i]!;
      if (byte === 0) continue;
      words[2 * i] = FOUR_PIXELS[byte & 15]!;
      words[2 * i + 1] = FOUR_PIXELS[byte >> 4]!;
    }
    for (let at = whole * 8; at < pixelsPerFrame; at++) mask[at] = (stream[first + whole]! >> (at & 7)) & 1;
    return mask;
  }
  for (let at = 0; at < pixelsPerFrame; at++) {
    const bit = start + at;
    mask[at] = (stream[Math.floor(bit / 8)]! >> (bit % 8)) & 1;
  }
  return mask;
}

/**
 * Writes `value` into `labels` wherever a frame of a bit stream is set. `stream` must hold the frame wholly.
 * @returns Number of pixels set.
 */
export function paintFrame(stream: Uint8Array, index: number, labels: Uint8Array | Uint16Array, value: number): number {
  const pixels = labels.length;
  const start = index * pixels;
  const first = Math.floor(start / 8);
  // Pixel of the lowest bit of the first byte; bits of the first and the last byte may belong to the neighbouring frames.
  const lead = first * 8 - start;
  const end = Math.ceil((start + pixels) / 8);
  // Most of a frame is background: four bytes at a time, wherever the stream lies in its buffer.
  const base = stream.byteOffset;
  const words = new Uint32Array(stream.buffer, 0, Math.floor(stream.buffer.byteLength / 4));
  const lastWord = (base + end) >>> 2;
  let count = 0;
  let byte = first;
  while (byte < end) {
    const bits = stream[byte]!;
    if (bits === 0) {
      byte++;
      if (((base + byte) & 3) !== 0) continue;
      let word = (base + byte) >>> 2;
      while (word < lastWord && words[word] === 0) word++;
      byte = word * 4 - base;
      continue;
    }
    const at = (byte - first) * 8 + lead;
    if (bits === 0xff && at >= 0 && at + 8 <= pixels) {
      // Insides of structures: runs of whole bytes.
      let next = byte + 1;
      while (next < end && stream[next] === 0xff && (next - first) * 8 + lead + 8 <= pixels) next++;
      labels.fill(value, at, at + (next - byte) * 8);
      count += (next - byte) * 8;
      byte = next;
      continue;
    }
    for (let bit = Math.max(0, -at); bit < 8 && at + bit < pixels; bit++) {
      if (((bits >> bit) & 1) === 0) continue;
      labels[at + bit] = value;
      count++;
    }
    byte++;
  }
  return count;
}
