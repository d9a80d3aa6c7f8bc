import {
  type DatasetCase,
  type DisplayRange,
  fuseToLabels,
  type Image2D,
  type IntensityPolicy,
  logitsOfProbability,
  neighbouringSlices,
  percentileRange,
  presetPlan,
  RefineError,
  refine,
  resizeBilinear,
  resolveIntensity,
  type Segmenter,
  type SegmentStack,
  sigmoid,
  type TestTimeAugmentation,
} from "@samrefine/core";
import type { SegmentationManifest } from "@samrefine/models";
import type { OpenedDataset } from "../dataset/open-dataset.ts";

export interface Unet {
  readonly manifest: SegmentationManifest;
  readonly segmenter: Segmenter;
}

export interface ProposeOptions {
  readonly testTimeAugmentation: TestTimeAugmentation;
  readonly signal: AbortSignal;
  /** Indices of the slices that are wanted, ascending; default all. Neighbours and intensities come from the whole case. */
  readonly slices?: readonly number[];
}

/** The network's proposal for the slices of a case, on the network's grid, ascending k. */
export async function proposeCase(
  image: DatasetCase,
  { manifest, segmenter }: Unet,
  { testTimeAugmentation, signal, slices: wanted }: ProposeOptions,
): Promise<readonly SegmentStack[]> {
  const slices = image.slices.map(({ data }) => data);
  const volumeIntensity = resolveIntensity(manifest.intensity, slices);
  const isPerImage = manifest.intensity.kind === "percentiles" && manifest.intensity.scope === "image";
  const stacks: SegmentStack[] = [];
  for (const k of wanted ?? slices.keys()) {
    const intensity = isPerImage ? resolveIntensity(manifest.intensity, [slices[k]!]) : volumeIntensity;
    const input = neighbouringSlices(image.slices, k, manifest.input.channels);
    stacks.push(await segmenter.segment(input, { intensity, testTimeAugmentation, signal }));
  }
  return stacks;
}

/**
 * The proposal on the image's own grid, by the plan without any refinement: `predict` and `compare --presets raw` give the
 * same masks. Probabilities are enlarged bilinearly as logits, then thresholded.
 */
export async function toNativeGrid(stack: SegmentStack, image: Image2D, signal: AbortSignal): Promise<SegmentStack> {
  // Without SAM the display range is not looked at.
  const options = { displayRange: { lower: 0, upper: 255 }, signal };
  return (await refine(image, stack, presetPlan("raw"), undefined, options)).stack;
}

/**
 * What the network says of every class on the image's own grid, of classes that it sees nowhere too: its probabilities,
 * enlarged bilinearly as logits. They need not tell exclusive classes apart; {@link toNativeGrid} does.
 */
export function toNativeProbabilities(
  { geometry, segments }: SegmentStack,
  image: Pick<Image2D, "geometry">,
): readonly Float32Array[] {
  return segments.map(({ mask, probability }) => {
    const opinion = probability ?? Float32Array.from(mask.data);
    return resizeBilinear(logitsOfProbability(opinion), geometry, image.geometry).map(sigmoid);
  });
}

/** One label per pixel: the class of highest probability among those that claim it, 0 where none does. */
export function exclusiveLabels(stack: SegmentStack): Uint8Array {
  return Uint8Array.from(fuseToLabels(stack, { kind: "highest-probability" }));
}

/**
 * The window of modality units that SAM sees: the network's own where it has one, as for lungs; otherwise soft tissue (40/400
 * HU) for CT, everything for 8-bit images, and the percentiles 0.5 to 99.5 of the whole case for the rest.
 *
 * @param intensity of the network that proposes.
 */
export function displayRangeOf(image: DatasetCase, channelName: string, intensity?: IntensityPolicy): DisplayRange {
  if (intensity?.kind === "window" || intensity?.kind === "clipped") {
    const { lower, upper } = resolveIntensity(intensity, []);
    return { lower, upper };
  }
  if (channelName.toUpperCase() === "CT") return { lower: -160, upper: 240 };
  const values = image.slices.map(({ data }) => data);
  if (values.every((data) => data instanceof Uint8Array)) return { lower: 0, upper: 255 };
  const range = percentileRange(values, 0.5, 99.5);
  return range.upper > range.lower ? range : { lower: range.lower, upper: range.lower + 1 };
}

/**
 * Label value v of the data set must be segment number v of the model.
 * @throws RefineError `configuration` naming both lists.
 */
export function requireSameLabels(dataset: OpenedDataset, manifest: SegmentationManifest): void {
  const ofDataset = dataset.labels.map(({ name }) => name);
  const ofModel = manifest.labels.toSorted((a, b) => a.number - b.number).map(({ label }) => label);
  const plain = (name: string): string => name.toLowerCase().replace(/[\s_-]+/g, " ");
  if (ofDataset.map(plain).join("|") === ofModel.map(plain).join("|")) return;
  throw new RefineError(
    "configuration",
    `The model ${manifest.id} knows ${ofModel.join(", ")}; the data set ${dataset.name} declares ${ofDataset.join(", ")}.`,
    { hint: "Use a model that was trained for these labels, in this order." },
  );
}
