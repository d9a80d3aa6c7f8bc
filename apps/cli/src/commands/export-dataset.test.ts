import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeSeg } from "@samrefine/dicom";
import { readNifti, writeNifti } from "@samrefine/formats";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeDiskStudy } from "../testing/dicom-slices.ts";
import { runCommand } from "../testing/run-command.ts";

let root: string;
const at = (...parts: readonly string[]): string => join(root, ...parts);
const labels = Uint8Array.from({ length: 60 * 48 * 3 }, (_, n) => (n % 7 === 0 ? 1 : n % 11 === 0 ? 2 : 0));

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "samrefine-export-"));
  await writeDiskStudy(at("study", "series"));
  const geometry = {
    size: [60, 48, 3],
    indexToPatient: [1.5, 0, 0, 0, 0, 1.5, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1],
  } as const;
  await writeFile(at("labels.nii.gz"), writeNifti({ geometry, data: labels }));
  const from = ["export", "--from", at("labels.nii.gz"), "--source", at("study"), "--labels", "Liver,Spleen"];
  expect(await runCommand([...from, "--to", at("first.dcm")])).toMatchObject({ exitCode: 0 });
});
afterAll(() => rm(root, { recursive: true }));

test("a SEG becomes an nnU-Net data set and comes back voxel for voxel", async () => {
  const out = ["export", "--from", at("first.dcm"), "--source", at("study"), "--to", at("Dataset001")];
  expect(await runCommand(out)).toMatchObject({ exitCode: 0, noted: "" });
  expect(JSON.parse(await readFile(at("Dataset001", "dataset.json"), "utf8"))).toMatchObject({
    channel_names: { "0": "CT" },
    labels: { background: 0, Liver: 1, Spleen: 2 },
    numTraining: 1,
    file_ending: ".nii.gz",
  });
  const [name] = await readdir(at("Dataset001", "labelsTr"));
  const written = readNifti(await readFile(at("Dataset001", "labelsTr", name!))).volume;
  expect(written.data).toEqual(labels);
  const image = readNifti(await readFile(at("Dataset001", "imagesTr", name!.replace(".nii", "_0000.nii")))).volume;
  expect(image.geometry).toEqual(written.geometry);
  expect([image.data[0], image.data[60 * 48 + 24 * 60 + 30]]).toEqual([30, 220]);

  const back = ["export", "--from", at("Dataset001"), "--source", at("study"), "--to", at("segs")];
  expect(await runCommand(back)).toMatchObject({ exitCode: 0 });
  const [seg] = await readdir(at("segs"));
  const decoded = decodeSeg(await readFile(at("segs", seg!))).segments;
  expect(decoded.map(({ label, type }) => [label, type?.meaning])).toEqual([
    ["Liver", "Liver"],
    ["Spleen", "Spleen"],
  ]);
  const map = ["export", "--from", at("segs", seg!), "--source", at("study"), "--to", at("back.nii.gz")];
  expect(await runCommand(map)).toMatchObject({ exitCode: 0 });
  expect(readNifti(await readFile(at("back.nii.gz"))).volume.data).toEqual(labels);
});

test("a folder of SEGs needs the images, and cannot say which masks are doubtful", async () => {
  const from = ["export", "--from", at("first.dcm"), "--to", at("Dataset002")];
  expect(await runCommand(from)).toMatchObject({ exitCode: 2, noted: expect.stringMatching(/--source/) });
  const doubtful = [...from, "--source", at("study"), "--ignore-below", "0.5"];
  expect(await runCommand(doubtful)).toMatchObject({ exitCode: 2, noted: expect.stringMatching(/states no quality/) });
});
