/** Run-length form of exclusive labels: for every run its value and where it ends (exclusive). Small, immutable, comparable. */
export interface LabelRuns {
  readonly length: number;
  readonly values: Uint8Array;
  readonly ends: Uint32Array;
}

export function encodeLabels(labels: Uint8Array): LabelRuns {
  let values = new Uint8Array(1024);
  let ends = new Uint32Array(values.length);
  let count = 0;
  forEachRun(labels, (value, _start, end) => {
    if (count === values.length) {
      values = enlarged(values, new Uint8Array(2 * count));
      ends = enlarged(ends, new Uint32Array(2 * count));
    }
    values[count] = value;
    ends[count++] = end;
  });
  return { length: labels.length, values: values.slice(0, count), ends: ends.slice(0, count) };
}

function enlarged<A extends Uint8Array | Uint32Array>(from: A, to: A): A {
  to.set(from);
  return to;
}

/**
 * Calls `visit` for every stretch of equal labels, in order; `end` is exclusive. Long stretches are compared four labels at a
 * time: a radiograph has millions of pixels and this runs on the main thread.
 */
export function forEachRun(labels: Uint8Array, visit: (value: number, start: number, end: number) => void): void {
  const { length, byteOffset } = labels;
  const words = byteOffset % 4 === 0 ? new Int32Array(labels.buffer, byteOffset, length >> 2) : undefined;
  for (let start = 0; start < length; ) {
    const value = labels[start]!;
    let end = start + 1;
    while (end < length && (end & 3) !== 0 && labels[end] === value) end++;
    if (words && (end & 3) === 0) {
      const four = Math.imul(value, 0x01010101);
      let word = end >> 2;
      while (word < words.length && words[word] === four) word++;
      end = word << 2;
    }
    while (end < length && labels[end] === value) end++;
    visit(value, start, end);
    start = end;
  }
}

export function decodeLabels(runs: LabelRuns): Uint8Array {
  const labels = new Uint8Array(runs.length);
  let start = 0;
  for (let run = 0; run < runs.ends.length; run++) {
    const end = runs.ends[run]!;
    if (runs.values[run] !== 0) labels.fill(runs.values[run]!, start, end);
    start = end;
  }
  return labels;
}

/** A binary mask as runs: the same form with values 0 and 1. */
export type MaskRuns = LabelRuns;

export const encodeMask: (mask: Uint8Array) => MaskRuns = encodeLabels;
export const decodeMask: (runs: MaskRuns) => Uint8Array = decodeLabels;

/** True when the mask has a pixel at the index. */
export function maskHas(runs: MaskRuns, index: number): boolean {
  let low = 0;
  let high = runs.ends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs.ends[middle]! <= index) low = middle + 1;
    else high = middle;
  }
  return runs.values[low] === 1;
}

export function areSameRuns(a: LabelRuns, b: LabelRuns): boolean {
  if (a.length !== b.length || a.ends.length !== b.ends.length) return false;
  for (let run = 0; run < a.ends.length; run++) {
    if (a.ends[run] !== b.ends[run] || a.values[run] !== b.values[run]) return false;
  }
  return true;
}
