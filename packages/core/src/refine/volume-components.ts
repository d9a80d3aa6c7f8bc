import { labelComponents3D, type VolumeSize } from "../kernels/components.ts";
import type { Segment } from "../mask/mask.ts";
import type { SegmentOutcome } from "./result.ts";
import type { VolumeSlice } from "./volume.ts";
import type { VolumeComponentRule } from "./volume-rule.ts";

/**
 * Keeps one or all connected components of every class of a volume (methods 7). A voxel that is taken away has a probability of 0
 * and goes to no other class; a class without a voxel left on a slice is absent there. Nothing is yielded before the last
 * slice is in, so that all results are held, and up to five bytes per voxel beside them.
 * What slices tell of propagation stays as it is.
 *
 * @param slices all slices of the volume, of one grid and with the same classes, in any order; they are yielded in it.
 */
export async function* keepVolumeComponents(
  slices: AsyncIterable<VolumeSlice>,
  rule: VolumeComponentRule,
): AsyncGenerator<VolumeSlice> {
  const all: VolumeSlice[] = [];
  for await (const slice of slices) all.push(slice);
  const first = all[0]?.result.stack;
  if (first === undefined) return;
  const { columns, rows } = first.geometry;
  const plane = columns * rows;
  const ascending = all.toSorted((a, b) => a.k - b.k);
  const voxels = new Uint8Array(plane * all.length);
  const cleaned = new Map(all.map((slice) => [slice, [] as Segment[]]));
  for (const index of first.segments.keys()) {
    const segments = ascending.map(({ result }) => result.stack.segments[index] as Segment);
    for (const [position, { mask }] of segments.entries()) voxels.set(mask.data, position * plane);
    keepComponents(voxels, [columns, rows, all.length], rule);
    for (const [position, slice] of ascending.entries()) {
      const kept = voxels.subarray(position * plane, (position + 1) * plane);
      cleaned.get(slice)?.push(withinMask(segments[position] as Segment, kept));
    }
  }
  for (const slice of all) yield withSegments(slice, cleaned.get(slice) ?? []);
}

/** Clears the voxels of all other components, in place. */
function keepComponents(voxels: Uint8Array, size: VolumeSize, rule: VolumeComponentRule): void {
  const { labels, count } = labelComponents3D(voxels, size, rule.connectivity ?? 26);
  const volumes = new Uint32Array(count + 1);
  for (const label of labels) volumes[label] = (volumes[label] as number) + 1;
  const isKept = volumes.map((volume, label) => Number(label > 0 && volume >= rule.minimumVoxels));
  if (rule.keep === "largest") {
    let largest = 0;
    for (let label = 1; label <= count; label++) {
      if (isKept[label] === 1 && (largest === 0 || (volumes[label] as number) > (volumes[largest] as number))) {
        largest = label;
      }
    }
    isKept.fill(0);
    if (largest > 0) isKept[largest] = 1;
  }
  for (let i = 0; i < voxels.length; i++) voxels[i] = isKept[labels[i] as number] as number;
}

/** The segment as it is where nothing was taken away. */
function withinMask(segment: Segment, kept: Uint8Array): Segment {
  const { mask, probability } = segment;
  if (mask.data.every((value, i) => value === kept[i])) return segment;
  const isTaken = (i: number): boolean => mask.data[i] === 1 && kept[i] === 0;
  return {
    ...segment,
    mask: { geometry: mask.geometry, data: kept.slice() },
    ...(probability && { probability: probability.map((value, i) => (isTaken(i) ? 0 : value)) }),
  };
}

function withSegments(slice: VolumeSlice, segments: readonly Segment[]): VolumeSlice {
  const absent: SegmentOutcome = { kind: "absent" };
  const outcomes = new Map(slice.result.outcomes);
  for (const { number, mask } of segments) if (!mask.data.includes(1)) outcomes.set(number, absent);
  const { geometry } = slice.result.stack;
  return { ...slice, result: { ...slice.result, stack: { geometry, segments }, outcomes } };
}
