import { isRefineError } from "@samrefine/core";
import { describe, expect, test } from "vitest";
import type { Attributes } from "../dataset/attributes.ts";
import { pixelToPatient, seriesFromInstances } from "./series.ts";
import { type SourceInstance, sourceInstanceOf } from "./source-instance.ts";

function instance(k: number, change: Attributes = {}): SourceInstance {
  return sourceInstanceOf({
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
    SOPInstanceUID: `1.2.3.${k}`,
    StudyInstanceUID: "1.2",
    SeriesInstanceUID: "1.2.3",
    FrameOfReferenceUID: "1.9",
    Modality: "CT",
    InstanceNumber: 100 - k,
    Rows: 4,
    Columns: 6,
    PixelSpacing: [0.5, 0.25],
    SliceThickness: 2,
    ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
    ImagePositionPatient: [10, 20, 30 + 2 * k],
    ...change,
  });
}

const stack = (count: number, change: (k: number) => Attributes = () => ({})): readonly SourceInstance[] =>
  Array.from({ length: count }, (_, k) => instance(k, change(k)));

/** Three frames whose order is not that of their planes. */
function enhanced(): SourceInstance {
  return instance(0, {
    NumberOfFrames: 3,
    PixelSpacing: undefined,
    SliceThickness: undefined,
    ImageOrientationPatient: undefined,
    ImagePositionPatient: undefined,
    SharedFunctionalGroupsSequence: [
      {
        PixelMeasuresSequence: [{ PixelSpacing: [0.5, 0.25], SliceThickness: 2 }],
        PlaneOrientationSequence: [{ ImageOrientationPatient: [1, 0, 0, 0, 1, 0] }],
      },
    ],
    PerFrameFunctionalGroupsSequence: [32, 34, 30].map((z, index) => ({
      PlanePositionSequence: [{ ImagePositionPatient: [10, 20, z] }],
      PixelValueTransformationSequence: [{ RescaleSlope: 1, RescaleIntercept: -1 - index }],
    })),
  });
}

function codes(instances: readonly SourceInstance[]): readonly string[] {
  return seriesFromInstances(instances).findings.map((finding) => `${finding.code} ${finding.outcome}`);
}

