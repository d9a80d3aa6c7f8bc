import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readNifti, readNrrd, readSegNrrd } from "@samrefine/formats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDataset, readLabelsFrom } from "../dataset/open-dataset.ts";
import { writeDiskDataset, writeThresholdModel } from "../testing/bright-disks.ts";
import { runCommand } from "../testing/run-command.ts";

let root: string;
let model: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "samrefine-cli-"));
  model = await writeThresholdModel(join(root, "model"));
  await writeDiskDataset(join(root, "flat"), 2);
  await writeDiskDataset(join(root, "volumes"), 3);
});
afterAll(() => rm(root, { recursive: true }));

const at = (...parts: readonly string[]): string => join(root, ...parts);

async function dice(dataset: string, id: string, prediction: string): Promise<number> {
  const source = await openDataset(at(dataset));
  const [found, truth] = await Promise.all([readLabelsFrom(source, id, prediction), source.readLabels(id)]);
  let both = 0;
  let sum = 0;
  for (const [k, slice] of found.slices.entries()) {
    slice.forEach((value, n) => {
      both += value & truth.slices[k]![n]!;
      sum += value + truth.slices[k]![n]!;
    });
  }
  return (2 * both) / sum;
}

describe("predict", () => {
  test.each([
    ["flat", ".png"],
    ["volumes", ".nii.gz"],
  ])("writes %s label maps at native size that match the reference", async (dataset, ending) => {
    const out = at(`predicted-${dataset}`);
    const run = await runCommand([
      ...["predict", "--model", model, "--dataset", at(dataset), "--out", out],
      ...["--threads", "1", "--probabilities", "--json", at("predict.json")],
    ]);
    expect(run).toMatchObject({ exitCode: 0, noted: "" });
    for (const id of ["disk4", "disk5", "disk6"]) {
      expect(await dice(dataset, id, join(out, `${id}${ending}`))).toBeGreaterThan(0.95);
      expect(existsSync(join(out, "probabilities", `${id}__disk${ending}`))).toBe(true);
    }
    expect(JSON.parse(await readFile(at("predict.json"), "utf8"))).toMatchObject({
      command: "predict",
      model: { id: "threshold" },
      failures: [],
    });
  });

  test("one damaged case is reported, the rest goes on, and the exit code says so", async () => {
    await writeDiskDataset(at("damaged"), 2);
    await writeFile(at("damaged", "imagesTr", "disk5_0000.png"), "not a PNG");
    const run = await runCommand(["predict", "--model", model, "--dataset", at("damaged"), "--out", at("partial")]);
    expect(run.exitCode).toBe(1);
    expect(run.noted).toMatch(/1 of 3 cases failed[\s\S]*disk5/);
    expect(existsSync(at("partial", "disk6.png"))).toBe(true);

    await writeFile(at("damaged", "imagesTr", "disk2_0000.png"), "not a PNG");
    const refined = await runCommand([
      ...["refine", "--model", model, "--dataset", at("damaged"), "--preset", "raw", "--out", at("refined-rest")],
    ]);
    expect(refined.exitCode).toBe(1);
    expect(refined.noted).toMatch(/1 of 2 cases failed[\s\S]*disk2/);
    const report = JSON.parse(await readFile(at("refined-rest", "report.json"), "utf8"));
    expect(report.failures).toMatchObject([{ id: "disk2" }]);
    expect(report.cases.map(({ id }: { id: string }) => id)).toEqual(["disk3"]);
    expect(existsSync(at("refined-rest", "disk3.png"))).toBe(true);
  });

  test("refuses a model of other labels, a wrong digest, an unknown option", async () => {
    await writeDiskDataset(at("other"), 2);
    const description = { channel_names: { 0: "x" }, labels: { background: 0, tooth: 1 }, file_ending: ".png" };
    await writeFile(at("other", "dataset.json"), JSON.stringify(description));
    const other = await runCommand(["predict", "--model", model, "--dataset", at("other"), "--out", at("x")]);
    expect(other.exitCode).toBe(2);
    expect(other.noted).toMatch(/knows Disk.*declares tooth/);

    const broken = await writeThresholdModel(at("broken"));
    await writeFile(at("broken", "model.onnx"), "other bytes");
    const digest = await runCommand(["predict", "--model", broken, "--dataset", at("flat"), "--out", at("x")]);
    expect(digest).toMatchObject({ exitCode: 1 });
    expect(digest.noted).toMatch(/SHA-256/);
    expect((await runCommand(["models", "verify", broken])).exitCode).toBe(1);
    expect((await runCommand(["models", "verify", model])).exitCode).toBe(0);

    expect((await runCommand(["predict", "--modell", model])).exitCode).toBe(2);
    expect((await runCommand(["nonsense"])).exitCode).toBe(2);
  });

  test("an interruption ends the run", async () => {
    const controller = new AbortController();
    controller.abort(new DOMException("stop", "AbortError"));
    const run = await runCommand(
      ["predict", "--model", model, "--dataset", at("flat"), "--out", at("never")],
      controller.signal,
    );
    expect(run).toMatchObject({ exitCode: 1, noted: "Interrupted." });
    expect(existsSync(at("never"))).toBe(false);
  });
});

