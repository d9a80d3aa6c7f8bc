// Images that no one draws on purpose and every large collection holds: nothing of them ends a run, and no metric is NaN.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeThresholdModel } from "../testing/bright-disks.ts";
import { writeBrightnessSam } from "../testing/brightness-sam.ts";
import { runCommand } from "../testing/run-command.ts";

let root: string;
const at = (...parts: readonly string[]): string => join(root, ...parts);

interface OddImage {
  readonly columns: number;
  readonly rows: number;
  /** Share of the largest value, 0 to 1, per pixel. */
  readonly brightness: (x: number, y: number) => number;
  /** The reference: where the image is bright, unless something else is said. */
  readonly isLabeled?: (x: number, y: number) => boolean;
  readonly bits?: 16;
}

const bar = (position: number, from: number, to: number): number => (position >= from && position < to ? 0.8 : 0.1);

const images: Readonly<Record<string, OddImage>> = {
  row: { columns: 60, rows: 1, brightness: (x) => bar(x, 20, 40) },
  column: { columns: 1, rows: 60, brightness: (_, y) => bar(y, 20, 40) },
  pixel: { columns: 1, rows: 1, brightness: () => 0.8 },
  speck: { columns: 64, rows: 48, brightness: (x, y) => (x === 30 && y === 20 ? 0.9 : 0.1) },
  deep: { columns: 50, rows: 40, brightness: (x, y) => Math.min(bar(x, 10, 30), bar(y, 10, 30)), bits: 16 },
  full: { columns: 40, rows: 40, brightness: () => 0.9 },
  black: { columns: 40, rows: 40, brightness: () => 0 },
  missed: { columns: 40, rows: 40, brightness: () => 0.1, isLabeled: (x) => x < 10 },
};

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "samrefine-odd-"));
  for (const part of ["imagesTr", "labelsTr"]) await mkdir(at("odd", part), { recursive: true });
  const ids = Object.keys(images);
  await writeFile(
    at("odd", "dataset.json"),
    JSON.stringify({ channel_names: { 0: "radiograph" }, labels: { background: 0, disk: 1 }, file_ending: ".png" }),
  );
  await writeFile(at("odd", "split.json"), JSON.stringify({ val: ids }));
  for (const [id, { columns, rows, brightness, isLabeled, bits }] of Object.entries(images)) {
    const shares = Array.from({ length: columns * rows }, (_, i) => brightness(i % columns, Math.floor(i / columns)));
    const raw = { width: columns, height: rows, channels: 1 as const };
    const data =
      bits === 16 ? Uint16Array.from(shares, (p) => p * 255) : Uint8Array.from(shares, (p) => Math.round(p * 255));
    await sharp(data, { raw })
      .toColourspace(bits === 16 ? "grey16" : "b-w")
      .png()
      .toFile(at("odd", "imagesTr", `${id}_0000.png`));
    const labels = Uint8Array.from(shares, (p, i) =>
      Number(isLabeled?.(i % columns, Math.floor(i / columns)) ?? p > 0.5),
    );
    await sharp(labels, { raw })
      .toColourspace("b-w")
      .png()
      .toFile(at("odd", "labelsTr", `${id}.png`));
  }
});
afterAll(() => rm(root, { recursive: true }));

// One of each kind of plan; `refine.test.ts` of the core puts every preset through small grids of any shape.
const presets = ["raw", "scb-asRun", "scb-rw", "semisam-paper", "msd-box", "ours-components-zoomed"];

test("plans of every kind go through all of them, and what does not exist is null", async () => {
  const model = await writeThresholdModel(at("model"));
  const sam = await writeBrightnessSam(at("sam"));
  const run = await runCommand([
    ...["compare", "--dataset", at("odd"), "--model", model, "--sam", sam, "--presets", presets.join(",")],
    ...["--threads", "1", "--out", at("compared")],
  ]);
  expect(run).toMatchObject({ exitCode: 0, noted: "" });
  const text = await readFile(at("compared", "comparison.json"), "utf8");
  const report = JSON.parse(text);
  expect(report.failures).toEqual([]);
  expect(report.cases).toHaveLength(presets.length * Object.keys(images).length);
  const scoreOf = (caseId: string, planId: string) =>
    report.cases.find(
      (entry: { caseId: string; planId: string }) => entry.caseId === caseId && entry.planId === planId,
    );
  for (const { scores } of report.cases) {
    for (const { metrics } of scores) {
      // JSON writes NaN and infinity as null, which must be a metric that does not exist.
      if (metrics.status === "scored") expect([metrics.dice, metrics.hd95, metrics.assd]).not.toContain(null);
      if (metrics.status === "missed") expect(metrics).toMatchObject({ dice: 0, hd95: null });
    }
  }
  expect(scoreOf("black", "msd-box").scores[0].metrics.status).toBe("absent");
  expect(scoreOf("missed", "msd-box").scores[0].metrics.status).toBe("missed");
  expect(scoreOf("full", "ours-components-zoomed").scores[0].metrics.dice).toBe(1);
  expect(scoreOf("deep", "raw").scores[0].metrics.dice).toBeGreaterThan(0.9);
  // Row, column, pixel and speck are asked about by boxes without extent.
  const boxes = report.strategies.find(({ plan }: { plan: { id: string } }) => plan.id === "msd-box");
  expect(boxes.masks.degenerateBoxes).toBeGreaterThanOrEqual(1);
});

test("refine writes a label map of the image's own size for each", async () => {
  const model = await writeThresholdModel(at("model"));
  const sam = await writeBrightnessSam(at("sam"));
  const run = await runCommand([
    ...["refine", "--dataset", at("odd"), "--model", model, "--sam", sam, "--preset", "ours", "--cases", "val"],
    ...["--threads", "1", "--out", at("refined")],
  ]);
  expect(run).toMatchObject({ exitCode: 0, noted: "" });
  for (const [id, { columns, rows }] of Object.entries(images)) {
    expect(await sharp(at("refined", `${id}.png`)).metadata()).toMatchObject({ width: columns, height: rows });
  }
});
