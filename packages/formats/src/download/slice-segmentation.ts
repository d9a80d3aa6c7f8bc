import { RefineError, type SegmentDescription, type SegmentNumber, type VolumeGeometry } from "@samrefine/core";
import { writeNifti } from "../nifti/write-nifti.ts";
import { writeSegNrrdLazily } from "../nrrd/seg-nrrd.ts";
import { writeNrrd } from "../nrrd/write-nrrd.ts";
import { writeGreyPng } from "../png/write-png.ts";

/** A segmentation as an editor holds it: slice by slice, segments that may overlap. */
export interface SliceSegmentation {
  /** LPS millimetres; k counts the slices as `masks` does. */
  readonly geometry: VolumeGeometry;
  readonly segments: readonly SegmentDescription[];
  /** Mask of one segment on slice k, `size[0] * size[1]` bytes, row-major, not 0 = inside; undefined = nothing there. */
  readonly masks: (segment: SegmentNumber, k: number) => Uint8Array | undefined;
}

/** What a label map does where segments overlap: it can hold one of them only. */
export type OnOverlap = "error" | "lowest-number" | "highest-number";

export interface LabelMapOptions {
  /** Default "error", which names the two segments. */
  readonly onOverlap?: OnOverlap;
}

function areaOf({ geometry }: SliceSegmentation): number {
  return geometry.size[0] * geometry.size[1];
}

function maskOn(
  segmentation: SliceSegmentation,
  { number, label }: SegmentDescription,
  k: number,
): Uint8Array | undefined {
  const mask = segmentation.masks(number, k);
  const expected = areaOf(segmentation);
  if (mask === undefined || mask.length === expected) return mask;
  throw new RefineError(
    "shape-mismatch",
    `The mask of segment ${number} (${label}) on slice ${k} has ${mask.length} pixels, the grid has ${expected}.`,
  );
}

/** Voxels = segment numbers; 16 bits where a number is above 255. */
function labelsOf(segmentation: SliceSegmentation, onOverlap: OnOverlap): Uint8Array | Uint16Array {
  const area = areaOf(segmentation);
  const slices = segmentation.geometry.size[2];
  // In the order in which a later one may cover an earlier one.
  const order = [...segmentation.segments].sort((a, b) =>
    onOverlap === "lowest-number" ? b.number - a.number : a.number - b.number,
  );
  const isWide = order.some(({ number }) => number > 255);
  const labels = isWide ? new Uint16Array(area * slices) : new Uint8Array(area * slices);
  for (let k = 0; k < slices; k++) {
    for (const segment of order) {
      const mask = maskOn(segmentation, segment, k);
      if (mask === undefined) continue;
      for (let i = 0, n = k * area; i < area; i++, n++) {
        if (mask[i] === 0) continue;
        if (onOverlap === "error" && labels[n] !== 0) {
          throw new RefineError(
            "configuration",
            `The segments ${labels[n]} and ${segment.number} (${segment.label}) overlap; a label map cannot hold both.`,
            { hint: "Write .seg.nrrd or DICOM SEG, which keep overlaps, or choose which segment lies on top." },
          );
        }
        labels[n] = segment.number;
      }
    }
  }
  return labels;
}

export interface NiftiLabelMapOptions extends LabelMapOptions {
  /** Default true: .nii.gz. */
  readonly gzip?: boolean;
}

/**
 * A NIfTI label map (.nii.gz): every voxel holds the number of its segment.
 * @example
 * // In a viewer: `instances` in the order of the slices on screen, `maskOf(segment, slice)` what is drawn on them.
 * const series = seriesFromInstances(instances);
 * if (series.kind !== "volume") throw new Error(series.findings.map(({ message }) => message).join(" "));
 * const slices = series.instances.map((instance) => instances.indexOf(instance)); // volume order to screen order
 * const bytes = niftiOfSegmentation(
 *   { geometry: series.volume, segments, masks: (segment, k) => maskOf(segment, slices[k]!) },
 *   { onOverlap: "lowest-number" },
 * );
 * @throws RefineError `configuration` for overlapping segments unless told what to do, `shape-mismatch` for a mask of another
 * size, `invalid-geometry`.
 */
export function niftiOfSegmentation(segmentation: SliceSegmentation, options: NiftiLabelMapOptions = {}): Uint8Array {
  const data = labelsOf(segmentation, options.onOverlap ?? "error");
  return writeNifti({ geometry: segmentation.geometry, data }, { gzip: options.gzip ?? true });
}

/**
 * The same label map as NRRD. Takes what {@link niftiOfSegmentation} takes.
 * @throws RefineError as {@link niftiOfSegmentation}.
 */
export function nrrdOfSegmentation(segmentation: SliceSegmentation, options: LabelMapOptions = {}): Uint8Array {
  return writeNrrd({ geometry: segmentation.geometry, data: labelsOf(segmentation, options.onOverlap ?? "error") });
}

/**
 * A 3D Slicer segmentation (.seg.nrrd) with names, colours and terminology; overlaps are kept. Takes what
 * {@link niftiOfSegmentation} takes; its example holds here too.
 * @throws RefineError `configuration` for a segment number that is repeated, `shape-mismatch` for a mask of another size.
 */
export function segNrrdOfSegmentation(segmentation: SliceSegmentation): Uint8Array {
  const area = areaOf(segmentation);
  const { geometry, segments } = segmentation;
  const voxels = new Uint8Array(area * geometry.size[2]);
  return writeSegNrrdLazily(geometry, segments, (index) => {
    voxels.fill(0);
    for (let k = 0; k < geometry.size[2]; k++) {
      const mask = maskOn(segmentation, segments[index]!, k);
      if (mask !== undefined) voxels.set(mask, k * area);
    }
    return voxels;
  });
}

/**
 * A PNG label map of one slice, grey values = segment numbers, as nnU-Net reads it: the form for radiographs, which have no
 * place in the patient. 8 bits, or 16 where a number is above 255.
 * @throws RefineError as {@link niftiOfSegmentation}.
 */
export function pngOfSlice(segmentation: SliceSegmentation, k: number, options: LabelMapOptions = {}): Uint8Array {
  const [columns, rows] = segmentation.geometry.size;
  const slice: SliceSegmentation = {
    ...segmentation,
    geometry: { ...segmentation.geometry, size: [columns, rows, 1] },
    masks: (segment) => segmentation.masks(segment, k),
  };
  return writeGreyPng({ columns, rows, data: labelsOf(slice, options.onOverlap ?? "error") });
}
