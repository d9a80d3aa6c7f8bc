import { readFile } from "node:fs/promises";
import { RefineError, type SegmentDescription, type Volume } from "@samrefine/core";
import {
  niftiOfSegmentation,
  nrrdOfSegmentation,
  type OnOverlap,
  readNifti,
  readNrrd,
  readSegNrrd,
  type SegNrrd,
  type SliceSegmentation,
  writeSegNrrd,
} from "@samrefine/formats";
import { writeOutput } from "../command-context.ts";
import { reasonOf } from "../dataset/dataset-error.ts";
import { classColor } from "../report/class-colors.ts";

export type SegmentationFormat = "nifti" | "seg.nrrd" | "nrrd" | "dicom" | "png";

/** Format by the end of the name; undefined for anything else. */
export function formatOf(path: string): SegmentationFormat | undefined {
  if (/\.seg\.nrrd$/i.test(path)) return "seg.nrrd";
  if (/\.nrrd$/i.test(path)) return "nrrd";
  if (/\.nii(\.gz)?$/i.test(path)) return "nifti";
  if (/\.dcm$/i.test(path)) return "dicom";
  if (/\.png$/i.test(path)) return "png";
  return undefined;
}

/**
 * Reads segments from a label map (NIfTI, NRRD) or a segmentation (seg.nrrd).
 * @param names of the labels 1, 2, ... where the format has none.
 * @throws RefineError `invalid-format`, or `configuration` when the file cannot be read.
 */
export async function readSegmentation(path: string, names: readonly string[]): Promise<SegNrrd> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new RefineError("configuration", `${path} cannot be read: ${reasonOf(cause)}`, {
      hint: "Give the path of a segmentation to --from.",
      cause,
    });
  }
  if (formatOf(path) === "seg.nrrd") return readSegNrrd(bytes);
  return segmentsOfLabelMap(formatOf(path) === "nrrd" ? nrrdVolume(bytes, path) : readNifti(bytes).volume, names, path);
}

/**
 * Writes segments as seg.nrrd, or as a NIfTI or NRRD label map. Label maps cannot hold overlaps.
 * @throws RefineError `configuration` when segments overlap, the target is a label map and `onOverlap` is "error".
 */
export async function writeSegmentation(path: string, segmentation: SegNrrd, onOverlap: OnOverlap): Promise<void> {
  if (formatOf(path) === "seg.nrrd") return await writeOutput(path, writeSegNrrd(segmentation));
  const { geometry, segments } = segmentation;
  const area = geometry.size[0] * geometry.size[1];
  const voxelsOf = new Map(segments.map(({ description, data }) => [description.number, data]));
  const slices: SliceSegmentation = {
    geometry,
    segments: segments.map(({ description }) => description),
    masks: (number, k) => voxelsOf.get(number)?.subarray(k * area, (k + 1) * area),
  };
  const bytes =
    formatOf(path) === "nrrd"
      ? nrrdOfSegmentation(slices, { onOverlap })
      : niftiOfSegmentation(slices, { onOverlap, gzip: path.endsWith(".gz") });
  await writeOutput(path, bytes);
}

function nrrdVolume(bytes: Uint8Array, path: string): Volume {
  const { geometry, components, data } = readNrrd(bytes);
  if (components === 1) return { geometry, data };
  throw new RefineError("invalid-format", `${path} has ${components} values per voxel; a label map has one.`, {
    hint: "Segments in layers are read from a file that ends in .seg.nrrd.",
  });
}

function segmentsOfLabelMap(volume: Volume, names: readonly string[], path: string): SegNrrd {
  const values = new Set<number>();
  for (const value of volume.data) {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff) {
      throw new RefineError(
        "invalid-format",
        `${path} holds the value ${value}; a label map has integers 0 to 65535.`,
        {
          hint: "Give a label map, not an image or probabilities.",
        },
      );
    }
    if (value > 0) values.add(value);
  }
  for (const index of names.keys()) values.add(index + 1);
  const segments = [...values]
    .sort((a, b) => a - b)
    .map((number) => ({
      description: describeLabel(number, names[number - 1]),
      data: Uint8Array.from(volume.data, (value) => (value === number ? 1 : 0)),
    }));
  return { geometry: volume.geometry, segments };
}

function describeLabel(number: number, name: string | undefined): SegmentDescription {
  return {
    number,
    label: name ?? `Segment ${number}`,
    colorRgb: classColor(number),
    category: { value: "91723000", scheme: "SCT", meaning: "Anatomical Structure" },
    type: { value: "85756007", scheme: "SCT", meaning: "Tissue" },
  };
}
