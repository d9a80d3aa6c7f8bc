import type { Attributes } from "../dataset/attributes.ts";
import type { SegSegment } from "../seg/types.ts";
import { type SourceInstance, sourceInstanceOf } from "../series/source-instance.ts";

/** Slice k of an axial CT, 1 mm apart, 4 x 4 pixels of 1 mm unless changed. */
export function ctImage(k: number, change: Attributes = {}): SourceInstance {
  return sourceInstanceOf({
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
    SOPInstanceUID: `1.2.3.${k}`,
    StudyInstanceUID: "1.2",
    SeriesInstanceUID: "1.2.3",
    FrameOfReferenceUID: "1.9",
    PatientID: "P",
    Modality: "CT",
    Rows: 4,
    Columns: 4,
    PixelSpacing: [1, 1],
    ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
    ImagePositionPatient: [0, 0, k],
    ...change,
  });
}

/** A segment drawn by hand, with a tracking UID of its own. */
export function drawnSegment(number: number): SegSegment {
  return {
    number,
    label: `Segment ${number}`,
    colorRgb: [1, 2, 3],
    category: { value: "123037004", scheme: "SCT", meaning: "Anatomical Structure" },
    type: { value: "10200004", scheme: "SCT", meaning: "Liver" },
    algorithmType: "MANUAL",
    trackingId: `${number}`,
    trackingUid: `1.2.77.${number}`,
  };
}
