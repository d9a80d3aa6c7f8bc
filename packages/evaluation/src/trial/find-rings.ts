import { type DatasetLabels, fillHoles, type GridSize, type RingPair } from "@samrefine/core";

/**
 * Share of the inner class that must lie in the ring's holes, over all slices that show both. A myocardium is open on basal
 * slices, where the ventricle is largest; classes that lie side by side have no share at all.
 */
const SURROUNDED_SHARE = 0.5;

/** A case's labels with the grid of its slices. */
export interface LabeledSlices {
  readonly geometry: GridSize;
  readonly slices: DatasetLabels["slices"];
}

/**
 * Classes that surround another, such as the myocardium and the left ventricle: most of the inner class lies in the holes of
 * the ring, slice by slice. A ring that surrounds several classes is paired with the largest of them.
 *
 * @param values the label values of the classes, background left out.
 */
export function findRings(cases: Iterable<LabeledSlices>, values: readonly number[]): readonly RingPair[] {
  const pairs = new Map<string, { ring: number; inner: number; area: number; surrounded: number }>();
  for (const { geometry, slices } of cases) {
    for (const labels of slices) addSlice(pairs, labels, geometry, values);
  }
  const found = [...pairs.values()].filter(({ area, surrounded }) => surrounded >= SURROUNDED_SHARE * area);
  return values.flatMap((value) => {
    const inners = found.filter(({ ring }) => ring === value).toSorted((a, b) => b.area - a.area);
    return inners.slice(0, 1).map(({ ring, inner }) => ({ ring, inner }));
  });
}

function addSlice(
  pairs: Map<string, { ring: number; inner: number; area: number; surrounded: number }>,
  labels: Uint8Array,
  { rows, columns }: GridSize,
  values: readonly number[],
): void {
  const areas = new Map<number, number>();
  for (let i = 0; i < labels.length; i++) areas.set(labels[i]!, (areas.get(labels[i]!) ?? 0) + 1);
  const present = values.filter((value) => areas.has(value));
  if (present.length < 2) return;
  for (const ring of present) {
    const mask = { geometry: { rows, columns }, data: Uint8Array.from(labels, (label) => (label === ring ? 1 : 0)) };
    const filled = fillHoles(mask).data;
    const inside = new Map<number, number>();
    for (let i = 0; i < labels.length; i++) {
      if (filled[i] === 1) inside.set(labels[i]!, (inside.get(labels[i]!) ?? 0) + 1);
    }
    for (const inner of present) {
      if (inner === ring) continue;
      const key = `${ring}:${inner}`;
      const pair = pairs.get(key) ?? { ring, inner, area: 0, surrounded: 0 };
      pair.area += areas.get(inner)!;
      pair.surrounded += inside.get(inner) ?? 0;
      pairs.set(key, pair);
    }
  }
}
