import { sourceInstanceOf } from "@samrefine/dicom";
import { readNifti, readNrrd, readSegNrrd } from "@samrefine/formats";
import { describe, expect, it } from "vitest";
import { encodeLabels } from "../labelmap/runs.ts";
import { writeLabelFile } from "./label-file.ts";
import type { SegJob } from "./seg-job.ts";

const concept = { value: "10200004", scheme: "SCT", meaning: "Liver" };

/** Two slices of 3 x 2, given from the upper one to the lower one; segment 2 goes on below segment 1 in one pixel. */
function job(positions: readonly number[] | undefined): SegJob {
  const source = (index: number) =>
    sourceInstanceOf({
      StudyInstanceUID: "1.2.3",
      SeriesInstanceUID: "1.2.3.4",
      SOPInstanceUID: `1.2.3.4.${index}`,
      SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
      Rows: 2,
      Columns: 3,
      InstanceNumber: index,
      ...(positions
        ? {
            PixelSpacing: [1, 1],
            ImagePositionPatient: [0, 0, positions[index]],
            ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
            FrameOfReferenceUID: "1.2.9",
          }
        : {}),
    });
  const segment = (number: number) => ({
    number,
    labelValue: number,
    label: `s${number}`,
    colorRgb: [10, 20, 30],
    category: concept,
    type: concept,
    algorithmType: "MANUAL",
  });
  return {
    sources: [0, 1].map(source),
    slices: [
      { labels: encodeLabels(Uint8Array.of(1, 1, 0, 0, 2, 0)), hidden: [{ number: 2, pixels: Uint32Array.of(1) }] },
      { labels: encodeLabels(Uint8Array.of(0, 0, 0, 0, 0, 2)), hidden: [] },
    ],
    segments: [segment(1), segment(2)],
    seriesDescription: "",
    seriesNumber: 1,
    created: new Date(0),
    sopInstanceUid: "1.2.5",
    seriesInstanceUid: "1.2.6",
  } as unknown as SegJob;
}

describe("writeLabelFile", () => {
  it("puts slices in patient order, whatever order the screen has, and shows what the screen shows", () => {
    const { volume } = readNifti(writeLabelFile(job([5, 0]), "nifti"));
    expect(volume.geometry.size).toEqual([3, 2, 2]);
    expect([...volume.data]).toEqual([0, 0, 0, 0, 0, 2, 1, 1, 0, 0, 2, 0]);
  });

  it("writes the same label map as NRRD", () => {
    const { volume } = readNifti(writeLabelFile(job([5, 0]), "nifti"));
    expect(readNrrd(writeLabelFile(job([5, 0]), "nrrd"))).toMatchObject({
      geometry: { size: volume.geometry.size, indexToPatient: volume.geometry.indexToPatient },
      data: volume.data,
    });
  });

  it("keeps overlaps in seg.nrrd", () => {
    const { segments } = readSegNrrd(writeLabelFile(job([0, 5]), "seg-nrrd"));
    expect(segments.map(({ description }) => description.label)).toEqual(["s1", "s2"]);
    expect(segments.map(({ data }) => data.reduce((sum, value) => sum + value, 0))).toEqual([2, 3]);
  });

  it("names the reason where images make no volume", () => {
    expect(() => writeLabelFile(job(undefined), "nifti")).toThrow(/make no volume.*projections/);
  });

  it("writes one image as PNG", () => {
    const png = writeLabelFile(job(undefined), "png");
    expect([...png.subarray(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
  });
});
