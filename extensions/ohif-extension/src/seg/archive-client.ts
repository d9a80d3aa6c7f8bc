export { createDicomWebClient } from "@samrefine/dicom";
