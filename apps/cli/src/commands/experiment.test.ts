import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeDiskDataset } from "../testing/bright-disks.ts";
import { writeBrightnessSam } from "../testing/brightness-sam.ts";
import { runCommand } from "../testing/run-command.ts";

let folder: string;
let words: readonly string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "samrefine-burden-"));
  await writeDiskDataset(join(folder, "disks"), 2);
  const sam = await writeBrightnessSam(join(folder, "sam"));
  words = [
    ...["--dataset", join(folder, "disks"), "--sam", sam, "--grid", "48x64", "--model-size", "4", "--levels", "3"],
    ...["--batch", "1", "--learning-rate", "0.01", "--augment", "none", "--threads", "1"],
  ];
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("burden trains three times with equal steps and measures raw against refined pseudo labels", async () => {
  const out = join(folder, "burden");
  const { exitCode, printed, noted } = await runCommand([
    ...["experiment", "burden", ...words, "--steps", "30", "--preset", "msd-points-1", "--out", out],
  ]);
  expect(noted).toBe("");
  expect(exitCode).toBe(0);
  const report = JSON.parse(await readFile(join(out, "burden.json"), "utf8"));
  expect(report.arms).toMatchObject([
    { name: "initial", trainingCases: 1, steps: 30 },
    { name: "fresh, raw pseudo labels", trainingCases: 2, steps: 30 },
    { name: "fresh, refined pseudo labels", trainingCases: 2, steps: 30 },
  ]);
  for (const { scores } of report.arms) {
    expect(scores).toHaveLength(3);
    for (const { metrics } of scores) expect(metrics.dice).toBeGreaterThan(0.5);
  }
  expect(report.difference).toMatchObject({ count: 3, candidate: "fresh, refined pseudo labels" });
  // The refined pseudo labels are SAM's and differ from the network's own.
  const [raw, refined] = await Promise.all(
    ["pseudo-raw", "pseudo-refined"].map((part) => readFile(join(out, part, "disk2.png"))),
  );
  expect(refined).not.toEqual(raw);
  expect(printed).toContain("Research use only");
}, 60_000);

test("recipes compares the arms, and does not run again what is done", async () => {
  const out = join(folder, "recipes");
  const command = [
    ...["experiment", "recipes", ...words, "--steps", "30", "--unlabeled", "1", "--unlabeled-batch", "1"],
    ...["--recipes", "burden,mean-teacher,samatch", "--preset", "msd-points-1", "--out", out],
  ];
  const first = await runCommand(command);
  expect(first.noted).toBe("");
  expect(first.exitCode).toBe(0);
  const report = JSON.parse(await readFile(join(out, "recipes.json"), "utf8"));
  const [study] = report.studies;
  expect(study).toMatchObject({ labeledCases: 1, unlabeledCases: 1, failures: [] });
  expect(study.arms.map(({ name }: { name: string }) => name)).toEqual([
    "supervised",
    "burden",
    "mean-teacher",
    "samatch",
  ]);
  for (const arm of study.arms) {
    expect(arm).toMatchObject({ steps: 30, trainingCases: 1 });
    expect(arm.scores).toHaveLength(3);
  }
  expect(await readFile(join(out, "recipes.md"), "utf8")).toMatch(/\| samatch \| \d+\.\d/);
  // SAM encoded the one unlabelled slice once, for burden and for samatch.
  expect(await readdir(join(out, "embeddings"))).toHaveLength(1);

  const model = join(out, "disks", "samatch", "model.onnx");
  const { mtimeMs } = await stat(model);
  const second = await runCommand(command);
  expect(second.exitCode).toBe(0);
  expect((await stat(model)).mtimeMs).toBe(mtimeMs);
  const other = await runCommand(command.map((word) => (word === "30" ? "20" : word)));
  expect(other.noted).toMatch(/made with other options/);
}, 60_000);

