import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { presetPlan, refinementPresets } from "@samrefine/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDataset, readLabelsFrom } from "../dataset/open-dataset.ts";
import { writeDiskDataset, writeThresholdModel } from "../testing/bright-disks.ts";
import { writeBrightnessSam } from "../testing/brightness-sam.ts";
import { runCommand } from "../testing/run-command.ts";

let root: string;
let model: string;
let sam: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "samrefine-volumes-"));
  model = await writeThresholdModel(at("model"));
  sam = await writeBrightnessSam(at("sam"));
  await writeDiskDataset(at("volumes"), 3);
  await writeDiskDataset(at("flat"), 2);
});
afterAll(() => rm(root, { recursive: true }));
const at = (...parts: readonly string[]): string => join(root, ...parts);
const json = async (path: string) => JSON.parse(await readFile(path, "utf8"));

/** MedSAM's way through the volume without the stop at a low predicted IoU, which this SAM knows nothing of. */
async function writeTrustingPlan(path: string): Promise<void> {
  const { volume, ...plan } = presetPlan("propagate-medsam");
  if (volume?.mode !== "propagate") throw new Error("propagate-medsam does not propagate");
  const stop = { ...volume.stop, minimumPredictedIou: 0 };
  await writeFile(path, JSON.stringify({ ...plan, id: "trusting", volume: { ...volume, stop } }));
}

test("compare runs plans that go through the volume beside others, and a random walker without SAM", async () => {
  await writeTrustingPlan(at("trusting.json"));
  const presets = "raw,scb-rw,ours-propagate,ours-three-planes";
  const run = await runCommand([
    ...["compare", "--dataset", at("volumes"), "--model", model, "--sam", sam, "--presets", presets],
    ...["--plan", at("trusting.json"), "--limit", "1", "--threads", "1", "--out", at("compared")],
  ]);
  expect(run).toMatchObject({ exitCode: 0, noted: "" });
  const { strategies } = await json(at("compared", "comparison.json"));
  const dice = Object.fromEntries(
    strategies.map((s: { plan: { id: string }; overall: { metrics: { dice: { mean: number } } } }) => [
      s.plan.id,
      s.overall.metrics.dice.mean,
    ]),
  );
  // SAM sees the disk on every slice that it is led to, and nothing above and below.
  for (const id of ["raw", "scb-rw", "trusting", "ours-three-planes"]) expect(dice[id], id).toBeGreaterThan(0.9);
  // The median takes the larger middle of three disks for flicker.
  expect(dice["ours-propagate"]).toBeGreaterThan(0.8);
  const walkerAlone = await runCommand([
    ...["compare", "--dataset", at("flat"), "--model", model, "--presets", "raw,scb-rw", "--out", at("walked")],
  ]);
  expect(walkerAlone).toMatchObject({ exitCode: 0, noted: "" });
  expect((await json(at("walked", "comparison.json"))).sam).toBeNull();
});

test("compare runs every preset there is, on images and on volumes", async () => {
  const names = [...refinementPresets.keys()];
  for (const data of ["flat", "volumes"]) {
    const run = await runCommand([
      ...["compare", "--dataset", at(data), "--model", model, "--sam", sam, "--presets", names.join(",")],
      ...["--limit", "1", "--slices-every", "2", "--threads", "1", "--out", at(`all-${data}`)],
    ]);
    expect(run).toMatchObject({ exitCode: 0, noted: "" });
    const { strategies, failures } = await json(at(`all-${data}`, "comparison.json"));
    expect(failures).toEqual([]);
    expect(strategies.map((s: { plan: { id: string } }) => s.plan.id)).toEqual(names);
    for (const { plan, overall } of strategies) expect(overall.metrics.dice.count, plan.id).toBe(1);
  }
});

test("a plan may show SAM crops of the slices: in compare beside plans that share a slice's encoding, and in refine", async () => {
  const encode = { kind: "crop", around: "object", marginFraction: 0.5, minimumSide: 8 };
  await writeFile(at("cropped.json"), JSON.stringify({ ...presetPlan("msd-box"), id: "cropped", encode }));
  const common = ["--dataset", at("volumes"), "--model", model, "--sam", sam, "--threads", "1"];
  const compared = await runCommand([
    ...["compare", ...common, "--presets", "raw,msd-box,ours,scb-agreement", "--plan", at("cropped.json")],
    ...["--limit", "1", "--out", at("compared-crops")],
  ]);
  expect(compared).toMatchObject({ exitCode: 0, noted: "" });
  const { strategies } = await json(at("compared-crops", "comparison.json"));
  const usedBy = Object.fromEntries(
    strategies.map((s: { plan: { id: string }; samUsedFraction: number }) => [s.plan.id, s.samUsedFraction]),
  );
  // The agreement test asks SAM what it thinks of the network's masks and leaves them as they are.
  expect(usedBy).toEqual({ raw: 0, "msd-box": 1, ours: 1, "scb-agreement": 0, cropped: 1 });
  const diceOf = (id: string): number =>
    strategies.find((s: { plan: { id: string } }) => s.plan.id === id).overall.metrics.dice.mean;
  // This SAM answers on 64 x 64 pixels of what it is shown, so that a crop has the finer outline.
  expect(diceOf("cropped")).toBeGreaterThan(diceOf("msd-box"));

  const refined = await runCommand(["refine", ...common, "--plan", at("cropped.json"), "--out", at("cropped")]);
  expect(refined).toMatchObject({ exitCode: 0, noted: "" });
  const report = await json(at("cropped", "report.json"));
  expect(report.plan.encode).toEqual(encode);
  const outcomes = report.cases[0].slices.map(
    ({ segments }: { segments: { outcome: string }[] }) => segments[0]?.outcome,
  );
  expect(outcomes).toEqual(["refined", "refined", "refined"]);
});

