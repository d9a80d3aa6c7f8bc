import { isRefineError } from "@samrefine/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deflateGzip } from "../gzip.ts";
import { geometries, voxelsOf, voxelTypeNames } from "../testing/random-volumes.ts";
import { parseNiftiHeader } from "./nifti-header.ts";
import { readNifti } from "./read-nifti.ts";
import { writeNifti } from "./write-nifti.ts";

const plain = { size: [2, 3, 4], indexToPatient: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] } as const;
const plainFile = (): Uint8Array => writeNifti({ geometry: plain, data: new Int16Array(24) }, { gzip: false });
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (isRefineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "no error";
};

describe("NIfTI write -> read", () => {
  test("gives the same voxels, type and affine for any grid, gzip or not", () => {
    fc.assert(
      fc.property(
        geometries({ sheared: true }),
        fc.constantFrom(...voxelTypeNames),
        fc.boolean(),
        fc.nat(),
        (geometry, type, gzip, seed) => {
          const data = voxelsOf(geometry.size, type, seed);
          const { volume, header } = readNifti(writeNifti({ geometry, data }, { gzip }));
          expect(volume).toEqual({ geometry, data });
          expect(header.orientation).toBe("sform");
        },
      ),
      { numRuns: 500 },
    );
  });

  test("qform says the same as sform within float32 where the axes are orthogonal, and nothing where they are not", () => {
    fc.assert(
      fc.property(geometries({ sheared: false }), (geometry) => {
        const file = writeNifti({ geometry, data: voxelsOf(geometry.size, "Uint8Array", 1) }, { gzip: false });
        new DataView(file.buffer).setInt16(254, 0, true);
        const header = parseNiftiHeader(file);
        expect(header.orientation).toBe("qform");
        // Near a half turn the quaternion's implied part is sqrt(1 - b² - c² - d²) of float32 numbers: 3.5e-4 rad at worst,
        // times the largest voxel of 12 mm.
        header.indexToPatient.forEach((value, index) => {
          expect(Math.abs(value - geometry.indexToPatient[index]!)).toBeLessThan(5e-4 * 12);
        });
      }),
      { numRuns: 500 },
    );
    const sheared = { ...plain, indexToPatient: [1, 0.3, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] } as const;
    const file = writeNifti({ geometry: sheared, data: new Uint8Array(24) }, { gzip: false });
    expect(new DataView(file.buffer).getInt16(252, true)).toBe(0);
  });

  test("a RAS identity file is mirrored in x and y in LPS", () => {
    const file = plainFile();
    const view = new DataView(file.buffer);
    for (const [index, value] of [1, 0, 0, 5, 0, 1, 0, 6, 0, 0, 1, 7].entries())
      view.setFloat32(280 + 4 * index, value, true);
    expect(parseNiftiHeader(file).indexToPatient).toEqual([-1, 0, 0, -5, 0, -1, 0, -6, 0, 0, 1, 7, 0, 0, 0, 1]);
  });
});

describe("NIfTI reading", () => {
  test("applies slope and intercept, and ignores a slope of zero", () => {
    const file = writeNifti({ geometry: plain, data: voxelsOf(plain.size, "Int16Array", 3) }, { gzip: false });
    const stored = readNifti(file).volume.data;
    const view = new DataView(file.buffer);
    view.setFloat32(112, 0.5, true);
    view.setFloat32(116, -1024, true);
    expect([...readNifti(file).volume.data]).toEqual([...stored].map((value) => Math.fround(value * 0.5 - 1024)));
    view.setFloat32(112, 0, true);
    expect(readNifti(file).volume.data).toEqual(stored);
  });

  test("reads several gzip members as one file", () => {
    const file = plainFile();
    const [first, second] = [deflateGzip(file.slice(0, 100)), deflateGzip(file.slice(100))];
    const joined = new Uint8Array(first.length + second.length);
    joined.set(first);
    joined.set(second, first.length);
    expect(readNifti(joined).volume.geometry.size).toEqual([2, 3, 4]);
  });

  test("micrometres and metres become millimetres", () => {
    const file = plainFile();
    file[123] = 3;
    expect(parseNiftiHeader(file).indexToPatient[10]).toBeCloseTo(0.001, 12);
    file[123] = 1;
    expect(parseNiftiHeader(file).indexToPatient[10]).toBe(1000);
  });

  const setInt16s = (view: DataView, values: Readonly<Record<number, number>>): void => {
    for (const [offset, value] of Object.entries(values)) view.setInt16(Number(offset), value, true);
  };
  const changed = (change: (view: DataView, file: Uint8Array) => void): Uint8Array => {
    const file = plainFile();
    change(new DataView(file.buffer), file);
    return file;
  };
  test.each([
    ["too short", new Uint8Array(20), /20 bytes/],
    ["another format", new Uint8Array(400), /header size is 0/],
    ["cut short", plainFile().subarray(0, 360), /need 48 bytes.*8 are there/],
    ["damaged gzip", deflateGzip(plainFile()).subarray(0, 60), /gzip/],
    ["colour", changed((view) => view.setInt16(70, 128, true)), /datatype code is 128/],
    ["time series", changed((view) => setInt16s(view, { 40: 4, 48: 9 })), /2 x 3 x 4 x 9/],
    ["negative size", changed((view) => view.setInt16(42, -2, true)), /-2 x 3 x 4/],
    ["huge size", changed((view) => setInt16s(view, { 42: 32767, 44: 32767, 46: 32767 })), /need \d+ bytes/],
    ["header pair", changed((_, file) => file.set([0x6e, 0x69, 0x31], 344)), /pair/],
    ["offset inside the header", changed((view) => view.setFloat32(108, 10, true)), /offset is 10/],
    ["singular affine", changed((view) => view.setFloat32(280, 0, true)), /singular/],
  ])("refuses: %s", (_, bytes, message) => {
    expect(codeOf(() => readNifti(bytes))).toMatch(/^invalid-format/);
    expect(codeOf(() => readNifti(bytes))).toMatch(message);
  });

  test("any damaged byte of the header ends in a typed error or a volume, never in anything else", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(351), fc.nat(255)), { minLength: 1, maxLength: 6 }), (damage) => {
        const file = plainFile();
        for (const [at, value] of damage) file[at] = value;
        expect(codeOf(() => readNifti(file))).toMatch(/^(no error|invalid-format)/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("NIfTI writing refuses", () => {
  test("an axis beyond 32767, a wrong count of voxels, a singular affine", () => {
    const data = new Uint8Array(24);
    expect(codeOf(() => writeNifti({ geometry: { ...plain, size: [40000, 1, 1] }, data }))).toMatch(
      /^invalid-geometry/,
    );
    expect(codeOf(() => writeNifti({ geometry: plain, data: new Uint8Array(23) }))).toMatch(/^shape-mismatch/);
    const flat = { ...plain, indexToPatient: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] } as const;
    expect(codeOf(() => writeNifti({ geometry: flat, data }))).toMatch(/^invalid-geometry/);
  });
});
