import {
  type Attributes,
  itemsOf,
  numberOf,
  numbersOf,
  requireNumber,
  requireText,
  textOf,
  textsOf,
} from "../dataset/attributes.ts";

export type Vector3 = readonly [x: number, y: number, z: number];
/** Direction of the row (x grows), then direction of the column (y grows). */
export type Orientation = readonly [number, number, number, number, number, number];

/** Where the pixel spacing comes from; "none" when the image states none. */
export type SpacingOrigin = "pixel-spacing" | "imager-pixel-spacing" | "none";

/** The facts of one image instance that geometry, intensities and a SEG need. */
export interface SourceInstance {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly modality: string;
  readonly instanceNumber: number | undefined;
  readonly rows: number;
  readonly columns: number;
  /** Of the file, also where this is one frame of it. */
  readonly numberOfFrames: number;
  /** 1-based frame of a multi-frame file that this is; absent for a file as a whole. */
  readonly frameNumber?: number;
  /** Image Position (Patient): centre of the first pixel, LPS millimetres. */
  readonly position: Vector3 | undefined;
  readonly orientation: Orientation | undefined;
  /** x between columns, y between rows (Pixel Spacing holds them in the order rows, columns). */
  readonly spacingMm: { readonly x: number; readonly y: number } | undefined;
  readonly spacingOrigin: SpacingOrigin;
  readonly sliceThicknessMm: number | undefined;
  /** Gantry/Detector Tilt (0018,1120) in degrees, as the scanner states it; the planes themselves decide. */
  readonly statedGantryTiltDegrees: number | undefined;
  readonly frameOfReferenceUid: string | undefined;
  readonly isLocalizer: boolean;
  readonly photometricInterpretation: string;
  readonly samplesPerPixel: number;
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly isSigned: boolean;
  readonly rescaleSlope: number;
  readonly rescaleIntercept: number;
  readonly pixelPaddingValue: number | undefined;
  readonly pixelPaddingRangeLimit: number | undefined;
  /** All attributes that were given; patient and study modules are copied from here. */
  readonly attributes: Attributes;
}

/** Item of a functional group macro: the frame's own, or the one that all frames share (PS3.3 C.7.6.16.2). */
function functionalGroup(attributes: Attributes, macro: string, frameNumber: number): Attributes | undefined {
  const own = itemsOf(attributes, "PerFrameFunctionalGroupsSequence")[frameNumber - 1] ?? {};
  const shared = itemsOf(attributes, "SharedFunctionalGroupsSequence")[0] ?? {};
  return itemsOf(own, macro)[0] ?? itemsOf(shared, macro)[0];
}

/**
 * The facts of one instance, from a data set of {@link readPart10} or from naturalised DICOMweb metadata as a viewer
 * holds it. Of a multi-frame instance these are the facts of the file as a whole; {@link framesOf} gives its images.
 * @throws RefineError `unsupported-dicom` when a UID, Rows or Columns is missing.
 */
export function sourceInstanceOf(attributes: Attributes): SourceInstance {
  return factsOf(attributes, undefined);
}

/**
 * The facts of one frame of a multi-frame instance (enhanced CT and MR, cine), with the plane and the rescaling of its
 * functional groups.
 * @param frameNumber 1-based, as an imageId or Referenced Frame Number has it.
 * @throws RefineError `unsupported-dicom` as {@link sourceInstanceOf}.
 */
export function sourceFrameOf(attributes: Attributes, frameNumber: number): SourceInstance {
  return factsOf(attributes, frameNumber);
}

