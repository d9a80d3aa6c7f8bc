/** Run-length form of exclusive labels: for every run its value and where it ends (exclusive). Small, immutable, comparable. */
export interface LabelRuns {
  readonly length: number;
  readonly values: Uint8Array;
  readonly ends: Uint32Array;
}

export function encodeLabels(labels: Uint8Array): LabelRuns {
  let count = 0;
  for (let i = 0; i < labels.length; i++) if (i + 1 === labels.length || labels[i] !== labels[i + 1]) count++;
  const values = new Uint8Array(count);
  const ends = new Uint32Array(count);
  for (let i = 0, run = 0; i < labels.length; i++) {
    if (i + 1 < labels.length && labels[i] === labels[i + 1]) continue;
    values[run] = labels[i]!;
    ends[run++] = i + 1;
  }
  return { length: labels.length, values, ends };
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
