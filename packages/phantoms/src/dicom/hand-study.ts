import { uidFromSeed, writePart10 } from "@samrefine/dicom";
import { MAXIMUM_VALUE } from "../hand/exposure.ts";
import { type HandPhantom, handRadiographPhantom } from "../hand/hand-phantom.ts";
import { code, studyModules, timeOfDay } from "./common-modules.ts";

export interface HandStudyOptions {
  readonly seed: number;
  /** Radiographs in the series: one person, another pose and exposure in each. Default 6. */
  readonly images?: number;
  /** Default "left". */
  readonly laterality?: "left" | "right";
  /** Size of a pixel. Default 0.2. */
  readonly spacingMm?: number;
}

/** Digital X-Ray Image Storage - For Presentation (PS3.4 B.5). */
export const DX_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1";

/** One study of one series of hand radiographs as Part 10 files; UIDs follow from the seed. */
export function handStudyFiles(options: HandStudyOptions): Uint8Array<ArrayBuffer>[] {
  const images = options.images ?? 6;
  const laterality = options.laterality ?? "left";
  return Array.from({ length: images }, (_, acquisition) => {
    const phantom = handRadiographPhantom({
      seed: options.seed,
      acquisition,
      laterality,
      spacingMm: options.spacingMm ?? 0.2,
    });
    return handRadiographFile(phantom, options.seed, acquisition);
  });
}

/**
 * One radiograph as a DX object (PS3.3 A.26).
 *
 * @param acquisition 0-based place in the series.
 */
export function handRadiographFile(phantom: HandPhantom, seed: number, acquisition: number): Uint8Array<ArrayBuffer> {
  const { geometry, data } = phantom.image;
  const spacing = geometry.spacingMm ? [geometry.spacingMm.y, geometry.spacingMm.x] : [0.2, 0.2];
  const isLeft = phantom.laterality === "left";
  return writePart10({
    ...studyModules({ subject: "Hand", seed, studyDescription: "Hand, artificial", modality: "DX" }),
    SOPClassUID: DX_FOR_PRESENTATION,
    SOPInstanceUID: uidFromSeed(seed, "Hand", "image", acquisition),
    SeriesInstanceUID: uidFromSeed(seed, "Hand", "series"),
    SeriesNumber: 1,
    SeriesDescription: `Hand PA, ${phantom.laterality}`,
    BodyPartExamined: "HAND",
    ProtocolName: "Hand PA",
    PresentationIntentType: "FOR PRESENTATION",
    InstanceNumber: acquisition + 1,
    AcquisitionNumber: acquisition + 1,
    AcquisitionTime: timeOfDay(acquisition),
    ContentTime: timeOfDay(acquisition),
    ImageType: ["DERIVED", "PRIMARY", ""],
    DerivationDescription: "Drawn by a program",
    // Fingertips up; a left hand lying palm down has its thumb on the right of the image.
    PatientOrientation: ["L", "F"],
    ImageLaterality: isLeft ? "L" : "R",
    BurnedInAnnotation: "NO",
    LossyImageCompression: "00",
    QualityControlImage: "NO",
    AnatomicRegionSequence: [code("85562004", "SCT", "Hand")],
    ViewPosition: "PA",
    ViewCodeSequence: [code("399348003", "SCT", "postero-anterior")],
    SamplesPerPixel: 1,
    PhotometricInterpretation: "MONOCHROME2",
    Rows: geometry.rows,
    Columns: geometry.columns,
    PixelSpacing: spacing,
    ImagerPixelSpacing: spacing,
    PixelSpacingCalibrationType: "GEOMETRY",
    PixelSpacingCalibrationDescription: "Magnification 1",
    BitsAllocated: 16,
    BitsStored: 12,
    HighBit: 11,
    PixelRepresentation: 0,
    PixelIntensityRelationship: "LOG",
    PixelIntensityRelationshipSign: -1,
    RescaleIntercept: 0,
    RescaleSlope: 1,
    RescaleType: "US",
    PresentationLUTShape: "IDENTITY",
    WindowCenter: (MAXIMUM_VALUE + 1) / 2,
    WindowWidth: MAXIMUM_VALUE + 1,
    PositionerType: "",
    DetectorType: "DIRECT",
    DetectorID: "PHANTOM",
    FieldOfViewShape: "RECTANGLE",
    FieldOfViewOrigin: [0, 0],
    FieldOfViewRotation: 0,
    FieldOfViewHorizontalFlip: "NO",
    KVP: 50,
    ExposureInuAs: 2500,
    DistanceSourceToDetector: 1100,
    AcquisitionContextSequence: [],
    PixelData: data,
  });
}
