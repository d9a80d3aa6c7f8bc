import { sourceInstanceOf } from "@samrefine/dicom";

/** A radiograph of one row and four columns. */
export const radiographSource = sourceInstanceOf({
  SOPClassUID: "1.2.840.10008.5.1.4.1.1.1",
  SOPInstanceUID: "2.25.4",
  StudyInstanceUID: "2.25.1",
  SeriesInstanceUID: "2.25.2",
  Modality: "CR",
  Rows: 1,
  Columns: 4,
  PatientID: "p",
});
