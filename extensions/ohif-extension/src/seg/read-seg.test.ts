import { encodeSeg, type SegSegment, type SourceInstance, sourceInstanceOf } from "@samrefine/dicom";
import { describe, expect, it } from "vitest";
import { segmentMask } from "../labelmap/edit.ts";
import { decodeLabels } from "../labelmap/runs.ts";
import { readSeg } from "./read-seg.ts";

const concept = { value: "123037004", scheme: "SCT", meaning: "Anatomical Structure" };

/** Two CT slices of 4 x 3 pixels. */
const sources: readonly SourceInstance[] = [0, 1].map((slice) =>
  sourceInstanceOf({
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
    SOPInstanceUID: `2.25.10${slice}`,
    StudyInstanceUID: "2.25.1",
    SeriesInstanceUID: "2.25.2",
    Modality: "CT",
    Rows: 3,
    Columns: 4,
    FrameOfReferenceUID: "2.25.3",
    ImagePositionPatient: [0, 0, 5 * slice],
    ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
    PixelSpacing: [1, 1],
    SliceThickness: 5,
    PatientID: "p",
  }),
);

/** Segments on slice 1, pixel by pixel: 1 and 2 overlap in the second row, and 3 lies over both in one pixel. */
const masks: Readonly<Record<number, Uint8Array>> = {
  1: Uint8Array.of(1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0),
  2: Uint8Array.of(0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0),
  3: Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1),
};

function written(onSlices: readonly number[] = [1]): Uint8Array {
  return encodeSeg({
    sources,
    segments: [1, 2, 3].map(
      (number): SegSegment => ({
        number,
        label: `s${number}`,
        colorRgb: [10 * number, 20, 30],
        category: concept,
        type: concept,
        algorithmType: "MANUAL",
      }),
    ),
    masks: (segment, instance) => (onSlices.includes(instance) ? masks[segment] : undefined),
    seriesDescription: "test",
    seriesNumber: 1,
    created: new Date(2020, 0, 1),
  }).bytes;
}

describe("readSeg", () => {
  it("tells how much of the SEG lies on other images", () => {
    expect(readSeg(written(), sources).framesElsewhere).toBe(0);
    expect(readSeg(written([0, 1]), sources.slice(0, 1)).framesElsewhere).toBe(3);
  });

  it("keeps every segment whole, however many lie over it", () => {
    const { slices, segments } = readSeg(written(), sources);
    expect(segments.map(({ number, label, algorithmType }) => [number, label, algorithmType])).toEqual([
      [1, "s1", "MANUAL"],
      [2, "s2", "MANUAL"],
      [3, "s3", "MANUAL"],
    ]);
    expect(decodeLabels(slices[0]!.labels).every((label) => label === 0)).toBe(true);
    const labels = decodeLabels(slices[1]!.labels);
    expect([...labels]).toEqual([1, 1, 0, 0, 2, 3, 2, 0, 0, 0, 0, 3]);
    for (const [number, mask] of Object.entries(masks)) {
      expect([...segmentMask(labels, Number(number), slices[1]!.hidden)], number).toEqual([...mask]);
    }
  });

  it("refuses a SEG of other images in words", () => {
    const others = sources.map((source) => ({ ...source, frameOfReferenceUid: "2.25.9" }));
    expect(() => readSeg(written(), others)).toThrow(/frames of reference/);
  });
});
