import { type PixelArray, RefineError } from "@samrefine/core";
import { createMsdDatasetJson, createNnunetDatasetJson, nnunetPaths } from "@samrefine/formats";
import type { SegmentationRecord } from "../labelmap/segmentation-record.ts";
import { VERSION } from "../names.ts";
import type { NamedFile } from "../seg/save-files.ts";
import type { SegJob } from "../seg/seg-job.ts";
import type { TrainingSetFormat } from "../seg/seg-store.ts";
import type { TrainingCase, TrainingCaseJob } from "../seg/training-case.ts";
import { modalityImage } from "../series/modality-image.ts";
import type { SeriesSource } from "../series/series-source.ts";

/** A series with its segmentation, ready to be written. */
export interface TrainingSeries {
  readonly series: SeriesSource;
  readonly record: SegmentationRecord;
  readonly job: SegJob;
}

export interface TrainingSetOptions {
  /** Estimated Dice below which a mask is doubtful, as in the panel, where its plan names no limit of its own. */
  readonly flagBelowDice: number;
  /** Writes one case, off the main thread. */
  readonly writeCase: (task: TrainingCaseJob) => Promise<TrainingCase>;
  readonly signal: AbortSignal;
}

/**
 * A data set to train on, one case per series: images, label maps and dataset.json, in the layout of nnU-Net v2 or of the
 * Medical Segmentation Decathlon. In nnU-Net's, masks that a person should look at and has not become its ignore label; the
 * Decathlon has none. Nothing in it names the patient or the study.
 * @throws RefineError `unsupported-dicom` for images that make no volume, `configuration` for radiographs beside volumes, or in
 * the Decathlon's layout, and for labels called background or ignore
 */
export async function trainingSetFiles(
  layout: TrainingSetFormat,
  entries: readonly TrainingSeries[],
  { flagBelowDice, writeCase, signal }: TrainingSetOptions,
): Promise<readonly NamedFile[]> {
  const labels = [...new Set(entries.flatMap(({ job }) => job.segments.map(({ label }) => label)))];
  const doubts = entries.map((entry) => (layout === "nnunet" ? doubtfulMasks(entry, flagBelowDice) : []));
  const hasDoubts = doubts.some((slices) => slices.some((numbers) => numbers.length > 0));
  const files: NamedFile[] = [];
  const cases: string[] = [];
  const endings = new Set<string>();
  for (const [index, { series, job }] of entries.entries()) {
    const images: PixelArray[] = [];
    for (let slice = 0; slice < series.sliceCount; slice++) {
      images.push(modalityImage(await series.frame(slice, signal)).data);
    }
    const written = await writeCase({
      job,
      images,
      values: new Map(job.segments.map(({ number, label }) => [number, labels.indexOf(label) + 1])),
      ...(hasDoubts ? { ignore: { value: labels.length + 1, doubtful: doubts[index]! } } : {}),
    });
    signal.throwIfAborted();
    // Of the SEG that was written anew: it tells cases apart and says nothing of the patient.
    const id = `samrefine_${job.sopInstanceUid.slice(-12)}`;
    endings.add(written.fileEnding);
    const paths =
      layout === "nnunet"
        ? nnunetPaths(id, written.fileEnding)
        : { image: `imagesTr/${id}${written.fileEnding}`, label: `labelsTr/${id}${written.fileEnding}` };
    files.push({ name: paths.image, bytes: written.image }, { name: paths.label, bytes: written.label });
    cases.push(id);
  }
  const fileEnding = onlyEnding(endings, layout);
  const modality = entries[0]?.series.traits.modality ?? "";
  const description =
    layout === "nnunet"
      ? createNnunetDatasetJson({
          name: "SAMRefine",
          channelName: modality,
          labels,
          withIgnoreLabel: hasDoubts,
          trainingCases: cases.length,
          fileEnding,
          provenance: provenanceOf(entries, flagBelowDice),
        })
      : createMsdDatasetJson({
          name: "SAMRefine",
          description: "Pseudo labels of SAM Refine. Research use only.",
          reference: JSON.stringify(provenanceOf(entries, flagBelowDice)),
          licence: "see the source of the images",
          modalities: [modality],
          labels,
          trainingCases: cases,
          testCases: [],
        });
  const bytes = new TextEncoder().encode(`${JSON.stringify(description, null, 2)}\n`);
  return [...files, { name: "dataset.json", bytes }];
}

/** Segment numbers of the job, slice by slice, whose masks are doubtful and were not looked at. */
function doubtfulMasks({ record, job }: TrainingSeries, otherwise: number): readonly (readonly number[])[] {
  const flagBelowDice = record.flagBelow(otherwise);
  return job.slices.map((_, slice) => {
    const quality = record.quality(slice);
    if (!quality || quality.isReviewed) return [];
    const isDoubtful = new Set(
      quality.segments
        .filter(({ estimatedDice = 1, doubt }) => estimatedDice < flagBelowDice || doubt !== undefined)
        .map(({ number }) => number),
    );
    return job.segments.filter(({ labelValue }) => isDoubtful.has(labelValue)).map(({ number }) => number);
  });
}

function onlyEnding(endings: ReadonlySet<string>, layout: TrainingSetFormat): ".nii.gz" | ".png" {
  if (endings.size > 1) {
    throw new RefineError("configuration", "A data set holds radiographs or volumes, this study has both.", {
      hint: "Segment one series only, and download that.",
    });
  }
  if (endings.has(".nii.gz")) return ".nii.gz";
  if (layout === "nnunet") return ".png";
  throw new RefineError("configuration", "Decathlon tasks hold volumes, these are radiographs.", {
    hint: "Download an nnU-Net data set.",
  });
}

function provenanceOf(entries: readonly TrainingSeries[], flagBelowDice: number): Record<string, string | number> {
  const one = (values: readonly (string | undefined)[]): string =>
    [...new Set(values.map((value) => value ?? "none"))].join(", ");
  return {
    software: `SAM Refine ${VERSION}`,
    modelId: one(entries.map(({ record }) => record.modelId)),
    planId: one(entries.map(({ record }) => record.plan?.id)),
    ignoreBelowEstimatedDice: one(entries.map(({ record }) => String(record.flagBelow(flagBelowDice)))),
  };
}
