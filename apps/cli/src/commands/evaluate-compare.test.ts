import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { presetPlan } from "@samrefine/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeDiskDataset, writeThresholdModel } from "../testing/bright-disks.ts";
import { writeBrightnessSam } from "../testing/brightness-sam.ts";
import { runCommand } from "../testing/run-command.ts";

let root: string;
let model: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "samrefine-compare-"));
  model = await writeThresholdModel(join(root, "model"));
  await writeDiskDataset(join(root, "volumes"), 3);
});
afterAll(() => rm(root, { recursive: true }));
const at = (...parts: readonly string[]): string => join(root, ...parts);
const json = async (path: string) => JSON.parse(await readFile(path, "utf8"));

test("evaluating the reference against itself is perfect, in JSON, CSV and HTML", async () => {
  const run = await runCommand([
    ...["evaluate", "--dataset", at("volumes"), "--pred", at("volumes", "labelsTr"), "--out", at("self")],
  ]);
  expect(run).toMatchObject({ exitCode: 0, noted: "" });
  const report = await json(at("self", "evaluation.json"));
  expect(report.summary).toHaveLength(1);
  expect(report.summary[0].metrics).toMatchObject({
    dice: { mean: 1, count: 3 },
    hd95: { mean: 0 },
    assd: { mean: 0 },
  });
  expect(report.scores[0].metrics.distanceUnit).toBe("mm");
  const csv = (await readFile(at("self", "evaluation.csv"), "utf8")).trim().split("\r\n");
  expect(csv).toHaveLength(4);
  expect(csv[1]).toMatch(/^disk4,disk,scored,1,1,0,0,/);
  const html = await readFile(at("self", "evaluation.html"), "utf8");
  expect(html).toContain("Research use only");
  expect(html).not.toMatch(/<script|https?:\/\//);
});

test("distances in millimetres, or in voxels where papers are compared with", async () => {
  await runCommand(["predict", "--model", model, "--dataset", at("volumes"), "--out", at("shown")]);
  const evaluate = async (...options: readonly string[]) => {
    const out = at(`units${options.length}`);
    await runCommand(["evaluate", "--dataset", at("volumes"), "--pred", at("shown"), "--out", out, ...options]);
    return (await json(join(out, "evaluation.json"))).scores[0].metrics;
  };
  const [inMm, inVoxels] = [await evaluate(), await evaluate("--voxel-units")];
  expect(inMm).toMatchObject({ distanceUnit: "mm", dice: inVoxels.dice });
  expect(inVoxels.distanceUnit).toBe("voxel");
  // Slices are 1.5 x 1.5 mm, 4 mm apart, and the borders differ within slices only.
  expect(inVoxels.assd).toBeGreaterThan(0);
  expect(inMm.assd).toBeCloseTo(1.5 * inVoxels.assd, 4);
  // A tolerance of one voxel's side in millimetres is one of one voxel.
  const tolerant = await evaluate("--surface-tolerance", "1.5");
  expect(tolerant.surfaceDice).toBe(inVoxels.surfaceDice);
  expect(tolerant.surfaceDice).toBeGreaterThan(inMm.surfaceDice);
  const page = await readFile(at("units2", "evaluation.html"), "utf8");
  expect(page).toContain("surface Dice % at 1.5 mm");
});

test("a tolerance that is no distance is a wrong command line", async () => {
  const run = await runCommand([
    ...["evaluate", "--dataset", at("volumes"), "--pred", at("volumes", "labelsTr"), "--out", at("never")],
    ...["--surface-tolerance", "near"],
  ]);
  expect(run).toMatchObject({ exitCode: 2, noted: expect.stringContaining("A distance of at least 0") });
});

test("a missing and an oversized prediction are reported; the others are measured", async () => {
  await runCommand(["predict", "--model", model, "--dataset", at("volumes"), "--out", at("predicted")]);
  await rm(at("predicted", "disk4.nii.gz"));
  await writeFile(at("predicted", "disk5.nii.gz"), await readFile(at("predicted", "disk6.nii.gz")));
  const run = await runCommand([
    ...["evaluate", "--dataset", at("volumes"), "--pred", at("predicted"), "--out", at("partial")],
  ]);
  expect(run.exitCode).toBe(1);
  expect(run.noted).toMatch(/2 of 3 cases failed[\s\S]*disk4[\s\S]*disk5/);
  expect((await json(at("partial", "evaluation.json"))).summary[0].metrics.dice.count).toBe(1);
});

test("compare reports damaged cases, in the page as well, and compares the others", async () => {
  await writeDiskDataset(at("damaged"), 2);
  await writeFile(at("damaged", "imagesTr", "disk4_0000.png"), "not a PNG");
  await rm(at("damaged", "labelsTr", "disk6.png"));
  const run = await runCommand([
    ...["compare", "--model", model, "--dataset", at("damaged"), "--presets", "raw,cleanup", "--out", at("rest")],
  ]);
  expect(run.exitCode).toBe(1);
  expect(run.noted).toMatch(/2 of 3 cases failed[\s\S]*disk4[\s\S]*disk6/);
  const { cases, failures, strategies } = await json(at("rest", "comparison.json"));
  expect(failures.map(({ id }: { id: string }) => id)).toEqual(["disk4", "disk6"]);
  expect(cases.map(({ caseId, planId }: { caseId: string; planId: string }) => [caseId, planId])).toEqual([
    ["disk5", "raw"],
    ["disk5", "cleanup"],
  ]);
  expect(strategies[0].overall.metrics.dice.count).toBe(1);
});

test("paths that are not there are one sentence and the code of a wrong command line", async () => {
  const dataset = ["--dataset", at("volumes")];
  const out = ["--out", at("nowhere")];
  const noPredictions = await runCommand(["evaluate", ...dataset, "--pred", at("nope"), ...out]);
  expect(noPredictions.exitCode).toBe(2);
  expect(noPredictions.noted).toMatch(/^Error: The folder .*nope cannot be listed: .*\nGive the folder .*--pred\.$/);
  const others = await runCommand(["evaluate", ...dataset, "--pred", root, ...out]);
  expect(others).toMatchObject({ exitCode: 2, printed: "" });
  expect(others.noted).toContain("holds no label map of the 3 cases, such as disk4.nii.gz");
  for (const args of [
    ["--model", model, "--dataset", at("nope")],
    ["--model", at("nope", "manifest.json"), ...dataset],
    ["--model", model, ...dataset, "--split", at("nope.json")],
  ]) {
    const run = await runCommand(["compare", "--presets", "raw", ...args, ...out]);
    expect(run.exitCode).toBe(2);
    expect(run.noted).toMatch(/nope.* cannot be read/);
  }
});

test("masks that the plan's rule accepts are counted, with volume error and estimate, in JSON and CSV", async () => {
  const plan = { ...presetPlan("cleanup"), id: "strict", accept: { minimumQuality: 1 } };
  await writeFile(at("strict.json"), JSON.stringify(plan));
  const run = await runCommand([
    ...["compare", "--model", model, "--dataset", at("volumes"), "--presets", "raw", "--plan", at("strict.json")],
    ...["--limit", "1", "--out", at("judged")],
  ]);
  expect(run.exitCode).toBe(0);
  const { strategies, cases } = await json(at("judged", "comparison.json"));
  expect(strategies.map((strategy: { acceptedFraction: number }) => strategy.acceptedFraction)).toEqual([null, 0]);
  expect(strategies[1].quality.meanEstimated).toBeLessThan(1);
  expect(strategies[1].overall.metrics.relativeVolumeError.mean).toBeCloseTo(
    cases[1].scores[0].metrics.relativeVolumeError,
  );
  const [head = "", , strict = ""] = (await readFile(at("judged", "comparison.csv"), "utf8")).split("\r\n");
  const cell = (name: string) => strict.split(",")[head.split(",").indexOf(name)];
  expect([cell("strategy"), cell("case_kept_masks"), cell("case_accepted_masks")]).toEqual(["strict", "3", "0"]);
  expect(Number(cell("case_mean_estimated_dice"))).toBeCloseTo(strategies[1].quality.meanEstimated);
  expect(cell("relative_volume_error")).not.toBe("");
});

test("compare raw gives what predict and evaluate give, and pairs the strategies", async () => {
  await runCommand(["predict", "--model", model, "--dataset", at("volumes"), "--out", at("again")]);
  await runCommand(["evaluate", "--dataset", at("volumes"), "--pred", at("again"), "--out", at("measured")]);
  const run = await runCommand([
    ...["compare", "--model", model, "--dataset", at("volumes"), "--presets", "raw,cleanup", "--out", at("compared")],
    "--card",
  ]);
  expect(run).toMatchObject({ exitCode: 0, noted: "" });
  const report = await json(at("compared", "comparison.json"));
  const measured = await json(at("measured", "evaluation.json"));
  expect(report.strategies[0].overall).toEqual(measured.summary[0]);
  expect(report.sam).toBeNull();
  // The network finds one disk per slice, so that cleaning changes nothing.
  expect(report.strategies[1]).toMatchObject({
    plan: { id: "cleanup" },
    ...{ samUsedFraction: 0, acceptedFraction: null, masks: { refined: 0, kept: 9, skipped: 0, absent: 6 } },
    difference: { meanDifference: 0, equal: 3, adjustedPValue: 1 },
  });
  expect(report.strategies[0].quality).toMatchObject({ masks: 9, spearman: null });
  expect(report.command).not.toContain(root);
  expect(existsSync(at("compared", "pictures", "disk4-cleanup.png"))).toBe(true);
  const page = await readFile(at("compared", "comparison.html"), "utf8");
  expect(page.match(/data:image\/webp/g)).toHaveLength(6);
  expect(page.match(/<details class="strategy" open>/g)).toHaveLength(2);
  const card = await readFile(at("model", "README.md"), "utf8");
  expect(card).toMatch(/measured:start[\s\S]*\| cleanup \|[\s\S]*samrefine compare[\s\S]*measured:end/);
});

test("the page of many strategies folds each one's pictures away", async () => {
  const presets =
    "raw,cleanup,cleanup-all,cleanup-solid,raw-flipped,raw-augmented,cleanup-augmented,scb-rw,scb-rw-asRun";
  const run = await runCommand([
    ...["compare", "--model", model, "--dataset", at("volumes"), "--presets", presets, "--limit", "1"],
    ...["--out", at("many")],
  ]);
  expect(run).toMatchObject({ exitCode: 0, noted: "" });
  const page = await readFile(at("many", "comparison.html"), "utf8");
  const folded = [
    ...page.matchAll(/<details class="strategy"><summary>(\S+) <span[^<]*<\/span><\/summary>\n<figure>/g),
  ];
  expect(folded.map(([, name]) => name)).toEqual(presets.split(","));
});

test("a narrow terminal shows what strategies are judged by and names the columns that stand in the files", async () => {
  const words = ["compare", "--model", model, "--dataset", at("volumes"), "--presets", "raw,cleanup", "--limit", "1"];
  const { printed } = await runCommand([...words, "--out", at("narrow")], undefined, 80);
  expect(printed).toMatch(/^strategy +Dice % +Δ Dice to raw +p \(Bonferroni\) +s per case/);
  expect(printed).toMatch(/more columns in the files: .*HD95 mm, ASSD mm\./);
  for (const line of printed.split("\n").slice(0, 4)) expect(line.length).toBeLessThanOrEqual(80);
});

test("compare runs the plan that a trial chose for the model, and others of a trial's menu", async () => {
  const chosen = join(at("chosen"), "manifest.json");
  await writeThresholdModel(at("chosen"));
  const plan = { ...presetPlan("cleanup"), id: "by-trial" };
  await writeFile(chosen, JSON.stringify({ ...(await json(chosen)), plan }));
  const run = await runCommand([
    ...["compare", "--model", chosen, "--dataset", at("volumes"), "--presets", "raw,raw-augmented,model"],
    ...["--limit", "1", "--out", at("of-model")],
  ]);
  expect(run).toMatchObject({ exitCode: 0, noted: "" });
  const { strategies } = await json(at("of-model", "comparison.json"));
  expect(strategies.map((strategy: { plan: { id: string } }) => strategy.plan.id)).toEqual([
    ...["raw", "raw-augmented", "by-trial"],
  ]);
});

test("variants of a plan are strategies of their own, with pictures of their own", async () => {
  const variants = ['cleanup:cleanUp[0]={"kind":"fill-holes"}', "cleanup:fallback=raw,cleaned"];
  const run = await runCommand([
    ...["compare", "--model", model, "--dataset", at("volumes"), "--presets", "raw,cleanup", "--limit", "1"],
    ...[...variants.flatMap((axis) => ["--vary", axis]), "--out", at("varied")],
  ]);
  expect(run).toMatchObject({ exitCode: 0, noted: "" });
  const report = await json(at("varied", "comparison.json"));
  expect(report.strategies.map((strategy: { plan: { id: string } }) => strategy.plan.id)).toEqual([
    ...["raw", "cleanup", 'cleanup cleanUp[0]={"kind":"fill-holes"} fallback=raw'],
    'cleanup cleanUp[0]={"kind":"fill-holes"} fallback=cleaned',
  ]);
  const pictures = report.cases.map(({ picture }: { picture: string }) => picture);
  expect(new Set(pictures).size).toBe(4);
  for (const picture of pictures) {
    expect(picture).toMatch(/^pictures\/[\w.=-]+\.png$/);
    expect(existsSync(at("varied", picture))).toBe(true);
  }
  expect(report.command).toContain(`--vary 'cleanup:fallback="raw","cleaned"'`);
});

test("a plan that the SAM cannot run is named before any case, and once", async () => {
  const sam = await writeBrightnessSam(at("boxes-only"));
  await writeFile(sam, JSON.stringify({ ...(await json(sam)), prompts: ["box"] }));
  const compare = (presets: string) =>
    runCommand([
      ...["compare", "--model", model, "--sam", sam, "--dataset", at("volumes"), "--presets", presets],
      ...["--limit", "1", "--threads", "1", "--out", at("boxes")],
    ]);
  const refused = await compare("raw,ours");
  expect(refused.exitCode).not.toBe(0);
  expect(refused.noted.match(/does not understand/g)).toHaveLength(1);
  expect(refused.noted).toMatch(/plan ours, passes\[0\]/);
  expect(existsSync(at("boxes"))).toBe(false);
  expect(await compare("raw,ours-box")).toMatchObject({ exitCode: 0, noted: "" });
});

test.each([
  [["--presets", "raw,model"], /names no plan/],
  [["--presets", "raw,nonsense"], /nonsense/],
  [["--presets", "raw,raw"], /raw is given twice/],
  [[], /at least one strategy/],
])("bad usage: %j", async (args, message) => {
  const run = await runCommand(["compare", "--model", model, "--dataset", at("volumes"), "--out", at("x"), ...args]);
  expect(run.exitCode).toBe(2);
  expect(run.noted).toMatch(message);
});
