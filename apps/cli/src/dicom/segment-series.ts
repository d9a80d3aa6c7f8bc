import {
  type DatasetCase,
  type Image2D,
  type PromptableSegmenter,
  type RefinementPlan,
  type RefinementResult,
  refine,
  refineVolume,
  type SegmentStack,
  secondView,
  type TestTimeAugmentation,
} from "@samrefine/core";
import { type DicomFile, type Series, type SourceInstance, seriesFromInstances } from "@samrefine/dicom";
import { spacingOf } from "../dataset/spacing.ts";
import { describeOutcomes, type ReportedSegment } from "../models/describe-outcome.ts";
import { displayRangeOf, proposeCase, type Unet } from "../models/propose.ts";
import { imageOfInstance } from "./read-instance-image.ts";
import { readInstance, type StudySeries } from "./read-study.ts";

export interface SegmentedSeries {
  readonly series: Series;
  /** One stack per image of `series`, on the image's own grid; with probabilities where the task asks for them. */
  readonly stacks: readonly SegmentStack[];
  readonly outcomes: readonly (readonly ReportedSegment[])[];
}

export interface SegmentSeriesTask {
  readonly unet: Unet;
  readonly sam: PromptableSegmenter | undefined;
  readonly plan: RefinementPlan;
  /** Keeps the probabilities of every image: four bytes per pixel and class. */
  readonly probabilities: boolean;
  readonly signal: AbortSignal;
  readonly onSlice: (completed: number, total: number) => void;
}

/**
 * Segments every instance of a series. Projections are images of their own; slices share their intensity range. Only a series
 * of one regular grid is gone through as the plan's `volume` rule says.
 */
export async function segmentSeries(found: StudySeries, task: SegmentSeriesTask): Promise<SegmentedSeries> {
  const series = seriesFromInstances(found.instances.map(({ source }) => source));
  const images = await readImages(found, series.instances, task.signal);
  const groups = series.kind === "projections" ? images.map((image) => [image]) : [images];
  const stacks: SegmentStack[] = [];
  const outcomes: (readonly ReportedSegment[])[] = [];
  for (const group of groups) {
    const image = asCase(group);
    const displayRange = displayRangeOf(image, found.traits.modality, task.unet.manifest.intensity);
    const propose = (testTimeAugmentation: TestTimeAugmentation) =>
      proposeCase(image, task.unet, { testTimeAugmentation, signal: task.signal });
    const proposals = await propose(task.plan.testTimeAugmentation);
    const view = secondView(task.plan);
    const secondOpinion = view && (await propose(view));
    const options = { displayRange, signal: task.signal, probabilities: task.probabilities };
    const first = stacks.length;
    let completed = first;
    const keep = (k: number, result: RefinementResult): void => {
      stacks[first + k] = result.stack;
      outcomes[first + k] = describeOutcomes(result, group[k]!.geometry);
      task.onSlice(++completed, images.length);
    };
    if (series.kind === "volume") {
      const volume = {
        slices: group,
        initial: proposals,
        secondOpinion,
        spacing: spacingOf({ geometry: series.volume }),
      };
      for await (const { k, result } of refineVolume(volume, task.plan, task.sam, options)) keep(k, result);
      continue;
    }
    for (const [k, slice] of group.entries()) {
      const ofSlice = { ...options, secondOpinion: secondOpinion?.[k] };
      keep(k, await refine(slice, proposals[k]!, task.plan, task.sam, ofSlice));
    }
  }
  return { series, stacks, outcomes };
}

/** The images of a series in the order of `sources`, in modality units. */
export async function readImages(
  found: StudySeries,
  sources: readonly SourceInstance[],
  signal: AbortSignal,
): Promise<readonly Image2D[]> {
  const byUid = new Map(found.instances.map((instance) => [instance.source.sopInstanceUid, instance]));
  const images: Image2D[] = [];
  let open: { readonly uid: string; readonly file: DicomFile } | undefined;
  for (const source of sources) {
    signal.throwIfAborted();
    const uid = source.sopInstanceUid;
    // Frames of one file follow each other.
    if (open?.uid !== uid) open = { uid, file: await readInstance(byUid.get(uid)!) };
    images.push(await imageOfInstance(open.file, source));
  }
  return images;
}

function asCase(slices: readonly Image2D[]): DatasetCase {
  const { columns, rows, spacingMm } = slices[0]!.geometry;
  return {
    id: "series",
    // Networks work slice by slice here, so that the position of the slices does not matter.
    geometry: {
      size: [columns, rows, slices.length],
      indexToPatient: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    },
    hasSpacing: spacingMm !== undefined,
    slices,
  };
}
