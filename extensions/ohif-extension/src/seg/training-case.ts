import { type PixelArray, RefineError, type VolumeGeometry } from "@samrefine/core";
import { seriesFromInstances } from "@samrefine/dicom";
import { type GreyImage, writeGreyPng, writeNifti } from "@samrefine/formats";
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
      image: ownBytes(writeGreyPng({ columns, rows, data: greyValues(task.images[0]!) })),
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
    image: ownBytes(volumeFile(series.volume, images)),
    label: ownBytes(volumeFile(series.volume, labels)),
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

/** In the slices' own type where they share one, otherwise in float32. */
function volumeFile(geometry: VolumeGeometry, slices: readonly PixelArray[]): Uint8Array {
  const area = geometry.size[0] * geometry.size[1];
  const first = slices[0]!;
  const isShared = slices.every((slice) => slice.constructor === first.constructor);
  const Values = isShared ? (first.constructor as new (length: number) => PixelArray) : Float32Array;
  const data = new Values(area * slices.length);
  slices.forEach((slice, k) => {
    data.set(slice, k * area);
  });
  return writeNifti({ geometry, data });
}

/** PNG holds no fractions and no negative values: rounded, and moved up where the darkest is below 0. */
function greyValues(image: PixelArray): GreyImage["data"] {
  let [low, high] = [0, 0];
  for (const value of image) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const isWide = high - low > 255;
  if (high - low > 65535) {
    throw new RefineError("unsupported-dicom", `The image spans ${high - low} grey values; PNG holds 65536.`);
  }
  const grey = isWide ? new Uint16Array(image.length) : new Uint8Array(image.length);
  for (let i = 0; i < grey.length; i++) grey[i] = Math.round(image[i]! - low);
  return grey;
}
