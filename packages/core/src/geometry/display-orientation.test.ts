import { describe, expect, test } from "vitest";
import { displayFlips, flipVolume } from "./display-orientation.ts";
import type { Affine3D, VolumeGeometry } from "./geometry.ts";

/** Directions of the three index axes in LPS, spacing 1, 2 and 3 mm. */
const geometry = (i: readonly number[], j: readonly number[], k: readonly number[]): VolumeGeometry => ({
  size: [2, 3, 4],
  indexToPatient: [0, 1, 2]
    .flatMap((row) => [i[row]! * 1, j[row]! * 2, k[row]! * 3, 10 * row])
    .concat([0, 0, 0, 1]) as unknown as Affine3D,
});
const [left, right] = [
  [1, 0, 0],
  [-1, 0, 0],
] as const;
const [posterior, anterior] = [
  [0, 1, 0],
  [0, -1, 0],
] as const;
const [superior, inferior] = [
  [0, 0, 1],
  [0, 0, -1],
] as const;

describe("displayFlips", () => {
  test.each([
    ["axial as DICOM stores it", [left, posterior, superior], [false, false, false]],
    ["axial as NIfTI mostly does (RAS)", [right, anterior, superior], [true, true, false]],
    ["axial, radiological (LAS)", [left, anterior, superior], [false, true, false]],
    ["axial, from the head downwards", [left, posterior, inferior], [false, false, true]],
    ["coronal with superior last", [right, superior, anterior], [true, true, true]],
    ["coronal as DICOM stores it", [left, inferior, posterior], [false, false, false]],
    ["sagittal as DICOM stores it", [posterior, inferior, right], [false, false, false]],
    ["sagittal of an RAS file", [anterior, superior, right], [true, true, false]],
    ["oblique by 20 degrees", [[-0.94, 0.34, 0], [-0.34, -0.94, 0], superior], [true, true, false]],
  ] as const)("%s", (_, [i, j, k], flips) => {
    expect(displayFlips(geometry(i, j, k))).toEqual(flips);
  });
});

describe("flipVolume", () => {
  const volume = {
    geometry: geometry(right, anterior, inferior),
    data: Float32Array.from({ length: 24 }, (_, n) => n),
  };

  test("keeps every voxel where it is in the patient", () => {
    const flipped = flipVolume(volume, [true, true, true]);
    const placeOf = (m: Affine3D, i: number, j: number, k: number) =>
      [0, 4, 8].map((row) => m[row]! * i + m[row + 1]! * j + m[row + 2]! * k + m[row + 3]!);
    expect(flipped.data[0]).toBe(23);
    expect(placeOf(flipped.geometry.indexToPatient, 0, 0, 0)).toEqual(placeOf(volume.geometry.indexToPatient, 1, 2, 3));
    expect(placeOf(flipped.geometry.indexToPatient, 1, 2, 3)).toEqual(placeOf(volume.geometry.indexToPatient, 0, 0, 0));
  });

  test.each([[[true, false, false]], [[false, true, false]], [[false, false, true]], [[true, true, true]]] as const)(
    "done twice it is as it was: %j",
    (flips) => {
      expect(flipVolume(flipVolume(volume, flips), flips)).toEqual(volume);
      expect(flipVolume(volume, flips).data).not.toEqual(volume.data);
    },
  );
});
