import type { SegmentNumber } from "@samrefine/core";
import type { MaskSource } from "./types.ts";

/**
 * Exclusive labels of one source instance: row-major, values = segment numbers, 0 = background; undefined = nothing there.
 * Must answer the same every time; the array is only read, and not kept.
 */
export type LabelSource = (instanceIndex: number) => Uint8Array | Uint16Array | undefined;

/** Length of the run of equal labels that begins at `start`. Kernel: most pixels of a slice lie in long runs. */
export function endOfRun(labels: Uint8Array | Uint16Array, words: Uint32Array | undefined, start: number): number {
  const value = labels[start]!;
  const length = labels.length;
  let at = start + 1;
  if (words !== undefined) {
    while (at < length && (at & 3) !== 0) {
      if (labels[at] !== value) return at;
      at++;
    }
    const pattern = Math.imul(value, 0x01010101) >>> 0;
    let word = at >> 2;
    while (word < words.length && words[word] === pattern) word++;
    at = Math.max(at, word << 2);
  }
  while (at < length && labels[at] === value) at++;
  return at;
}

/** Four labels at a time, where they are bytes that lie on words. */
export function wordsOf(labels: Uint8Array | Uint16Array): Uint32Array | undefined {
  if (!(labels instanceof Uint8Array) || labels.byteOffset % 4 !== 0) return undefined;
  return new Uint32Array(labels.buffer, labels.byteOffset, labels.length >> 2);
}

/** Sets the bits `from` up to, but without, `to`; the first pixel is the lowest bit of a byte (PS3.5 8.1.1). */
export function setBits(bytes: Uint8Array, from: number, to: number): void {
  const [first, last] = [from >> 3, (to - 1) >> 3];
  const head = (0xff << (from & 7)) & 0xff;
  const tail = 0xff >> (7 - ((to - 1) & 7));
  if (first === last) {
    bytes[first] = bytes[first]! | (head & tail);
    return;
  }
  bytes[first] = bytes[first]! | head;
  bytes.fill(0xff, first + 1, last);
  bytes[last] = bytes[last]! | tail;
}

/** Packed masks of every label of a slice, by label, in one walk over its pixels. */
export function packLabels(labels: Uint8Array | Uint16Array): ReadonlyMap<SegmentNumber, Uint8Array> {
  const packed = new Map<SegmentNumber, Uint8Array>();
  const words = wordsOf(labels);
  for (let at = 0; at < labels.length; ) {
    const end = endOfRun(labels, words, at);
    const value = labels[at]!;
    if (value !== 0) {
      let bytes = packed.get(value);
      if (bytes === undefined) {
        bytes = new Uint8Array((labels.length + 7) >> 3);
        packed.set(value, bytes);
      }
      setBits(bytes, at, end);
    }
    at = end;
  }
  return packed;
}

/**
 * Masks of a label map, for {@link SegRequest.masks}. Writer and self-check then walk over each slice once, whatever the
 * number of segments; asked as a function it gives the masks one by one.
 * @example
 * encodeSeg({ ...request, masks: masksOfLabels((index) => slices[index]) });
 */
export function masksOfLabels(labels: LabelSource): MaskSource {
  const maskOf = (segment: SegmentNumber, instanceIndex: number): Uint8Array | undefined => {
    const slice = labels(instanceIndex);
    if (!slice?.includes(segment)) return undefined;
    return Uint8Array.from(slice, (value) => (value === segment ? 1 : 0));
  };
  return Object.assign(maskOf, { labels });
}
