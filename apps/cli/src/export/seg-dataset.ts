import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Image2D, RefineError, type SegmentDescription } from "@samrefine/core";
import type { DecodedSegment } from "@samrefine/dicom";
import {
  createNnunetDatasetJson,
  niftiOfSegmentation,
  niftiOfSlices,
  nnunetPaths,
  type OnOverlap,
  pngOfImage,
  pngOfSlice,
  type SliceSegmentation,
} from "@samrefine/formats";
import { type CommandContext, writeJson, writeOutput } from "../command-context.ts";
import { readImages } from "../dicom/segment-series.ts";
import { describeDecoded, type LaidSegmentation, openDicomSegmentation, requireVolume } from "./dicom-segmentation.ts";

export interface SegDatasetTask {
  /** DICOM SEG files, one case each. */
  readonly segPaths: readonly string[];
  /** Folder of the images that they are drawn on, sub-folders included. */
  readonly source: string;
  readonly target: string;
  readonly name: string;
  readonly onOverlap: OnOverlap;
}

export interface SegDatasetResult {
  readonly cases: readonly string[];
  readonly labels: readonly string[];
}

/** A DICOM SEG, or those directly in a folder, sorted; empty for a folder without one, as `predict` and `refine` write. */
export async function segPathsOf(from: string): Promise<readonly string[]> {
  if ((await stat(from)).isFile()) return [from];
  const names = await readdir(from);
  return names
    .filter((name) => /\.dcm$/i.test(name))
    .sort()
    .map((name) => join(from, name));
}

/**
 * Writes SEGs and the images that they are drawn on as an nnU-Net v2 raw data set: NIfTI for volumes, PNG for single images.
 * Segments of one label share a value. A SEG states no quality, so that there is no ignore label. Cases are named by the end
 * of the SEG's SOP Instance UID, which says nothing of the patient.
 * @throws RefineError `configuration` for overlapping segments unless told what to do, for volumes beside single images, for
 * images of several modalities and for a repeated case; `unsupported-dicom` for images that make no volume or are not there.
 */
export async function writeSegDataset(task: SegDatasetTask, context: CommandContext): Promise<SegDatasetResult> {
  const labels: string[] = [];
  const cases: string[] = [];
  const endings = new Set<".nii.gz" | ".png">();
  const modalities = new Set<string>();
  for (const path of task.segPaths) {
    context.signal.throwIfAborted();
    const laid = await openDicomSegmentation(path, task.source, context);
    const id = `samrefine_${laid.seg.sopInstanceUid.slice(-12)}`;
    if (cases.includes(id)) throw configurationError(`${path} gives the case ${id} a second time.`, "Remove one file.");
    for (const { label } of laid.seg.segments) if (!labels.includes(label)) labels.push(label);
    const images = await readImages(laid.found, laid.series.instances, context.signal);
    const { image, label, ending } = encodeCase(laid, images, labels, task.onOverlap);
    endings.add(ending);
    modalities.add(laid.found.traits.modality);
    if (endings.size > 1) {
      throw configurationError(
        "A data set holds single images or volumes, these SEGs have both.",
        "Export each apart.",
      );
    }
    const paths = nnunetPaths(id, ending);
    await writeOutput(join(task.target, paths.image), image);
    await writeOutput(join(task.target, paths.label), label);
    cases.push(id);
  }
  if (modalities.size > 1) {
    const found = [...modalities].join(", ");
    throw configurationError(`A data set has one modality, these have ${found}.`, "Export each modality apart.");
  }
  const description = createNnunetDatasetJson({
    name: task.name,
    channelName: [...modalities].join(),
    labels,
    withIgnoreLabel: false,
    trainingCases: cases.length,
    fileEnding: endings.has(".png") ? ".png" : ".nii.gz",
    provenance: { software: "SAM Refine export", source: "DICOM SEG", overlaps: task.onOverlap },
  });
  await writeJson(join(task.target, "dataset.json"), description);
  return { cases, labels };
}

interface EncodedCase {
  readonly image: Uint8Array;
  readonly label: Uint8Array;
  readonly ending: ".nii.gz" | ".png";
}

function encodeCase(
  { seg, series, match }: LaidSegmentation,
  images: readonly Image2D[],
  labels: readonly string[],
  onOverlap: OnOverlap,
): EncodedCase {
  // By value in the data set; several segments of a SEG may bear one label.
  const numbersOf = new Map<number, DecodedSegment[]>();
  for (const segment of seg.segments) {
    const value = labels.indexOf(segment.label) + 1;
    numbersOf.set(value, [...(numbersOf.get(value) ?? []), segment]);
  }
  const segments: readonly SegmentDescription[] = [...numbersOf].map(([number, [segment]]) => ({
    ...describeDecoded(segment!),
    number,
  }));
  const masks = (value: number, k: number): Uint8Array | undefined =>
    unionOf((numbersOf.get(value) ?? []).flatMap(({ number }) => match.mask(number, k) ?? []));
  if (images.length === 1) {
    const { columns, rows } = images[0]!.geometry;
    const flat: SliceSegmentation = {
      // A picture has no place in the patient.
      geometry: { size: [columns, rows, 1], indexToPatient: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] },
      segments,
      masks,
    };
    const image = pngOfImage(columns, rows, images[0]!.data);
    return { image, label: pngOfSlice(flat, 0, { onOverlap }), ending: ".png" };
  }
  const { volume } = requireVolume(series);
  return {
    image: niftiOfSlices(
      volume,
      images.map(({ data }) => data),
    ),
    label: niftiOfSegmentation({ geometry: volume, segments, masks }, { onOverlap }),
    ending: ".nii.gz",
  };
}

function unionOf(masks: readonly Uint8Array[]): Uint8Array | undefined {
  if (masks.length < 2) return masks[0];
  return masks[0]!.map((value, n) => (value !== 0 || masks.some((mask) => mask[n] !== 0) ? 1 : 0));
}

function configurationError(message: string, hint: string): RefineError {
  return new RefineError("configuration", message, { hint });
}