describe("seriesFromInstances", () => {
  test("sorts along the normal whatever the numbers and the order of arrival say", () => {
    const series = seriesFromInstances([3, 0, 2, 1].map((k) => instance(k)));
    if (series.kind !== "volume") throw new Error(series.kind);
    expect(series.instances.map((i) => i.sopInstanceUid)).toEqual(["1.2.3.0", "1.2.3.1", "1.2.3.2", "1.2.3.3"]);
    expect(series.volume).toEqual({
      size: [6, 4, 4],
      // x between columns is the SECOND value of Pixel Spacing.
      indexToPatient: [0.25, 0, 0, 10, 0, 0.5, 0, 20, 0, 0, 2, 30, 0, 0, 0, 1],
      frameOfReferenceUid: "1.9",
    });
    expect(series.findings).toEqual([]);
    expect(series.sliceStepMm).toBe(2);
  });

  test("feet-first and flipped orientations go by their own normal", () => {
    const flipped = stack(3, () => ({ ImageOrientationPatient: [1, 0, 0, 0, -1, 0] }));
    expect(seriesFromInstances(flipped).instances.map((i) => i.position?.[2])).toEqual([34, 32, 30]);
  });

  test("a gantry tilt shears the volume and is named", () => {
    const series = seriesFromInstances(stack(4, (k) => ({ ImagePositionPatient: [10, 20 + k, 30 + 2 * k] })));
    expect(series.kind === "volume" && series.volume.indexToPatient.slice(4, 8)).toEqual([0, 0.5, 1, 20]);
    expect(series.findings[0]?.code).toBe("gantry-tilt");
    expect(series.findings[0]?.message).toContain("26.6 degrees");
  });

  test("a missing slice is told from irregular spacing, and both are told from rounding", () => {
    const at = (z: readonly number[]): readonly SourceInstance[] =>
      z.map((position, k) => instance(k, { ImagePositionPatient: [10, 20, position] }));
    const missing = seriesFromInstances(at([0, 2, 4, 8, 10]));
    expect(missing.kind).toBe("slices");
    expect(missing.findings[0]).toMatchObject({ code: "missing-slices", sopInstanceUids: ["1.2.3.2", "1.2.3.3"] });
    expect(missing.findings[0]?.message).toMatch(/^1 slice is missing/);
    expect(codes(at([0, 2, 4, 7, 9]))).toEqual(["irregular-spacing handled"]);
    expect(seriesFromInstances(at([0, 2.001, 3.999, 6, 8])).kind).toBe("volume");
  });

  test("duplicate positions and mixed orientations are segmented one by one", () => {
    expect(codes([...stack(3), instance(9, { ImagePositionPatient: [10, 20, 32] })])).toEqual([
      "duplicate-positions handled",
    ]);
    const mixed = [...stack(3), instance(8, { ImageOrientationPatient: [1, 0, 0, 0, 0, 1] })];
    expect(seriesFromInstances(mixed)).toMatchObject({ kind: "slices", findings: [{ code: "mixed-orientations" }] });
    expect(seriesFromInstances(mixed).instances).toHaveLength(4);
  });

  test.each([
    ["multi-frame", { NumberOfFrames: 10, PerFrameFunctionalGroupsSequence: [{}, {}] }],
    ["localizer", { ImageType: ["ORIGINAL", "PRIMARY", "LOCALIZER"] }],
    ["mixed-sizes", { Rows: 5 }],
    ["mixed-frames-of-reference", { FrameOfReferenceUID: "1.10" }],
    ["invalid-orientation", { ImageOrientationPatient: [1, 0, 0, 0.5, 1, 0] }],
  ])("%s is refused by name, the rest goes on", (code, change) => {
    const series = seriesFromInstances([...stack(3), instance(7, change)]);
    expect(series.findings).toMatchObject([{ code, outcome: "refused", sopInstanceUids: ["1.2.3.7"] }]);
    expect(series.kind).toBe("volume");
    expect(series.instances).toHaveLength(3);
  });

  test("an enhanced object is taken apart into its frames, each in its own plane", () => {
    const series = seriesFromInstances([enhanced()]);
    if (series.kind !== "volume") throw new Error(series.kind);
    expect(series.instances.map((i) => [i.frameNumber, i.position?.[2], i.rescaleIntercept])).toEqual([
      [3, 30, -3],
      [1, 32, -1],
      [2, 34, -2],
    ]);
    expect(series.volume.size).toEqual([6, 4, 3]);
    expect(series.findings).toMatchObject([{ code: "multi-frame", outcome: "handled", sopInstanceUids: ["1.2.3.0"] }]);
    expect(series.instances[0]).toMatchObject({ spacingMm: { x: 0.25, y: 0.5 }, sliceThicknessMm: 2 });
  });

  test("a cine without planes is one projection per frame, in order", () => {
    const planeless = { ImagePositionPatient: undefined, ImageOrientationPatient: undefined };
    const series = seriesFromInstances([instance(0, { ...planeless, NumberOfFrames: 3 })]);
    expect(series.kind).toBe("projections");
    expect(series.instances.map((i) => i.frameNumber)).toEqual([1, 2, 3]);
  });

  test("colour, missing and uncalibrated spacing are handled and said", () => {
    expect(codes(stack(2, () => ({ SamplesPerPixel: 3, PhotometricInterpretation: "RGB" })))).toEqual([
      "colour handled",
    ]);
    const projection = { ImagePositionPatient: undefined, ImageOrientationPatient: undefined, PixelSpacing: undefined };
    expect(codes([instance(0, projection)])).toEqual(["no-spacing handled", "no-planes handled"]);
    expect(codes([instance(0, { ...projection, ImagerPixelSpacing: [0.1, 0.1] })])).toEqual([
      "uncalibrated-spacing handled",
      "no-planes handled",
    ]);
    expect(seriesFromInstances([instance(0, projection)]).kind).toBe("projections");
  });

  test("a series of nothing but localizers is segmented; one of damaged multi-frames is not", () => {
    expect(codes(stack(2, () => ({ ImageType: ["DERIVED", "PRIMARY", "LOCALIZER"] })))).toEqual(["localizer handled"]);
    for (const nothing of [[], stack(2, () => ({ NumberOfFrames: 2e9 }))]) {
      let error: unknown;
      try {
        seriesFromInstances(nothing);
      } catch (e) {
        error = e;
      }
      expect(isRefineError(error, "unsupported-dicom")).toBe(true);
    }
  });

  test("a single slice is a volume of one", () => {
    const series = seriesFromInstances([instance(0)]);
    expect(series.kind === "volume" && series.volume.size).toEqual([6, 4, 1]);
  });
});

describe("sourceInstanceOf", () => {
  test("takes what viewers hold: strings, items alone, functional groups", () => {
    const source = instance(0, {
      PixelSpacing: undefined,
      ImagePositionPatient: undefined,
      Rows: "4",
      SharedFunctionalGroupsSequence: [{ PixelMeasuresSequence: { PixelSpacing: "0.5\\0.25" } }],
      PerFrameFunctionalGroupsSequence: [{ PlanePositionSequence: [{ ImagePositionPatient: [1, 2, 3] }] }],
    });
    expect(source).toMatchObject({ rows: 4, spacingMm: { x: 0.25, y: 0.5 }, position: [1, 2, 3] });
  });

  test("goes through a list as it is: the place in the list is no frame number", () => {
    const images = stack(3)
      .map(({ attributes }) => attributes)
      .map(sourceInstanceOf);
    expect(images.map(({ frameNumber }) => frameNumber)).toEqual([undefined, undefined, undefined]);
  });

  test("nonsense spacing counts as none", () => {
    expect(instance(0, { PixelSpacing: [0, 0] }).spacingOrigin).toBe("none");
    expect(instance(0, { PixelSpacing: ["a", 1] }).spacingMm).toBeUndefined();
  });
});

test("pixels map to the patient by the formula of C.7.6.2.1.1", () => {
  const oblique = instance(0, { ImageOrientationPatient: [0, 1, 0, 0, 0, -1] });
  expect(pixelToPatient(oblique, 4, 2)).toEqual([10, 21, 29]);
  expect(pixelToPatient(instance(0, { ImagePositionPatient: undefined }), 0, 0)).toBeUndefined();
});
