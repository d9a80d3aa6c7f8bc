import { isRefineError, type SegmentDescription } from "@samrefine/core";
import fc from "fast-check";
import { strFromU8 } from "fflate";
import { describe, expect, test } from "vitest";
import { geometries, voxelsOf, voxelTypeNames } from "../testing/random-volumes.ts";
import { readNrrd } from "./read-nrrd.ts";
import { readSegNrrd, segNrrdFromLabelmap, writeSegNrrd } from "./seg-nrrd.ts";
import { writeNrrd } from "./write-nrrd.ts";

const describeSegment = (number: number, label = `Segment ${number}`): SegmentDescription => ({
  number,
  label,
  colorRgb: [number % 256, 10, 255],
  category: { scheme: "SCT", value: "123037004", meaning: "Anatomical structure" },
  type: { scheme: "SCT", value: "10200004", meaning: "Liver" },
});
const grid = { size: [3, 2, 2], indexToPatient: [2, 0, 0, -5, 0, 3, 0, 7, 0, 0, 4, 9, 0, 0, 0, 1] } as const;
const mask = (...indices: readonly number[]): Uint8Array => {
  const data = new Uint8Array(12);
  for (const index of indices) data[index] = 1;
  return data;
};
const messageOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (isRefineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "no error";
};

describe("NRRD", () => {
  test("write -> read gives the same voxels, type and affine", () => {
    fc.assert(
      fc.property(
        geometries({ sheared: true }),
        fc.constantFrom(...voxelTypeNames),
        fc.nat(),
        (geometry, type, seed) => {
          const data = voxelsOf(geometry.size, type, seed);
          expect(readNrrd(writeNrrd({ geometry, data }))).toMatchObject({ geometry, components: 1, data });
        },
      ),
      { numRuns: 300 },
    );
  });

  test("reads RAS, big endian raw voxels and plain spacings", () => {
    const text = (lines: readonly string[]): Uint8Array =>
      Uint8Array.from([...`${lines.join("\n")}\n\n`, "\u0001", "\u0002"].map((c) => c.charCodeAt(0)));
    const common = ["NRRD0005", "type: unsigned short", "dimension: 3", "sizes: 1 1 1", "endian: big", "encoding: raw"];
    const ras = readNrrd(
      text([...common, "space: RAS", "space directions: (2,0,0) (0,3,0) (0,0,4)", "space origin: (5,6,7)"]),
    );
    expect([...ras.data]).toEqual([258]);
    expect(ras.geometry.indexToPatient).toEqual([-2, 0, 0, -5, 0, -3, 0, -6, 0, 0, 4, 7, 0, 0, 0, 1]);
    const plain = readNrrd(text([...common, "spacings: 2 3 4"]));
    expect(plain.geometry.indexToPatient).toEqual([2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1]);
  });

  test.each([
    ["NRRD0004\ntype: uchar\n\n", /"dimension"|"sizes"/],
    ["P5\n\n", /first line is "P5"/],
    ["NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: raw\n\nabc", /need 8 bytes, 3 are there/],
    ["NRRD0004\ntype: block\ndimension: 3\nsizes: 2 2 2\nencoding: raw\n\nabcdefgh", /sample type "block"/],
    ["NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: bzip2\n\nabcdefgh", /encoding is "bzip2"/],
    ["NRRD0004\ntype: uchar\ndimension: 2\nsizes: 2 2\nencoding: raw\n\nabcd", /2 axes/],
    ["NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\ndata file: x.raw\nencoding: raw\n\n", /another file/],
    ["NRRD0004\ntype: uchar\ndimension: 3\nsizes: 1 1 1\nspace: scanner-xyz\nencoding: raw\n\na", /space is/],
    ["NRRD0004\nno end", /no empty line/],
  ])("refuses %j", (content, message) => {
    const bytes = Uint8Array.from([...content].map((c) => c.charCodeAt(0)));
    expect(messageOf(() => readNrrd(bytes))).toMatch(/^invalid-format/);
    expect(messageOf(() => readNrrd(bytes))).toMatch(message);
  });
});

describe("seg.nrrd", () => {
  test("write -> read gives the same segments on any grid, overlapping or not", () => {
    fc.assert(
      fc.property(
        geometries({ sheared: true }),
        fc.uniqueArray(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 5 }),
        fc.nat(),
        (geometry, numbers, seed) => {
          const segments = numbers.map((number, index) => ({
            description: describeSegment(number, `Größe \\ ${number}\nzwei`),
            data: voxelsOf(geometry.size, "Uint8Array", seed + index).map((value) => value & 1) as Uint8Array,
          }));
          expect(readSegNrrd(writeSegNrrd({ geometry, segments }))).toEqual({ geometry, segments });
        },
      ),
      { numRuns: 300 },
    );
  });

  test("segments that share no voxel share one layer; the header carries what Slicer reads", () => {
    const file = writeSegNrrd({
      geometry: grid,
      segments: [
        { description: describeSegment(1, "Liver"), data: mask(0, 1) },
        { description: describeSegment(2), data: mask(5) },
      ],
    });
    const header = strFromU8(file.subarray(0, 1500), true);
    expect(header).toContain("dimension: 3\n");
    expect(header).toContain("space: left-posterior-superior\n");
    expect(header).toContain("Segment0_Name:=Liver\n");
    expect(header).toContain("Segment0_Extent:=0 1 0 0 0 0\n");
    expect(header).toContain("Segment1_Layer:=0\n");
    expect(header).toContain("Segment1_LabelValue:=2\n");
    expect(header).toContain("~SCT^123037004^Anatomical structure~SCT^10200004^Liver~^^~");
  });

  test("segments that overlap get a layer more and a list axis", () => {
    const file = writeSegNrrd({
      geometry: grid,
      segments: [
        { description: describeSegment(1), data: mask(0, 1) },
        { description: describeSegment(2), data: mask(1, 2) },
        { description: describeSegment(3), data: mask(4) },
      ],
    });
    const header = strFromU8(file.subarray(0, 2000), true);
    expect(header).toContain("sizes: 2 3 2 2\n");
    expect(header).toContain("kinds: list domain domain domain\n");
    expect(header).toContain("Segment1_Layer:=1\n");
    expect(header).toContain("Segment2_Layer:=0\n");
  });

  test("a labelmap becomes one segment per description, an empty one included", () => {
    const labelmap = {
      geometry: grid,
      data: Uint8Array.of(0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 2),
      descriptions: [describeSegment(1), describeSegment(2)],
    };
    const read = readSegNrrd(writeSegNrrd(segNrrdFromLabelmap(labelmap)));
    expect(read.segments.map(({ data }) => data)).toEqual([mask(), mask(1, 2, 11)]);
  });

  test("refuses repeated numbers, a wrong count of voxels, an ordinary volume", () => {
    const twice = [1, 1].map((number) => ({ description: describeSegment(number), data: mask() }));
    expect(messageOf(() => writeSegNrrd({ geometry: grid, segments: twice }))).toMatch(/^configuration.*number 1/);
    const short = [{ description: describeSegment(1), data: new Uint8Array(11) }];
    expect(messageOf(() => writeSegNrrd({ geometry: grid, segments: short }))).toMatch(/^shape-mismatch/);
    expect(messageOf(() => readSegNrrd(writeNrrd({ geometry: grid, data: mask() })))).toMatch(/no segment/);
  });
});
