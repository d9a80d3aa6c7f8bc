import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parsePlan, presetPlan } from "@samrefine/core";
import { parseManifest, type SegmentationManifest } from "@samrefine/models";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeDiskDataset, writeThresholdModel } from "../testing/bright-disks.ts";
import { writeBrightnessSam } from "../testing/brightness-sam.ts";
import { writeRingDataset, writeRingModel } from "../testing/nested-rings.ts";
import { runCommand } from "../testing/run-command.ts";
import { writeSquares } from "../testing/squares.ts";

let root: string;
let model: string;
let sam: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "samrefine-calibrate-"));
  model = await writeThresholdModel(at("model"));
  sam = await writeBrightnessSam(at("sam"));
  await writeDiskDataset(at("flat"), 2);
  await writeDiskDataset(at("volumes"), 3);
});
afterAll(() => rm(root, { recursive: true }));
const at = (...parts: readonly string[]): string => join(root, ...parts);
const json = async (path: string) => JSON.parse(await readFile(path, "utf8"));

/** A copy of the model whose manifest is changed. */
async function variant(name: string, change: Partial<SegmentationManifest>): Promise<string> {
  const path = await writeThresholdModel(at(name));
  await writeFile(path, JSON.stringify({ ...(await json(path)), ...change }));
  return path;
}

const calibrate = (dataset: string, manifest: string, ...args: readonly string[]) =>
  runCommand([
    ...["calibrate", "--dataset", at(dataset), "--model", manifest, "--threads", "1"],
    ...["--out", at("plan.json"), ...args],
  ]);