function factsOf(attributes: Attributes, frameNumber: number | undefined): SourceInstance {
  const group = (macro: string): Attributes | undefined => functionalGroup(attributes, macro, frameNumber ?? 1);
  const measures = group("PixelMeasuresSequence") ?? attributes;
  const transformation = group("PixelValueTransformationSequence") ?? {};
  const position =
    numbersOf(attributes, "ImagePositionPatient", 3) ??
    numbersOf(group("PlanePositionSequence") ?? {}, "ImagePositionPatient", 3);
  const orientation =
    numbersOf(attributes, "ImageOrientationPatient", 6) ??
    numbersOf(group("PlaneOrientationSequence") ?? {}, "ImageOrientationPatient", 6);
  const pixelSpacing = numbersOf(attributes, "PixelSpacing", 2) ?? numbersOf(measures, "PixelSpacing", 2);
  const imagerSpacing = numbersOf(attributes, "ImagerPixelSpacing", 2);
  const spacing = pixelSpacing ?? imagerSpacing;
  const [between, across] = spacing ?? [];
  const isUsable = between !== undefined && across !== undefined && between > 0 && across > 0;
  const bitsAllocated = numberOf(attributes, "BitsAllocated") ?? 16;
  return {
    sopClassUid: requireText(attributes, "SOPClassUID"),
    sopInstanceUid: requireText(attributes, "SOPInstanceUID"),
    studyInstanceUid: requireText(attributes, "StudyInstanceUID"),
    seriesInstanceUid: requireText(attributes, "SeriesInstanceUID"),
    modality: textOf(attributes, "Modality") ?? "OT",
    instanceNumber: numberOf(attributes, "InstanceNumber"),
    rows: requireNumber(attributes, "Rows"),
    columns: requireNumber(attributes, "Columns"),
    numberOfFrames: numberOf(attributes, "NumberOfFrames") ?? 1,
    ...(frameNumber === undefined ? {} : { frameNumber }),
    position: position as Vector3 | undefined,
    orientation: orientation as Orientation | undefined,
    spacingMm: isUsable ? { x: across, y: between } : undefined,
    spacingOrigin: !isUsable ? "none" : pixelSpacing !== undefined ? "pixel-spacing" : "imager-pixel-spacing",
    sliceThicknessMm: numberOf(attributes, "SliceThickness") ?? numberOf(measures, "SliceThickness"),
    statedGantryTiltDegrees: numberOf(attributes, "GantryDetectorTilt"),
    frameOfReferenceUid: textOf(attributes, "FrameOfReferenceUID"),
    isLocalizer: textsOf(attributes, "ImageType").includes("LOCALIZER"),
    photometricInterpretation: textOf(attributes, "PhotometricInterpretation") ?? "MONOCHROME2",
    samplesPerPixel: numberOf(attributes, "SamplesPerPixel") ?? 1,
    bitsAllocated,
    bitsStored: numberOf(attributes, "BitsStored") ?? bitsAllocated,
    isSigned: numberOf(attributes, "PixelRepresentation") === 1,
    rescaleSlope: numberOf(attributes, "RescaleSlope") ?? numberOf(transformation, "RescaleSlope") ?? 1,
    rescaleIntercept: numberOf(attributes, "RescaleIntercept") ?? numberOf(transformation, "RescaleIntercept") ?? 0,
    pixelPaddingValue: numberOf(attributes, "PixelPaddingValue"),
    pixelPaddingRangeLimit: numberOf(attributes, "PixelPaddingRangeLimit"),
    attributes,
  };
}

/** More frames than any scanner makes in one file; a damaged Number of Frames must not fill the memory. */
const MOST_FRAMES = 100_000;

/**
 * The frames of a multi-frame instance, each as an image of its own; a single-frame instance is its own only frame.
 * Empty when Number of Frames contradicts the functional groups.
 */
export function framesOf(instance: SourceInstance): readonly SourceInstance[] {
  const { numberOfFrames: count, attributes } = instance;
  if (count === 1 || instance.frameNumber !== undefined) return [instance];
  const described = itemsOf(attributes, "PerFrameFunctionalGroupsSequence").length;
  const isPlausible = Number.isInteger(count) && count > 0 && count <= MOST_FRAMES;
  if (!isPlausible || (described > 0 && described !== count)) return [];
  return Array.from({ length: count }, (_, index) => sourceFrameOf(attributes, index + 1));
}

/** Tells images apart: frames of one file share its UID. */
export function imageKeyOf(sopInstanceUid: string | undefined, frameNumber: number | undefined): string {
  return `${sopInstanceUid ?? ""}#${frameNumber ?? ""}`;
}
