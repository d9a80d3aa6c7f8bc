import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { presetPlan } from "@samrefine/core";
import { decodeSeg, matchToSeries, writePart10 } from "@samrefine/dicom";
import { readNifti, writeSegNrrd } from "@samrefine/formats";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readGreyPng } from "../dataset/read-grey-png.ts";
import { readStudy } from "../dicom/read-study.ts";
import { describeDecoded } from "../export/dicom-segmentation.ts";
import { writeThresholdModel } from "../testing/bright-disks.ts";
import { ctSlice, writeDiskFrames, writeDiskStudy } from "../testing/dicom-slices.ts";
import { runCommand } from "../testing/run-command.ts";

let root: string;
let model: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "samrefine-segment-"));
  model = await writeThresholdModel(join(root, "model"));
  await writeDiskStudy(at("study", "nested"));
  await writeFile(at("study", "notes.txt"), "no DICOM");
});
afterAll(() => rm(root, { recursive: true }));
const at = (...parts: readonly string[]): string => join(root, ...parts);
const segment = (...args: readonly string[]) =>
  runCommand(["segment", "--study", at("study"), "--model", model, "--out", at("seg.dcm"), ...args]);

test("the disk is found on its slice, and the SEG lies on the source", async () => {
  const run = await segment("--series", "2.25.221", "--preset", "raw", "--json", at("segment.json"));
  expect(run).toMatchObject({ exitCode: 0 });
  const seg = decodeSeg(await readFile(at("seg.dcm")));
  expect(seg).toMatchObject({ kind: "BINARY", frameOfReferenceUid: "2.25.33", studyInstanceUid: "2.25.11" });
  expect(seg.segments[0]).toMatchObject({ label: "Disk", algorithmType: "AUTOMATIC" });
  expect(seg.frames).toHaveLength(1);
  const { series } = await readStudy(at("study"), new AbortController().signal);
  const sources = series[0]!.instances
    .map(({ source }) => source)
    .sort((a, b) => a.instanceNumber! - b.instanceNumber!);
  const match = matchToSeries(seg, sources);
  if (match.kind !== "matched") throw new Error("the SEG does not fit its source");
  const area = match.mask(1, 1)!.reduce((sum, value) => sum + value, 0);
  expect(Math.abs(area - Math.PI * 12 ** 2)).toBeLessThan(25);
  expect(JSON.parse(await readFile(at("segment.json"), "utf8"))).toMatchObject({ segments: [{ pixels: area }] });

  // The same SEG as NIfTI, and back as SEG.
  const nifti = at("seg.nii.gz");
  expect(await runCommand(["export", "--from", at("seg.dcm"), "--to", nifti, "--source", at("study")])).toMatchObject({
    exitCode: 0,
  });
  const { volume } = readNifti(await readFile(nifti));
  expect(volume.geometry.size).toEqual([60, 48, 3]);
  expect(volume.geometry.indexToPatient).toEqual([1.5, 0, 0, 0, 0, 1.5, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1]);
  expect([...volume.data.subarray(60 * 48, 2 * 60 * 48)]).toEqual([...match.mask(1, 1)!]);
  const again = at("again.dcm");
  expect(
    await runCommand(["export", "--from", nifti, "--to", again, "--source", at("study"), "--labels", "Disk"]),
  ).toMatchObject({ exitCode: 0 });
  const back = decodeSeg(await readFile(again));
  expect([...back.frame(0)]).toEqual([...match.mask(1, 1)!]);
});

test("a plan for volumes goes through the series as one", async () => {
  const seen = async (minimumVoxels: number) => {
    const volume = { mode: "slice-wise", component: { keep: "all", minimumVoxels } };
    await writeFile(at("whole.json"), JSON.stringify({ ...presetPlan("raw"), id: "whole", volume }));
    return await segment("--series", "2.25.221", "--plan", at("whole.json"));
  };
  // The disk has some 450 pixels, on one slice.
  expect(await seen(400)).toMatchObject({ exitCode: 0, printed: expect.stringMatching(/Disk: 4\d\d pixels/) });
  expect(await seen(500)).toMatchObject({ exitCode: 1, noted: expect.stringMatching(/no pixel|empty|nothing/i) });
});

test("the same disk as label map and as probabilities, and no other kind", async () => {
  const asKind = (kind: string) =>
    segment("--series", "2.25.221", "--preset", "raw", "--kind", kind, "--json", at(`${kind}.json`));
  expect(await asKind("binary")).toMatchObject({ exitCode: 0 });
  const binary = decodeSeg(await readFile(at("seg.dcm"))).frame(0);
  expect(await asKind("labelmap")).toMatchObject({ exitCode: 0 });
  const labelmap = decodeSeg(await readFile(at("seg.dcm")));
  expect([labelmap.kind, labelmap.frame(0)]).toEqual(["LABELMAP", binary]);
  expect(await asKind("fractional")).toMatchObject({ exitCode: 0 });
  const fractional = decodeSeg(await readFile(at("seg.dcm")));
  expect(fractional).toMatchObject({ kind: "FRACTIONAL", fractionalType: "PROBABILITY" });
  const middle = fractional.frames.find(({ position }) => position?.[2] === 4);
  // The mask is where the probability is at least one half, up to the 255 steps it is stored in.
  const differing = fractional.frame(middle!.index).filter((value, i) => Number(value > 127) !== binary[i]);
  expect(differing.every((value) => Math.abs(value - 127.5) < 1)).toBe(true);
  expect((await asKind("nonsense")).exitCode).toBe(2);
  // The export further down wants the binary one.
  expect(await asKind("binary")).toMatchObject({ exitCode: 0 });
});

