import { type GridSize, type Random, RefineError } from "@samrefine/core";
import { type AugmentationSpec, requireFittingGrid } from "./augmentation.ts";
import { jitterIntensity } from "./intensity-jitter.ts";
import { type PreparedCase, stackPlanes } from "./prepared-case.ts";
import { drawWarp, type Outside, type Warp, warpImage, warpLabels } from "./warp.ts";

/** One training sample on the network's grid. */
export interface Sample {
  readonly caseId: string;
  readonly slice: number;
  /** One plane per channel. */
  readonly planes: readonly Float32Array[];
  readonly labels: Uint8Array | undefined;
  /** The planes before any augmentation. */
  readonly original: readonly Float32Array[];
  /** How pixels were moved; undefined when they were not. */
  readonly warp: Warp | undefined;
}

export interface SamplerOptions {
  readonly grid: GridSize;
  readonly channels: number;
  readonly augmentation: AugmentationSpec;
  /** Share of the samples of a volume that are drawn from slices with a label; the rest from all its slices. */
  readonly foregroundShare: number;
}

/**
 * Draws samples from cases. Sample number i depends on the seed and on i alone, not on what was drawn before: a resumed run
 * goes on with the samples it would have had. Every case comes once per round, in an order of the round's own.
 */
export class Sampler {
  private readonly cases: readonly PreparedCase[];
  private readonly random: Random;
  private readonly options: SamplerOptions;
  /** Per case and label value, the slices that hold it. */
  private readonly slicesByLabel: readonly (readonly (readonly number[])[])[];
  private order: { readonly round: number; readonly cases: readonly number[] } | undefined;

  /** @throws RefineError `dataset` when there is no case, `configuration` for quarter turns of a grid that is not square. */
  constructor(cases: readonly PreparedCase[], random: Random, options: SamplerOptions) {
    if (cases.length === 0) throw new RefineError("dataset", "There is no case to draw training samples from.");
    requireFittingGrid(options.augmentation, options.grid);
    this.cases = cases;
    this.random = random;
    this.options = options;
    this.slicesByLabel = cases.map(slicesOfEachLabel);
  }

  /** Sample number `index`, augmented. */
  sample(index: number): Sample {
    const random = this.random.fork(`sample ${index}`);
    const position = this.caseAt(index);
    const chosen = this.cases[position]!;
    const slice = this.drawSlice(position, random);
    const planes = stackPlanes(chosen, slice, this.options.channels);
    const { labels } = chosen.slices[slice]!;
    return { caseId: chosen.id, slice, original: planes, ...augment(planes, labels, this.options, random) };
  }

  private caseAt(index: number): number {
    const count = this.cases.length;
    const round = Math.floor(index / count);
    if (this.order?.round !== round) {
      const numbers = Array.from({ length: count }, (_, i) => i);
      this.order = { round, cases: this.random.fork(`round ${round}`).shuffle(numbers) };
    }
    return this.order.cases[index % count]!;
  }

  private drawSlice(position: number, random: Random): number {
    const { slices } = this.cases[position]!;
    if (slices.length === 1) return 0;
    const present = this.slicesByLabel[position]!.filter((list) => list.length > 0);
    if (present.length === 0 || random.next() >= this.options.foregroundShare) return random.integer(slices.length);
    const list = present[random.integer(present.length)]!;
    return list[random.integer(list.length)]!;
  }
}

/** Applies the same random change to the planes and, where it moves pixels, to the labels. */
export function augment(
  planes: readonly Float32Array[],
  labels: Uint8Array | undefined,
  { augmentation, grid }: Pick<SamplerOptions, "augmentation" | "grid">,
  random: Random,
): Pick<Sample, "planes" | "labels" | "warp"> {
  const warp = drawWarp(augmentation, grid, random.fork("warp"));
  const outside = drawOutside(augmentation, random);
  const moved = warp
    ? planes.map((plane) => warpImage(plane, warp, grid, outside, augmentation.interpolation))
    : planes;
  const framed = warp && augmentation.standardise ? moved.map(standardised) : moved;
  return {
    planes: jitterIntensity(framed, augmentation, grid, random.fork("intensity")),
    labels: warp && labels ? warpLabels(labels, warp, grid) : labels,
    warp,
  };
}

function drawOutside({ outside = "zero" }: AugmentationSpec, random: Random): Outside {
  if (outside !== "any") return outside;
  return (["zero", "edge", "darkest"] as const)[random.fork("outside").integer(3)]!;
}

/** Mean 0 and deviation 1; a plane of one value becomes 0. */
function standardised(plane: Float32Array): Float32Array {
  const mean = plane.reduce((sum, value) => sum + value, 0) / plane.length;
  const deviation = Math.sqrt(plane.reduce((sum, value) => sum + (value - mean) ** 2, 0) / plane.length);
  return plane.map((value) => (value - mean) / (deviation || 1));
}

function slicesOfEachLabel({ slices }: PreparedCase): readonly (readonly number[])[] {
  if (slices.length === 1) return [];
  const lists: number[][] = [];
  slices.forEach(({ labels }, k) => {
    for (const value of new Set(labels)) {
      if (value === 0) continue;
      lists[value] ??= [];
      lists[value].push(k);
    }
  });
  return Array.from(lists, (list) => list ?? []);
}
