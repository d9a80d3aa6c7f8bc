import { type PixelArray, RefineError } from "@samrefine/core";
import { seriesFromInstances } from "@samrefine/dicom";
import { niftiOfSlices, pngOfImage, writeGreyPng } from "@samrefine/formats";
import { decodeLabels } from "../labelmap/runs.ts";
import { ownBytes } from "./own-bytes.ts";
import type { SegJob } from "./seg-job.ts";

/** One series with its segmentation, as a case to train on. Plain data that can cross to a worker. */
export interface TrainingCaseJob {
  readonly job: SegJob;
  /** Modality values of each slice, row-major, in the order of the job's slices. */
  readonly images: readonly PixelArray[];
  /** What each segment number of the job is in the label maps of the data set. */
  readonly values: ReadonlyMap<number, number>;
  /** Value of what is not to be trained on, and the segment numbers on each slice that it takes the place of. */
  readonly ignore?: { readonly value: number; readonly doubtful: readonly (readonly number[])[] };
}

export interface TrainingCase {
  readonly image: Uint8Array<ArrayBuffer>;
  readonly label: Uint8Array<ArrayBuffer>;
  readonly fileEnding: ".nii.gz" | ".png";
}

/**
 * Image and label map of one case: NIfTI for a volume, PNG for a radiograph. Where segments overlap, the label map holds what the
 * screen shows.
 * @throws RefineError `unsupported-dicom` when several images make no volume, with the reason.
 */
export function writeTrainingCase(task: TrainingCaseJob): TrainingCase {
  const { sources } = task.job;
  const [first] = sources;
  if (first === undefined) throw new RefineError("unsupported-dicom", "There is no image.");
  if (sources.length === 1) {
    const { columns, rows } = first;
    return {
      image: ownBytes(pngOfImage(columns, rows, task.images[0]!)),
      label: ownBytes(writeGreyPng({ columns, rows, data: labelsOn(task, 0) })),
      fileEnding: ".png",
    };
  }
  const series = seriesFromInstances(sources);
  if (series.kind !== "volume") {
    const reasons = series.findings.map(({ message }) => message).join(" ");
    throw new RefineError("unsupported-dicom", `These images make no volume. ${reasons}`.trim(), {
      hint: "Download the DICOM SEG, which names each image.",
    });
  }
  const slices = series.instances.map((instance) => sources.indexOf(instance));
  const labels = slices.map((slice) => labelsOn(task, slice));
  const images = slices.map((slice) => task.images[slice]!);
  return {
    image: ownBytes(niftiOfSlices(series.volume, images)),
    label: ownBytes(niftiOfSlices(series.volume, labels)),
    fileEnding: ".nii.gz",
  };
}

function labelsOn({ job, values, ignore }: TrainingCaseJob, slice: number): Uint8Array {
  const doubtful = new Set(ignore?.doubtful[slice]);
  const table = new Uint8Array(256);
  for (const { number, labelValue } of job.segments) {
    table[labelValue] = ignore && doubtful.has(number) ? ignore.value : (values.get(number) ?? 0);
  }
  return decodeLabels(job.slices[slice]!.labels).map((label) => table[label]!);
}