describe("calibrate", () => {
  test("tries the menu, keeps SAM off where it does not help, and leaves its evidence in plan, manifest and card", async () => {
    const own = await variant("own", {});
    const contrary = await writeBrightnessSam(at("contrary"), "darker");
    const run = await calibrate("flat", own, "--sam", contrary, "--write", "--card", "--json", at("run.json"));
    expect(run).toMatchObject({ exitCode: 0, noted: "" });
    const plan = parsePlan(await json(at("plan.json")));
    // Disks on the coarse grid of this network: several looks at them smooth their borders.
    expect(plan.id).toBe("raw-augmented");
    expect(plan.evidence).toMatchObject({
      dataset: "flat",
      cases: ["disk4", "disk5", "disk6"],
      model: "threshold 1.0.0",
    });
    expect(plan.evidence?.arms.map((arm) => arm.plan)).toEqual([
      ...["raw", "cleanup", "cleanup-all", "cleanup-solid", "raw-flipped", "raw-augmented", "cleanup-augmented"],
      ...["ours", "ours-largest", "ours-components", "ours-box", "ours-small", "ours-flipped"],
      ...["ours-augmented", "ours-largest-augmented", "ours-largest-twice"],
    ]);
    expect(plan.evidence?.summary).toMatch(/^SAM refinement is off for this model: on 3 validation images/);
    expect(run.printed).toContain(plan.evidence?.summary);
    expect(plan.evidence?.command).toMatch(
      /^samrefine calibrate --dataset flat .* --presets raw,cleanup,\S*,ours-largest-twice /,
    );
    expect((parseManifest(await json(own), own) as SegmentationManifest).plan).toEqual(plan);
    expect(await readFile(join(dirname(own), "README.md"), "utf8")).toContain(plan.evidence?.summary);

    // The arms are what compare measures by the same plans.
    await runCommand([
      ...["compare", "--dataset", at("flat"), "--model", own, "--sam", contrary, "--presets", "raw,ours"],
      ...["--threads", "1", "--out", at("compared")],
    ]);
    const compared = await json(at("compared", "comparison.json"));
    for (const strategy of compared.strategies) {
      const arm = plan.evidence?.arms.find((entry) => entry.plan === strategy.plan.id);
      expect(arm?.dice).toBeCloseTo(strategy.overall.metrics.dice.mean, 5);
    }
  });

  test("SAM is taken where it wins, and refine uses the plan without being told", async () => {
    // To this network much of every disk is too dark; this SAM sees the whole disk.
    const timid = await variant("timid", {
      intensity: { kind: "fixed", scale: 255, mean: 0.3, standardDeviation: 1 },
    });
    await writeFile(at("sam-alone.json"), JSON.stringify({ ...presetPlan("msd-box"), id: "sam-alone" }));
    const run = await calibrate(
      "flat",
      timid,
      "--presets",
      "raw",
      "--plan",
      at("sam-alone.json"),
      "--sam",
      sam,
      "--write",
    );
    expect(run).toMatchObject({ exitCode: 0, noted: "" });
    const plan = parsePlan(await json(at("plan.json")));
    expect(plan.id).toBe("sam-alone");
    expect(plan.evidence?.summary).toMatch(/^SAM refinement \(sam-alone\) is on for this model/);
    const refined = await runCommand([
      ...["refine", "--dataset", at("flat"), "--model", timid, "--sam", sam, "--cases", "val", "--out", at("refined")],
    ]);
    expect(refined).toMatchObject({ exitCode: 0 });
    expect(refined.printed).toContain(plan.evidence?.summary);
    expect((await json(at("refined", "report.json"))).plan.id).toBe("sam-alone");
  });

  test("one of so many slices of a volume", async () => {
    const run = await calibrate("volumes", model, "--presets", "raw,cleanup", "--slices-every", "2", "--limit", "2");
    expect(run).toMatchObject({ exitCode: 0, noted: "" });
    const { evidence } = parsePlan(await json(at("plan.json")));
    expect(evidence?.cases).toEqual(["disk4", "disk5"]);
    expect(evidence?.summary).toBe(
      "SAM refinement was not tried for this model: on 2 validation volumes (one of 2 slices) only plans without it were compared. The network's own masks are used.",
    );
  });

  test("labelled cases only by networks that have not seen them", async () => {
    const silent = await calibrate("flat", model, "--presets", "raw", "--cases", "labeled");
    expect(silent.exitCode).toBe(2);
    expect(silent.noted).toMatch(/does not say which cases it was trained on/);
    const trained = await variant("trained", { trainedOn: ["disk1"] });
    const refused = await calibrate("flat", trained, "--presets", "raw", "--cases", "labeled");
    expect(refused.exitCode).toBe(2);
    expect(refused.noted).toMatch(/was trained on 1 of the 1 cases \(disk1\)/);
    const fold = await variant("fold", { id: "fold", trainedOn: [] });
    const run = await calibrate("flat", trained, "--presets", "raw", "--cases", "labeled", "--fold", fold);
    expect(run).toMatchObject({ exitCode: 0, noted: "" });
  });

  test("finds a ring in the labelled cases, and takes the plan for rings where it wins", async () => {
    await writeRingDataset(at("rings"));
    const own = await writeRingModel(at("ring-model"));
    const run = await calibrate("rings", own, "--sam", sam, "--json", at("rings.json"));
    expect(run).toMatchObject({ exitCode: 0, noted: "" });
    const plan = parsePlan(await json(at("plan.json")));
    expect(plan).toMatchObject({ id: "ours-rings", rings: [{ ring: 1, inner: 2 }] });
    // SAM sees ring and content as one: only cutting the content out of its answer mends the wall.
    const dice = new Map(plan.evidence?.arms.map((arm) => [arm.plan, arm.dice]));
    expect(dice.get("ours-rings")).toBeGreaterThan(0.97);
    for (const [name, value] of dice) if (name !== "ours-rings") expect(value).toBeLessThan(0.93);
    expect(plan.evidence?.command).toContain("ours-rings");
  });

  test("trains the networks of the folds as the model was trained, once", async () => {
    await writeSquares(at("squares"));
    const shape = ["--grid", "32x32", "--model-size", "2", "--levels", "2", "--batch", "1", "--threads", "1"];
    const training = [...["train", "--dataset", at("squares"), ...shape], "--steps", "3", "--out", at("whole")];
    expect(await runCommand(training)).toMatchObject({ exitCode: 0 });
    const own = join(at("whole"), "manifest.json");
    const folds = ["--folds", "2", "--fold-runs", at("runs"), "--presets", "raw,cleanup"];
    const run = await calibrate("squares", own, ...folds);
    expect(run).toMatchObject({ exitCode: 0, noted: "" });
    const { evidence } = parsePlan(await json(at("plan.json")));
    expect(evidence?.cases).toEqual(["a", "b", "d"]);
    expect(evidence?.summary).toContain("on 2 labelled (2 folds) and 1 validation images");
    expect(evidence?.command).toContain("--folds 2 ");
    const record = (fold: string) => json(at("runs", fold, "metrics.json"));
    const [first, second] = [await record("fold-1-of-2"), await record("fold-2-of-2")];
    expect([first.trainingCases, second.trainingCases]).toEqual([["b"], ["a"]]);
    const whole = await json(at("whole", "metrics.json"));
    expect(first.configuration).toEqual(whole.configuration);
    expect(first.losses).toHaveLength(3);

    // What is finished is not trained again; of other cases it is refused.
    const { mtimeMs } = await stat(at("runs", "fold-1-of-2", "checkpoint.bin"));
    expect(await calibrate("squares", own, ...folds)).toMatchObject({ exitCode: 0 });
    expect((await stat(at("runs", "fold-1-of-2", "checkpoint.bin"))).mtimeMs).toBe(mtimeMs);
    await writeFile(at("other.json"), JSON.stringify({ labeled: ["a", "c"], unlabeled: [], val: ["d"] }));
    const other = await calibrate("squares", own, ...folds, "--split", at("other.json"));
    expect(other.exitCode).not.toBe(0);
    expect(other.noted).toMatch(/is of a run with other cases/);
    const silent = await calibrate("flat", model, "--folds", "2");
    expect(silent.noted).toMatch(/How the model was trained cannot be read from .*--metrics/s);
  });

  test("a damaged case is reported and the manifest is left alone", async () => {
    await writeDiskDataset(at("damaged"), 2);
    await writeFile(at("damaged", "imagesTr", "disk5_0000.png"), "not a PNG");
    const own = await variant("left-alone", {});
    const run = await calibrate("damaged", own, "--presets", "raw", "--write");
    expect(run.exitCode).toBe(1);
    expect(run.noted).toMatch(/left as it was[\s\S]*1 of 3 cases failed[\s\S]*disk5/);
    expect(await json(own)).not.toHaveProperty("plan");
  });

  test.each([
    [["--presets", "ours,raw"], /begins with ours/],
    [["--presets", "menu,raw"], /raw is on the menu twice/],
    [["--presets", "raw,best"], /best/],
    [["--ring", "2:2"], /Two different segment numbers/],
    [["--cases", "unlabeled"], /Allowed choices/],
  ])("bad usage: %j", async (args, message) => {
    const run = await calibrate("flat", model, ...args);
    expect(run.exitCode).toBe(2);
    expect(run.noted).toMatch(message);
  });
});
