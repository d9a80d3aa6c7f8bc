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
  readonly numberOfFrames: number;
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

/** The plane of a single frame of an enhanced object: shared functional groups stand in for the top level. */
function functionalGroup(attributes: Attributes, macro: string): Attributes | undefined {
  for (const groups of ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"]) {
    const item = itemsOf(itemsOf(attributes, groups)[0] ?? {}, macro)[0];
    if (item !== undefined) return item;
  }
  return undefined;
}

/**
 * The facts of one instance, from a data set of {@link readPart10} or from naturalised DICOMweb metadata as a viewer
 * holds it.
 * @throws RefineError `unsupported-dicom` when a UID, Rows or Columns is missing.
 */
export function sourceInstanceOf(attributes: Attributes): SourceInstance {
  const measures = functionalGroup(attributes, "PixelMeasuresSequence") ?? attributes;
  const position =
    numbersOf(attributes, "ImagePositionPatient", 3) ??
    numbersOf(functionalGroup(attributes, "PlanePositionSequence") ?? {}, "ImagePositionPatient", 3);
  const orientation =
    numbersOf(attributes, "ImageOrientationPatient", 6) ??
    numbersOf(functionalGroup(attributes, "PlaneOrientationSequence") ?? {}, "ImageOrientationPatient", 6);
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
    rescaleSlope: numberOf(attributes, "RescaleSlope") ?? 1,
    rescaleIntercept: numberOf(attributes, "RescaleIntercept") ?? 0,
    pixelPaddingValue: numberOf(attributes, "PixelPaddingValue"),
    pixelPaddingRangeLimit: numberOf(attributes, "PixelPaddingRangeLimit"),
    attributes,
  };
}
