import { RefineError } from "@samrefine/core";
import { seriesFromInstances } from "@samrefine/dicom";
import { niftiOfSegmentation, nrrdOfSegmentation, pngOfSlice, segNrrdOfSegmentation } from "@samrefine/formats";
import { ownBytes } from "./own-bytes.ts";
import { masksOfJob, type SegJob } from "./seg-job.ts";

/** What else than DICOM a segmentation can be saved as. */
export type LabelFormat = "nifti" | "nrrd" | "seg-nrrd" | "png";

export const LABEL_FILE_ENDING: Readonly<Record<LabelFormat, string>> = {
  nifti: ".nii.gz",
  nrrd: ".nrrd",
  "seg-nrrd": ".seg.nrrd",
  png: ".png",
};

/**
 * A segmentation as NIfTI, NRRD or seg.nrrd in patient space (LPS and RAS as the formats ask), or one image as a PNG label map.
 * Where segments overlap, NIfTI, NRRD and PNG hold what the screen shows; seg.nrrd keeps both.
 * @throws RefineError `unsupported-dicom` when the images make no volume, with the reason.
 */
export function writeLabelFile(job: SegJob, format: LabelFormat): Uint8Array<ArrayBuffer> {
  const masks = masksOfJob(job, format === "seg-nrrd" ? "kept" : "as-shown");
  const segments = job.segments.map(({ number, label, colorRgb, category, type }) => ({
    number,
    label,
    colorRgb,
    category,
    type,
  }));
  const first = job.sources[0];
  if (format === "png") {
    if (!first) throw new RefineError("unsupported-dicom", "There is no image.");
    const geometry = { size: [first.columns, first.rows, 1], indexToPatient: PIXELS } as const;
    return ownBytes(pngOfSlice({ geometry, segments, masks }, 0));
  }
  const series = seriesFromInstances(job.sources);
  if (series.kind !== "volume") {
    const reasons = series.findings.map(({ message }) => message).join(" ");
    throw new RefineError("unsupported-dicom", `These images make no volume. ${reasons}`.trim(), {
      hint: "Download the DICOM SEG, which names each image.",
    });
  }
  const slices = series.instances.map((instance) => job.sources.indexOf(instance));
  const segmentation = {
    geometry: series.volume,
    segments,
    masks: (segment: number, k: number) => masks(segment, slices[k] ?? -1),
  };
  return ownBytes(WRITERS[format](segmentation));
}

const WRITERS = {
  nifti: niftiOfSegmentation,
  nrrd: nrrdOfSegmentation,
  "seg-nrrd": segNrrdOfSegmentation,
} as const;

/** A radiograph has no place in the patient: index = pixel. */
const PIXELS = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] as const;
