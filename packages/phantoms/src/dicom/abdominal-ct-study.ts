import { uidFromSeed, writePart10 } from "@samrefine/dicom";
import { type AbdomenPhantomOptions, abdominalCtPhantom } from "../ct/abdomen-phantom.ts";
import { code, studyModules, timeOfDay } from "./common-modules.ts";

/** CT Image Storage (PS3.4 B.5). */
export const CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2";

/** Stored value = HU + 1024, so that it is never negative. */
const RESCALE_INTERCEPT = -1024;

/** One study of one axial series as Part 10 files (PS3.3 A.3), lowest slice first; UIDs follow from the seed. */
export function abdominalCtStudyFiles(options: AbdomenPhantomOptions): Uint8Array<ArrayBuffer>[] {
  const { seed } = options;
  const { geometry, data } = abdominalCtPhantom(options).volume;
  const [columns, rows, slices] = geometry.size;
  const m = geometry.indexToPatient;
  const series = uidFromSeed(seed, "Abdomen", "series");
  const shared = {
    ...studyModules({ subject: "Abdomen", seed, studyDescription: "CT abdomen, artificial", modality: "CT" }),
    SOPClassUID: CT_IMAGE_STORAGE,
    SeriesInstanceUID: series,
    SeriesNumber: 1,
    SeriesDescription: "Abdomen portal venous 5 mm",
    BodyPartExamined: "ABDOMEN",
    PatientPosition: "HFS",
    ProtocolName: "Abdomen",
    FrameOfReferenceUID: uidFromSeed(seed, "Abdomen", "frame of reference"),
    PositionReferenceIndicator: "",
    ImageType: ["DERIVED", "PRIMARY", "AXIAL"],
    DerivationDescription: "Drawn by a program",
    BurnedInAnnotation: "NO",
    LossyImageCompression: "00",
    AcquisitionNumber: 1,
    AcquisitionTime: timeOfDay(0),
    ContentTime: timeOfDay(0),
    AnatomicRegionSequence: [code("818981001", "SCT", "Abdomen")],
    KVP: 120,
    XRayTubeCurrent: 250,
    ExposureTime: 500,
    ConvolutionKernel: "STANDARD",
    GantryDetectorTilt: 0,
    SliceThickness: m[10],
    SpacingBetweenSlices: m[10],
    ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
    PixelSpacing: [m[5], m[0]],
    SamplesPerPixel: 1,
    PhotometricInterpretation: "MONOCHROME2",
    Rows: rows,
    Columns: columns,
    BitsAllocated: 16,
    BitsStored: 12,
    HighBit: 11,
    PixelRepresentation: 0,
    RescaleIntercept: RESCALE_INTERCEPT,
    RescaleSlope: 1,
    RescaleType: "HU",
    WindowCenter: 50,
    WindowWidth: 400,
    WindowCenterWidthExplanation: "Soft tissue",
  };
  return Array.from({ length: slices }, (_, k) => {
    const area = columns * rows;
    const stored = Uint16Array.from(data.subarray(k * area, (k + 1) * area), (hu) => hu - RESCALE_INTERCEPT);
    const z = m[11] + k * m[10];
    return writePart10({
      ...shared,
      SOPInstanceUID: uidFromSeed(seed, "Abdomen", "image", k),
      InstanceNumber: k + 1,
      ImagePositionPatient: [m[3], m[7], z].map((value) => Math.round(value * 1e6) / 1e6),
      SliceLocation: Math.round(z * 1e6) / 1e6,
      PixelData: stored,
    });
  });
}