test("refine carries masks between slices and reports where, why it stopped and what the plan was", async () => {
  await writeTrustingPlan(at("trusting.json"));
  const run = await runCommand([
    ...["refine", "--dataset", at("volumes"), "--model", model, "--sam", sam, "--plan", at("trusting.json")],
    ...["--threads", "1", "--out", at("carried")],
  ]);
  expect(run).toMatchObject({ exitCode: 0, noted: "" });
  const report = await json(at("carried", "report.json"));
  expect(report.planDigest).toMatch(/^[0-9a-f]{64}$/);
  const [first] = report.cases;
  // The key slice is the middle one; its neighbours' masks are carried over, and the way ends where nothing is bright.
  expect(first.slices.map(({ k, propagated = [] }: { k: number; propagated?: number[] }) => [k, propagated])).toEqual([
    [0, []],
    [1, [1]],
    [2, []],
    [3, [1]],
    [4, []],
  ]);
  expect(first.slices[0].stopped).toEqual({ 1: "not-found" });
  expect(first.propagatedShare).toBeCloseTo(2 / 3, 6);
});

test("prompts of the reference are marked as a simulated annotator's; slices can be left out", async () => {
  const run = await runCommand([
    ...["compare", "--dataset", at("volumes"), "--model", model, "--sam", sam, "--presets", "raw,msd-box"],
    ...["--initial", "reference", "--slices-every", "2", "--limit", "1", "--threads", "1", "--out", at("annotator")],
  ]);
  expect(run).toMatchObject({ exitCode: 0, noted: "" });
  const report = await json(at("annotator", "comparison.json"));
  expect(report).toMatchObject({ initial: "reference", slicesEvery: 2 });
  expect(report.strategies[0].overall.metrics.dice.mean).toBe(1);
  const html = await readFile(at("annotator", "comparison.html"), "utf8");
  expect(html).toContain("upper bounds, not results");
  expect(html).toContain("One of 2 slices");
  expect(report.command).toContain("--initial reference");
});

test("what the plan does not accept is ignored: beside the label map, and in it where the data set has a label for it", async () => {
  const strict = { ...presetPlan("raw"), id: "strict", accept: { minimumQuality: 1 } };
  await writeFile(at("strict.json"), JSON.stringify(strict));
  const refine = (dataset: string, out: string) =>
    runCommand(["refine", "--dataset", at(dataset), "--model", model, "--plan", at("strict.json"), "--out", at(out)]);
  const run = await refine("flat", "ignored");
  expect(run).toMatchObject({ exitCode: 0, noted: "" });
  expect(run.printed).toMatch(/2 cases hold masks that the plan does not accept/);
  const { cases } = await json(at("ignored", "report.json"));
  expect(cases[0]).toMatchObject({ decision: "needs-review" });
  expect(cases[0].slices[0].segments[0].accepted).toBe(false);
  const flat = await openDataset(at("flat"));
  const values = async (dataset: typeof flat, ...path: string[]) =>
    new Set((await readLabelsFrom(dataset, "disk2", at(...path))).slices[0]);
  expect(await values(flat, "ignored", "disk2.png")).toEqual(new Set([0, 1]));
  expect(await values(flat, "ignored", "ignore", "disk2.png")).toEqual(new Set([0, 1]));

  await writeDiskDataset(at("with-ignore"), 2);
  const description = await json(at("with-ignore", "dataset.json"));
  description.labels.ignore = 2;
  await writeFile(at("with-ignore", "dataset.json"), JSON.stringify(description));
  expect(await refine("with-ignore", "ignored-2")).toMatchObject({ exitCode: 0 });
  expect(await values(await openDataset(at("with-ignore")), "ignored-2", "disk2.png")).toEqual(new Set([0, 2]));

  // The data set for training has them as its ignore label, whichever way they came.
  for (const [dataset, from] of [
    ["flat", "ignored"],
    ["with-ignore", "ignored-2"],
  ] as const) {
    const to = at(`Dataset-${from}`);
    const exported = await runCommand(["export", "--dataset", at(dataset), "--from", at(from), "--to", to]);
    expect(exported).toMatchObject({ exitCode: 0, noted: "" });
    expect(exported.printed).not.toContain(" 0 pixels marked");
    const made = await openDataset(to);
    expect(made.ignoreLabel).toBe(2);
    expect(new Set((await made.readLabels("disk2")).slices[0])).toEqual(new Set([0, 2]));
    expect(new Set((await made.readLabels("disk1")).slices[0])).toEqual(new Set([0, 1]));
  }
});
