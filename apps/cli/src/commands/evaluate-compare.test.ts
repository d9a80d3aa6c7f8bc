import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { presetPlan } from "@samrefine/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeDiskDataset, writeThresholdModel } from "../testing/bright-disks.ts";
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
  expect((await readFile(at("compared", "comparison.html"), "utf8")).match(/data:image\/png/g)).toHaveLength(6);
  const card = await readFile(at("model", "README.md"), "utf8");
  expect(card).toMatch(/measured:start[\s\S]*\| cleanup \|[\s\S]*samrefine compare[\s\S]*measured:end/);
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