test("train takes burden as a recipe, whose last training is the run", async () => {
  const out = join(folder, "train-burden");
  const command = ["train", ...words, "--recipe", "burden", "--preset", "msd-points-1", "--steps", "4", "--out", out];
  const { exitCode, noted } = await runCommand(command);
  expect(noted).toBe("");
  expect(exitCode).toBe(0);
  const manifest = JSON.parse(await readFile(join(out, "manifest.json"), "utf8"));
  expect(manifest).toMatchObject({ id: "train-burden", trainedOn: ["disk2", "disk3"] });
  expect(await readdir(join(out, "pseudo-labels"))).toContain("disk2.png");
  const initial = JSON.parse(await readFile(join(out, "initial", "metrics.json"), "utf8"));
  expect(initial.configuration.recipe).toBe("supervised");
  // Resumed when it is done, it makes no label anew.
  const { mtimeMs } = await stat(join(out, "pseudo-labels", "disk2.png"));
  expect((await runCommand([...command, "--resume"])).exitCode).toBe(0);
  expect((await stat(join(out, "pseudo-labels", "disk2.png"))).mtimeMs).toBe(mtimeMs);
}, 60_000);

test("msd trains on SAM's labels of the labelled cases and on their reference, and compares", async () => {
  const out = join(folder, "msd");
  const { exitCode, noted, printed } = await runCommand(["experiment", "msd", ...words, "--steps", "30", "--out", out]);
  expect(noted).toBe("");
  expect(exitCode).toBe(0);
  const report = JSON.parse(await readFile(join(out, "msd.json"), "utf8"));
  expect(report).toMatchObject({ plan: "msd-box", prompts: "simulated from the reference" });
  expect(report.arms).toMatchObject([
    { name: "reference labels", trainingCases: 1, steps: 30 },
    { name: "SAM's labels", trainingCases: 1, steps: 30 },
  ]);
  expect(report.labels[0].metrics.dice.mean).toBeGreaterThan(0.8);
  // Only the training case was prompted, none that is measured.
  expect(await readdir(join(out, "sam-labels"))).toEqual(["disk1.png"]);
  expect(printed).toContain("against on the reference");
}, 60_000);

test.each([
  ["semisam", ["supervised", "mean-teacher", "semisam"]],
  ["samatch", ["supervised", "fixmatch", "samatch"]],
])(
  "%s puts its host and the labels alone beside it",
  async (name, arms) => {
    const out = join(folder, `experiment-${name}`);
    const { exitCode } = await runCommand([
      ...["experiment", name, ...words, "--steps", "2", "--unlabeled", "1", "--unlabeled-batch", "1", "--out", out],
    ]);
    expect(exitCode).toBe(0);
    const report = JSON.parse(await readFile(join(out, "recipes.json"), "utf8"));
    expect(report.studies[0].arms.map((arm: { name: string }) => arm.name)).toEqual(arms);
  },
  60_000,
);

test("samatch trains with the given SAM and plan", async () => {
  const out = join(folder, "samatch");
  const { exitCode } = await runCommand([
    ...["train", ...words, "--recipe", "samatch", "--preset", "msd-box", "--steps", "3", "--out", out],
  ]);
  expect(exitCode).toBe(0);
  const metrics = JSON.parse(await readFile(join(out, "metrics.json"), "utf8"));
  expect(metrics.configuration.guidance.plan.id).toBe("msd-box");
  expect(metrics.losses).toHaveLength(3);
}, 60_000);

test.each([
  [["experiment", "burden", "--preset", "ours", "--plan", "plan.json"], /not both/],
  [["train", "--preset", "ours"], /does not ask SAM/],
  [["experiment", "burden", "--cases", "test"], /no "test" case/],
  [["experiment", "recipes", "--profile", "paper"], /must not/],
  [["experiment", "msd", "--preset", "magic"], /magic/],
  [["experiment", "recipes", "--recipes", "magic"], /no arm "magic"/],
  [["experiment", "recipes", "--unlabeled", "1", "--unlabeled", "2"], /given 2 times for 1 data sets/],
])("refuses %j", async (given, reason) => {
  const { exitCode, noted } = await runCommand([...given, ...words, "--out", join(folder, "refused")]);
  expect(exitCode).not.toBe(0);
  expect(noted).toMatch(reason);
});
