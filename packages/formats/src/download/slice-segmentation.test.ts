import { isRefineError, type SegmentDescription } from "@samrefine/core";
import fc from "fast-check";
import { unzlibSync } from "fflate";
import { expect, test } from "vitest";
import { readNifti } from "../nifti/read-nifti.ts";
import { readSegNrrd } from "../nrrd/seg-nrrd.ts";
import { geometries } from "../testing/random-volumes.ts";
import {
  niftiOfSegmentation,
  pngOfSlice,
  type SliceSegmentation,
  segNrrdOfSegmentation,
} from "./slice-segmentation.ts";

const describeSegment = (number: number): SegmentDescription => ({
  number,
  label: `Segment ${number}`,
  colorRgb: [255, 0, number % 256],
  category: { scheme: "SCT", value: "123037004", meaning: "Anatomical structure" },
  type: { scheme: "SCT", value: "10200004", meaning: "Liver" },
});
const geometry = { size: [3, 2, 2], indexToPatient: [2, 0, 0, -5, 0, 3, 0, 7, 0, 0, 4, 9, 0, 0, 0, 1] } as const;

/** Segments 1 and 300 share the first voxel of slice 1. */
const overlapping: SliceSegmentation = {
  geometry,
  segments: [1, 300].map(describeSegment),
  masks: (segment, k) => {
    if (segment === 1) return k === 1 ? Uint8Array.of(1, 1, 0, 0, 0, 0) : undefined;
    return Uint8Array.of(1, 0, 0, 0, 0, k);
  },
};

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

test("NIfTI refuses overlaps, or lets the asked segment lie on top", () => {
  const error = thrownBy(() => niftiOfSegmentation(overlapping));
  expect(isRefineError(error, "configuration")).toBe(true);
  expect((error as Error).message).toContain("segments 1 and 300");
  const labels = (onOverlap: "lowest-number" | "highest-number"): readonly number[] => [
    ...readNifti(niftiOfSegmentation(overlapping, { onOverlap })).volume.data,
  ];
  expect(labels("lowest-number")).toEqual([300, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 300]);
  expect(labels("highest-number")).toEqual([300, 0, 0, 0, 0, 0, 300, 1, 0, 0, 0, 300]);
});

test("seg.nrrd keeps overlaps, names and colours", () => {
  const { segments } = readSegNrrd(segNrrdOfSegmentation(overlapping));
  expect(segments.map(({ description }) => description)).toEqual(overlapping.segments);
  expect(segments.map(({ data }) => [...data])).toEqual([
    [0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0],
    [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
  ]);
});

test("any masks on any grid come back from both", () => {
  fc.assert(
    fc.property(geometries({ sheared: true }), fc.nat(), fc.integer({ min: 1, max: 3 }), (grid, seed, count) => {
      const area = grid.size[0] * grid.size[1];
      const owner = (k: number, i: number): number => (Math.imul(k * area + i + seed, 0x9e3779b1) >>> 7) % (count + 1);
      const segmentation: SliceSegmentation = {
        geometry: grid,
        segments: Array.from({ length: count }, (_, index) => describeSegment(index + 1)),
        masks: (segment, k) => Uint8Array.from({ length: area }, (_, i) => Number(owner(k, i) === segment)),
      };
      const expected = Uint8Array.from({ length: area * grid.size[2] }, (_, n) =>
        owner(Math.floor(n / area), n % area),
      );
      expect(readNifti(niftiOfSegmentation(segmentation)).volume.data).toEqual(expected);
      const back = readSegNrrd(segNrrdOfSegmentation(segmentation));
      expect(back.geometry.indexToPatient).toEqual(grid.indexToPatient);
      for (const { description, data } of back.segments) {
        expect(data).toEqual(expected.map((value) => Number(value === description.number)));
      }
    }),
    { numRuns: 60 },
  );
});

test("PNG holds the labels of its slice as grey values, big endian above 8 bits", () => {
  const png = pngOfSlice(overlapping, 1, { onOverlap: "highest-number" });
  const view = new DataView(png.buffer, png.byteOffset);
  expect([view.getUint32(16), view.getUint32(20), png[24], png[25]]).toEqual([3, 2, 16, 0]);
  const length = view.getUint32(33);
  const lines = unzlibSync(png.subarray(41, 41 + length));
  expect([...lines]).toEqual([0, 1, 44, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 44]);
});

test("a mask of another size is refused by name", () => {
  const wrong: SliceSegmentation = { ...overlapping, masks: () => new Uint8Array(5) };
  for (const write of [niftiOfSegmentation, segNrrdOfSegmentation]) {
    expect(
      isRefineError(
        thrownBy(() => write(wrong)),
        "shape-mismatch",
      ),
    ).toBe(true);
  }
});
