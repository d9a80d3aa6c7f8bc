import { imageLoader, metaData, type Types } from "@cornerstonejs/core";
import { type ImageGeometry, type PixelArray, RefineError } from "@samrefine/core";
import { type SourceInstance, sourceFrameOf, sourceInstanceOf } from "@samrefine/dicom";
import type { SeriesTraits } from "@samrefine/models";
import type { HostDisplaySet, HostInstance } from "../host-types.ts";
import type { DecodedFrame } from "./modality-image.ts";
import { type SizeUnit, sizeUnit } from "./slice-measure.ts";

/** Modalities that hold no image to segment. */
const NOT_IMAGES: ReadonlySet<string> = new Set(["SEG", "SR", "RTSTRUCT", "PR", "KO", "DOC", "ECG", "SM"]);

/** An image series of the host: what it is, and its frames as plain data. */
export interface SeriesSource {
  readonly displaySet: HostDisplaySet;
  /** In the host's display order, one per frame; the label map has the same order. */
  readonly imageIds: readonly string[];
  readonly sliceCount: number;
  /** One per frame, in the same order. */
  readonly instances: readonly SourceInstance[];
  readonly traits: SeriesTraits;
  readonly unit: SizeUnit;
  /** 1 when the display order runs along the slice normal (row direction x column direction), -1 when against it. */
  readonly direction: 1 | -1;
  /** What a user should know about this series before trusting a result. */
  readonly notes: readonly string[];
  /** Decodes one frame through the host's loader (compressed ones included). */
  frame(slice: number, signal?: AbortSignal): Promise<DecodedFrame>;
}

/** True for display sets that hold images of their own. */
export function isImageSeries(displaySet: HostDisplaySet): boolean {
  return (displaySet.imageIds?.length ?? 0) > 0 && !NOT_IMAGES.has(displaySet.Modality);
}

/**
 * @throws RefineError `unsupported-dicom` when the host holds no usable metadata for the series.
 */
export function openSeries(displaySet: HostDisplaySet): SeriesSource {
  const imageIds = displaySet.imageIds ?? [];
  const attributes = imageIds.map((imageId) => metaData.get("instance", imageId) as HostInstance | undefined);
  const first = attributes[0];
  if (!first) throw new RefineError("unsupported-dicom", "The viewer holds no metadata for this series.");
  const instances = attributes.map((instance, index) => sourceOf(instance ?? first, imageIds[index]!));
  return {
    displaySet,
    imageIds,
    sliceCount: imageIds.length,
    instances,
    traits: traitsOf(displaySet, first),
    unit: seriesUnit(instances),
    direction: directionOf(positionsAlongNormal(instances)),
    notes: seriesNotes(instances),
    frame: (slice, signal) => decodeFrame(imageIds[slice]!, instances[slice]!, signal),
  };
}

/** The image that an imageId names: a file as a whole, or one frame of it. */
function sourceOf(instance: HostInstance, imageId: string): SourceInstance {
  const whole = sourceInstanceOf(instance);
  const frame = /[/?&]frames?[/=](\d+)/.exec(imageId)?.[1];
  return whole.numberOfFrames > 1 && frame !== undefined ? sourceFrameOf(instance, Number(frame)) : whole;
}

/** What a series says about itself, from its first image alone; undefined when the host holds no metadata. */
export function seriesTraits(displaySet: HostDisplaySet): SeriesTraits | undefined {
  const first = metaData.get("instance", displaySet.imageIds?.[0] ?? "") as HostInstance | undefined;
  return first && traitsOf(displaySet, first);
}

function traitsOf(displaySet: HostDisplaySet, first: HostInstance): SeriesTraits {
  return {
    modality: displaySet.Modality,
    bodyPart: textOf(first.BodyPartExamined),
    seriesDescription: displaySet.SeriesDescription,
    manufacturer: textOf(first.Manufacturer),
  };
}

async function decodeFrame(imageId: string, instance: SourceInstance, signal?: AbortSignal): Promise<DecodedFrame> {
  signal?.throwIfAborted();
  let image: Types.IImage;
  try {
    image = await imageLoader.loadAndCacheImage(imageId);
  } catch (cause) {
    throw new RefineError("unsupported-dicom", "This image could not be loaded or decoded.", {
      hint: "Reload the study. If it stays, the file may be damaged or use an unknown compression.",
      details: { sopInstanceUid: instance.sopInstanceUid },
      cause,
    });
  }
  signal?.throwIfAborted();
  const data = image.getPixelData() as PixelArray;
  const samples = Math.round(data.length / (image.rows * image.columns));
  if (samples !== 1 && samples !== 3 && samples !== 4) {
    throw new RefineError("unsupported-dicom", `Images with ${samples} samples per pixel are not supported.`, {
      details: { samples, sopInstanceUid: instance.sopInstanceUid },
    });
  }
  return {
    geometry: geometryOf(image.columns, image.rows, instance),
    data,
    samplesPerPixel: samples,
    isScaled: image.preScale?.scaled === true,
    slope: instance.rescaleSlope,
    intercept: instance.rescaleIntercept,
    isInverted: instance.photometricInterpretation === "MONOCHROME1",
    bitsStored: instance.bitsStored,
    isSigned: instance.isSigned,
  };
}

function geometryOf(columns: number, rows: number, instance: SourceInstance): ImageGeometry {
  return { columns, rows, ...(instance.spacingMm ? { spacingMm: instance.spacingMm } : {}) };
}

function seriesUnit(instances: readonly SourceInstance[]): SizeUnit {
  const first = instances[0]!;
  const area =
    first.spacingOrigin === "pixel-spacing" && first.spacingMm ? first.spacingMm.x * first.spacingMm.y : undefined;
  return sizeUnit(instances.length, area, hasOneOrientation(instances) ? positionsAlongNormal(instances) : undefined);
}

function directionOf(positions: readonly number[] | undefined): 1 | -1 {
  return positions && positions[0]! > positions.at(-1)! ? -1 : 1;
}

function positionsAlongNormal(instances: readonly SourceInstance[]): number[] | undefined {
  const orientation = instances[0]?.orientation;
  if (!orientation) return undefined;
  const [rx, ry, rz, cx, cy, cz] = orientation;
  const normal = [ry * cz - rz * cy, rz * cx - rx * cz, rx * cy - ry * cx] as const;
  const positions: number[] = [];
  for (const { position } of instances) {
    if (!position) return undefined;
    positions.push(position[0] * normal[0] + position[1] * normal[1] + position[2] * normal[2]);
  }
  return positions;
}

function hasOneOrientation(instances: readonly SourceInstance[]): boolean {
  const reference = instances[0]?.orientation;
  return instances.every(({ orientation }) =>
    orientation && reference
      ? orientation.every((value, index) => Math.abs(value - reference[index]!) < 1e-3)
      : orientation === reference,
  );
}

function seriesNotes(instances: readonly SourceInstance[]): string[] {
  const first = instances[0]!;
  const notes: string[] = [];
  if (first.isLocalizer) notes.push("This series is a localiser; it is not meant for measurement.");
  if (!hasOneOrientation(instances)) {
    notes.push("The images of this series lie in different planes; sizes are given as areas, not volumes.");
  }
  if (first.spacingOrigin === "none") notes.push("No pixel spacing: sizes are in pixels.");
  else if (first.spacingOrigin === "imager-pixel-spacing") {
    notes.push("Spacing is known at the detector only: sizes are in pixels.");
  }
  if (first.samplesPerPixel > 1) notes.push("Colour images are segmented by their brightness.");
  return notes;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