describe("refine without SAM, then export", () => {
  test("pseudo labels and a report; then an nnU-Net data set with the doubtful masks ignored", async () => {
    const pseudo = at("pseudo");
    const run = await runCommand([
      ...["refine", "--model", model, "--dataset", at("volumes"), "--preset", "raw", "--out", pseudo],
    ]);
    expect(run).toMatchObject({ exitCode: 0, noted: "" });
    const report = JSON.parse(await readFile(join(pseudo, "report.json"), "utf8"));
    expect(report).toMatchObject({ schema: "samrefine-report/1", plan: { id: "raw" }, sam: null, failures: [] });
    expect(report.cases.map(({ id }: { id: string }) => id)).toEqual(["disk2", "disk3"]);
    // Slices 0 and 4 of every case hold no disk.
    expect(report.cases[0].slices.map(({ k }: { k: number }) => k)).toEqual([1, 2, 3]);
    expect(report.cases[0].slices[0].segments[0]).toMatchObject({ number: 1, outcome: "kept-initial" });

    const all = await runCommand([
      ...["export", "--from", pseudo, "--dataset", at("volumes"), "--to", at("Dataset900"), "--ignore-below", "1"],
    ]);
    expect(all).toMatchObject({ exitCode: 0 });
    const made = await openDataset(at("Dataset900"));
    expect(made.ignoreLabel).toBe(2);
    expect(made.allCaseIds).toEqual(["disk1", "disk2", "disk3"]);
    expect(new Set((await made.readLabels("disk1")).slices[2]!)).toEqual(new Set([0, 1]));
    expect(new Set((await made.readLabels("disk2")).slices[2]!)).toEqual(new Set([0, 2]));
    expect(JSON.parse(await readFile(at("Dataset900", "dataset.json"), "utf8")).samrefine_provenance).toMatchObject({
      planId: "raw",
      pseudoLabelledCases: 2,
    });
  });

  test("the same as a Decathlon task, which has no ignore label", async () => {
    const from = [
      "export",
      "--from",
      at("pseudo"),
      "--dataset",
      at("volumes"),
      "--layout",
      "msd",
      "--to",
      at("Task900"),
    ];
    expect(await runCommand(from)).toMatchObject({ exitCode: 0 });
    const task = JSON.parse(await readFile(at("Task900", "dataset.json"), "utf8"));
    expect(task).toMatchObject({ numTraining: 3, labels: { "0": "background", "1": "disk" } });
    for (const { image, label } of task.training) {
      const [picture, labels] = await Promise.all(
        [image, label].map(async (path) => readNifti(await readFile(at("Task900", path))).volume),
      );
      expect(labels?.geometry).toEqual(picture?.geometry);
    }
    expect((await runCommand([...from, "--ignore-below", "0.5"])).noted).toMatch(/no ignore label/);
  });

  test("a label map becomes a seg.nrrd and comes back", async () => {
    const source = at("volumes", "labelsTr", "disk1.nii.gz");
    const to = at("disk1.seg.nrrd");
    expect(await runCommand(["export", "--from", source, "--to", to, "--labels", "Disk"])).toMatchObject({
      exitCode: 0,
    });
    const original = readNifti(await readFile(source)).volume;
    const { geometry, segments } = readSegNrrd(await readFile(to));
    expect(geometry).toEqual(original.geometry);
    expect(segments[0]).toMatchObject({ description: { label: "Disk", number: 1 }, data: original.data });
    const back = at("back.nii.gz");
    expect(await runCommand(["export", "--from", to, "--to", back])).toMatchObject({ exitCode: 0 });
    expect(readNifti(await readFile(back)).volume).toEqual(original);
  });

  test("a label map becomes a plain NRRD and comes back voxel for voxel", async () => {
    const source = at("volumes", "labelsTr", "disk1.nii.gz");
    const to = at("disk1.nrrd");
    expect(await runCommand(["export", "--from", source, "--to", to])).toMatchObject({ exitCode: 0 });
    const original = readNifti(await readFile(source)).volume;
    expect(readNrrd(await readFile(to))).toMatchObject({ geometry: original.geometry, data: original.data });
    const back = at("back-from-nrrd.nii.gz");
    expect(await runCommand(["export", "--from", to, "--to", back])).toMatchObject({ exitCode: 0 });
    expect(readNifti(await readFile(back)).volume).toEqual(original);
  });

  test.each([
    [["refine", "--preset", "raw", "--plan", "x.json"], /--preset or --plan, not both/],
    [["refine", "--preset", "nonsense"], /no preset/i],
  ])("bad usage: %j", async (args, message) => {
    const run = await runCommand([...args, "--model", model, "--dataset", at("flat"), "--out", at("x")]);
    expect(run.exitCode).toBe(2);
    expect(run.noted).toMatch(message);
  });
});
