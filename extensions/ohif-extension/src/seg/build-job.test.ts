import { sourceInstanceOf } from "@samrefine/dicom";
import { expect, it } from "vitest";
import { plainInstances } from "./build-job.ts";

it("takes over what a frame's metadata inherit from their file, once for all frames, and no pixels", () => {
  const file = {
    StudyInstanceUID: "1.2",
    SeriesInstanceUID: "1.2.3",
    SOPInstanceUID: "1.2.3.4",
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.2.1",
    Rows: 1,
    Columns: 1,
    PatientName: [{ Alphabetic: "A^B" }],
    PixelData: new Uint8Array(1),
    _private: 1,
    vrMap: () => {},
  };
  const frames = [1, 2].map((number) => Object.assign(Object.create(file) as object, { InstanceNumber: number }));
  const [first, second] = plainInstances(frames.map((frame) => sourceInstanceOf(frame as never)));
  expect(first?.attributes).toEqual({
    StudyInstanceUID: "1.2",
    SeriesInstanceUID: "1.2.3",
    SOPInstanceUID: "1.2.3.4",
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.2.1",
    Rows: 1,
    Columns: 1,
    PatientName: [{ Alphabetic: "A^B" }],
    InstanceNumber: 1,
  });
  expect(second?.attributes.InstanceNumber).toBe(2);
  expect(second?.attributes.PatientName).toBe(first?.attributes.PatientName);
});