test("frames of an enhanced CT are segmented, and the SEG names the frame that the disk is on", async () => {
  await writeDiskFrames(at("enhanced"));
  const run = await runCommand([
    ...["segment", "--study", at("enhanced"), "--series", "2.25.223", "--preset", "raw"],
    ...["--model", model, "--out", at("frames.dcm")],
  ]);
  expect(run).toMatchObject({ exitCode: 0 });
  const seg = decodeSeg(await readFile(at("frames.dcm")));
  // Frame 1 of the file is the middle slice.
  expect(seg.frames).toMatchObject([{ sourceSopInstanceUid: "2.25.3001", sourceFrameNumber: 1, position: [0, 0, 4] }]);
  expect(seg.referencedSopInstanceUids).toEqual(["2.25.3001"]);
  const nifti = at("frames.nii.gz");
  expect(
    await runCommand(["export", "--from", at("frames.dcm"), "--to", nifti, "--source", at("enhanced")]),
  ).toMatchObject({ exitCode: 0 });
  const { volume } = readNifti(await readFile(nifti));
  expect(volume.data.subarray(60 * 48, 2 * 60 * 48)).toEqual(seg.frame(0));
});

test("a SEG becomes a PNG label map per image, which is the only form for what is no volume", async () => {
  const convert = (to: string) =>
    runCommand(["export", "--from", at("seg.dcm"), "--to", at(to), "--source", at("study")]);
  expect(await convert("labels.png")).toMatchObject({ exitCode: 0 });
  const mask = decodeSeg(await readFile(at("seg.dcm"))).frame(0);
  const slices = await Promise.all([1, 2, 3].map((k) => readGreyPng(at(`labels-${k}.png`))));
  expect(slices.map(({ columns, rows }) => [columns, rows])).toEqual(Array.from({ length: 3 }, () => [60, 48]));
  expect(slices[1]!.data).toEqual(mask);
  expect(slices[0]!.data.some((value) => value !== 0)).toBe(false);
  const back = await runCommand(["export", "--from", at("labels-1.png"), "--to", at("x.dcm"), "--source", at("study")]);
  expect(back).toMatchObject({ exitCode: 2, noted: expect.stringContaining("not read") });
});

test("overlapping segments go into a label map only when it is said which lies on top", async () => {
  const { volume } = readNifti(await readFile(at("seg.nii.gz")));
  const description = describeDecoded({ ...decodeSeg(await readFile(at("seg.dcm"))).segments[0]!, number: 1 });
  const [first, second] = [1, 2].map((number) => ({
    description: { ...description, number, label: `Disk ${number}` },
    data: Uint8Array.from(volume.data),
  }));
  await writeFile(at("twice.seg.nrrd"), writeSegNrrd({ geometry: volume.geometry, segments: [first!, second!] }));
  const convert = (...more: readonly string[]) =>
    runCommand(["export", "--from", at("twice.seg.nrrd"), "--to", at("twice.nii"), ...more]);
  expect(await convert()).toMatchObject({ exitCode: 2, noted: expect.stringContaining("overlap") });
  expect(await convert("--on-overlap", "highest-number")).toMatchObject({ exitCode: 0 });
  const bytes = await readFile(at("twice.nii"));
  expect(bytes[0]).toBe(92); // not gzip: the header's size of 348 bytes
  expect(readNifti(bytes).volume.data).toEqual(Uint8Array.from(volume.data, (value) => 2 * value));
});

test("a SEG is resampled onto another series when that is asked for, and not otherwise", async () => {
  // Pixels half as large: every pixel of the SEG becomes two by two.
  await mkdir(at("fine"), { recursive: true });
  const pixels = new Int16Array(120 * 96);
  for (const index of [0, 1, 2]) {
    const slice = ctSlice({ index, pixels, columns: 120, seriesNumber: 5 });
    const position = [-0.375, -0.375, 4 * index];
    const fine = { ...slice, PixelSpacing: [0.75, 0.75], ImagePositionPatient: position };
    await writeFile(at("fine", `${index}.dcm`), writePart10(fine));
  }
  const to = at("fine.nii.gz");
  const convert = (...more: readonly string[]) =>
    runCommand(["export", "--from", at("seg.dcm"), "--to", to, "--source", at("fine"), ...more]);
  expect((await convert()).exitCode).not.toBe(0);
  const run = await convert("--onto", "2.25.225");
  expect(run).toMatchObject({ exitCode: 0, noted: expect.stringContaining("Resampled onto the series") });
  const { volume } = readNifti(await readFile(to));
  const coarse = decodeSeg(await readFile(at("seg.dcm"))).frame(0);
  const expected = Uint8Array.from({ length: 120 * 96 }, (_, n) => {
    const [x, y] = [n % 120, Math.floor(n / 120)];
    return coarse[(y >> 1) * 60 + (x >> 1)]!;
  });
  expect(volume.data.subarray(120 * 96, 2 * 120 * 96)).toEqual(expected);
});

test("a study without a fitting series, an unknown series, a folder without DICOM, a SEG without its source", async () => {
  const unfit = await segment("--preset", "raw");
  expect(unfit).toMatchObject({ exitCode: 2 });
  expect(unfit.noted).toMatch(/No series fits[\s\S]*2\.25\.221 \(CT, 3 images\)/);
  expect(await segment("--series", "2.25.999", "--preset", "raw")).toMatchObject({ exitCode: 2 });
  const empty = await runCommand(["segment", "--study", at("model"), "--model", model, "--out", at("x.dcm")]);
  expect(empty).toMatchObject({ exitCode: 1 });
  expect(empty.noted).toMatch(/no readable DICOM image/);
  const alone = await runCommand(["export", "--from", at("seg.dcm"), "--to", at("x.nii.gz")]);
  expect(alone).toMatchObject({ exitCode: 2 });
  expect(alone.noted).toMatch(/--source/);
});
