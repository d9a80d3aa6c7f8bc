import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Affine3D, PixelArray, VolumeGeometry } from "@samrefine/core";
import { readNifti, readNrrd, readSegNrrd, writeNifti, writeNrrd } from "@samrefine/formats";
import { describe, expect, test } from "vitest";

interface Golden {
  readonly size: readonly number[];
  readonly indexToPatient: readonly number[];
  readonly voxels?: readonly number[];
  readonly segments?: readonly { readonly label: string; readonly voxels: readonly number[] }[];
}

const folder = fileURLToPath(new URL("formats/", import.meta.url));
const goldens = (JSON.parse(readFileSync(`${folder}expected.json`, "utf8")) as { cases: Record<string, Golden> }).cases;
const names = Object.keys(goldens);

function expectGeometry(found: VolumeGeometry, golden: Golden): void {
  expect(found.size).toEqual(golden.size);
  // nibabel computes qform in float64 from float32 fields, as we do; SimpleITK orthonormalises what it read.
  found.indexToPatient.forEach((value, index) => {
    expect(Math.abs(value - golden.indexToPatient[index]!)).toBeLessThan(2e-5);
  });
}

describe("files of reference software", () => {
  test.each(names.filter((name) => !name.endsWith(".seg.nrrd")))("%s", (name) => {
    const golden = goldens[name]!;
    const bytes = readFileSync(folder + name);
    const { geometry, data } = name.endsWith(".nrrd") ? readNrrd(bytes) : readNifti(bytes).volume;
    expectGeometry(geometry, golden);
    // Float64 voxels are narrowed to float32.
    expect([...data]).toEqual(
      golden.voxels!.map((value) => (data instanceof Float32Array ? Math.fround(value) : value)),
    );
  });

  test("a layered seg.nrrd", () => {
    const golden = goldens["pynrrd-layers.seg.nrrd"]!;
    const { geometry, segments } = readSegNrrd(readFileSync(`${folder}pynrrd-layers.seg.nrrd`));
    expectGeometry(geometry, golden);
    expect(segments.map(({ description, data }) => ({ label: description.label, voxels: [...data] }))).toEqual(
      golden.segments,
    );
    expect(segments[0]!.description).toMatchObject({
      colorRgb: [255, 128, 0],
      type: { scheme: "SCT", value: "4147007", meaning: "Mass" },
    });
  });
});

/** With SAMREFINE_JUDGE=FOLDER our files are left there for `make_format_goldens.py --judge FOLDER`. */
const judgeFolder = process.env.SAMREFINE_JUDGE;
test.runIf(judgeFolder !== undefined)("leaves our files for the judges", () => {
  mkdirSync(judgeFolder!, { recursive: true });
  const affines: Readonly<Record<string, readonly number[]>> = {
    oblique: goldens["nibabel-int16-scaled.nii.gz"]!.indexToPatient,
    mirrored: goldens["nibabel-qform-only.nii.gz"]!.indexToPatient,
    axial: [0.5, 0, 0, -10, 0, 0.5, 0, 20, 0, 0, 5, 30, 0, 0, 0, 1],
  };
  const types = { uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array, float32: Float32Array };
  for (const [place, affine] of Object.entries(affines)) {
    for (const [type, Voxels] of Object.entries(types)) {
      const data: PixelArray = new Voxels(Array.from({ length: 24 }, (_, n) => (n * 37) % 251));
      const geometry: VolumeGeometry = { size: [2, 3, 4], indexToPatient: affine as unknown as Affine3D };
      const meaning = JSON.stringify({ size: geometry.size, indexToPatient: affine, voxels: [...data] });
      for (const [ending, bytes] of [
        ["nii.gz", writeNifti({ geometry, data })],
        ["nrrd", writeNrrd({ geometry, data })],
      ] as const) {
        writeFileSync(`${judgeFolder}/${place}-${type}.${ending}`, bytes);
        writeFileSync(`${judgeFolder}/${place}-${type}.${ending}.json`, meaning);
      }
    }
  }
});
