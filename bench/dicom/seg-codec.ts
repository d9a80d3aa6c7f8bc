import type { LabelmapSize } from "./labelmap.ts";

/** What both sides do. */
export interface SegCodec {
  /** Everything that a viewer has before a person asks for the SEG: metadata of the series, labels per slice. */
  prepare(
    labels: Uint8Array,
    size: LabelmapSize,
  ): Promise<() => Uint8Array<ArrayBuffer>> | (() => Uint8Array<ArrayBuffer>);
  /** The labels of every slice. */
  decode(file: Uint8Array<ArrayBuffer>, size: LabelmapSize): Promise<readonly Uint8Array[]> | readonly Uint8Array[];
}

/** Attributes of slice k of the CT that is segmented, by keyword. */
export function sliceAttributes(k: number, { columns, rows }: LabelmapSize): Readonly<Record<string, unknown>> {
  return {
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
    SOPInstanceUID: `2.25.7.${k + 1}`,
    StudyInstanceUID: "2.25.5",
    SeriesInstanceUID: "2.25.6",
    FrameOfReferenceUID: "2.25.8",
    PatientID: "bench",
    PatientName: "Bench^Mark",
    PatientBirthDate: "",
    PatientSex: "",
    StudyDate: "20260101",
    StudyTime: "120000",
    StudyID: "1",
    AccessionNumber: "",
    ReferringPhysicianName: "",
    Modality: "CT",
    SeriesNumber: 1,
    InstanceNumber: k + 1,
    Manufacturer: "none",
    Rows: rows,
    Columns: columns,
    PixelSpacing: [0.7, 0.7],
    SliceThickness: 1.5,
    SpacingBetweenSlices: 1.5,
    // From head to feet: the adapters lay the frames of a BINARY SEG in this order and no other.
    ImagePositionPatient: [-180, -180, -1.5 * k],
    ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
    BitsAllocated: 16,
    BitsStored: 16,
    HighBit: 15,
    PixelRepresentation: 1,
    SamplesPerPixel: 1,
    PhotometricInterpretation: "MONOCHROME2",
    RescaleSlope: 1,
    RescaleIntercept: 0,
  };
}
