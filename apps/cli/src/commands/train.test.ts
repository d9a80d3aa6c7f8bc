import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRefineError } from "@samrefine/core";
import { parseManifest } from "@samrefine/models";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeOutput } from "../command-context.ts";
import { createProgram } from "../program.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { writeSquares } from "../testing/squares.ts";

const printed: string[] = [];
const terminal: Terminal = {
  print: (text) => printed.push(text),
  note: () => {},
  startProgress: () => ({ update: () => {}, stop: () => {} }),
};
let folder: string;

async function samrefine(...words: string[]): Promise<void> {
  const { signal } = new AbortController();
  await createProgram({ terminal, signal }).parseAsync(["node", "samrefine", ...words]);
}

const small = ["--grid", "32x32", "--model-size", "2", "--levels", "2", "--batch", "1", "--threads", "1"];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "samrefine-train-"));
  await writeSquares(join(folder, "data"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("samrefine train", () => {
  const dataset = () => ["--dataset", join(folder, "data")];

  test("writes model, manifest, metrics, curves, card and checkpoint", async () => {
    const out = join(folder, "run");
    await samrefine("train", ...dataset(), ...small, "--steps", "2", "--out", out);
    expect((await readdir(out)).toSorted()).toEqual([
      "README.md",
      "checkpoint.bin",
      "curves.svg",
      "manifest.json",
      "metrics.json",
      "model.onnx",
    ]);
    const manifest = parseManifest(JSON.parse(await readFile(join(out, "manifest.json"), "utf8")), out);
    expect(manifest).toMatchObject({ id: "run", input: { rows: 32, columns: 32, channels: 1 } });
    expect(JSON.parse(await readFile(join(out, "metrics.json"), "utf8"))).toMatchObject({
      trainingCases: ["a", "b"],
      losses: [expect.any(Number), expect.any(Number)],
    });
    expect(printed.join("\n")).toContain("Research use only");
  });

  test("trains on pseudo labels, and --resume of a finished run writes the same model", async () => {
    const out = join(folder, "pseudo");
    const words = ["train", ...dataset(), ...small, "--recipe", "pseudo-label", "--steps", "1", "--out", out];
    const labels = join(folder, "data", "labelsTr");
    await samrefine(...words, "--pseudo-labels", labels, "--keep-labeled");
    const metrics = JSON.parse(await readFile(join(out, "metrics.json"), "utf8")) as { trainingCases: string[] };
    expect(metrics.trainingCases).toHaveLength(3);
    const model = await readFile(join(out, "model.onnx"));
    await samrefine(...words, "--pseudo-labels", labels, "--keep-labeled", "--resume");
    expect(await readFile(join(out, "model.onnx"))).toEqual(model);
  });

  test.each([
    [["--recipe", "pseudo-label"], "configuration"],
    [["--recipe", "magic"], "configuration"],
    [["--describe", "/does/not/exist.json"], "configuration"],
    [["--grid", "33x32"], "configuration"],
    [["--memory-limit", "0.0001"], "out-of-memory"],
    [["--labeled", "99"], "configuration"],
    [["--set", "consistency.weigth=1"], "configuration"],
    [["--set", "optimiser.kind=sgd"], "configuration"],
    [["--profile", "paper", "--recipe", "fixmatch", "--grid", "32x64"], "configuration"],
  ])("refuses %j", async (words, code) => {
    const run = samrefine("train", ...dataset(), ...small, "--steps", "1", ...words, "--out", join(folder, "refused"));
    await expect(run).rejects.toSatisfy((error: unknown) =>
      isRefineError(error, code as "configuration" | "out-of-memory"),
    );
  });

  test("--profile paper and --set reach every field of the configuration", async () => {
    const out = join(folder, "paper");
    const settings = [
      "clipNorm=null",
      "consistency.start=0.25",
      'optimiser={"kind":"sgd","momentum":0.8,"weightDecay":0}',
    ];
    const words = ["--recipe", "fixmatch", "--profile", "paper", "--unlabeled-batch", "1", "--steps", "2"];
    await samrefine("train", ...dataset(), ...small, ...words, ...settings.flatMap((s) => ["--set", s]), "--out", out);
    const { configuration } = JSON.parse(await readFile(join(out, "metrics.json"), "utf8"));
    expect(configuration).toMatchObject({
      network: { kind: "ssl4mis-unet", width: 2 },
      loss: { kind: "ce-dice" },
      schedule: { kind: "poly", power: 0.9 },
      optimiser: { kind: "sgd", momentum: 0.8 },
      consistency: { start: 0.25, weight: 0.1 },
      clipNorm: null,
    });
    // Predict and the viewer read from the manifest that labels exclude each other.
    expect(JSON.parse(await readFile(join(out, "manifest.json"), "utf8"))).toMatchObject({ activation: "softmax" });
    const model = join(out, "manifest.json");
    await samrefine("predict", "--model", model, ...dataset(), "--cases", "val", "--out", join(folder, "predicted"));
    expect(await readdir(join(folder, "predicted"))).toContain("d.png");
  });

  test("a folder with a run is left alone unless it is to be resumed or replaced", async () => {
    const words = ["train", ...dataset(), ...small, "--steps", "1", "--out", join(folder, "kept")];
    await samrefine(...words);
    await expect(samrefine(...words)).rejects.toSatisfy(
      (error: unknown) => isRefineError(error, "configuration") && /holds a run already/.test(error.message),
    );
    await samrefine(...words, "--overwrite");
  });

  test("a run folder that cannot be is refused before the first step", async () => {
    const file = join(folder, "file");
    await writeOutput(file, "not a folder");
    const run = samrefine("train", ...dataset(), ...small, "--steps", "1", "--out", join(file, "run"));
    await expect(run).rejects.toSatisfy(
      (error: unknown) => isRefineError(error, "configuration") && /cannot be written: ENOTDIR/.test(error.message),
    );
  });

  // /dev/full answers every write as a full disk does.
  test.skipIf(!existsSync("/dev/full"))("a full disk ends the run and leaves the checkpoint before", async () => {
    const out = join(folder, "full");
    const words = ["train", ...dataset(), ...small, "--out", out];
    await samrefine(...words, "--steps", "1");
    const before = await readFile(join(out, "checkpoint.bin"));
    await symlink("/dev/full", join(out, "checkpoint.bin.partial"));
    await expect(samrefine(...words, "--steps", "2", "--overwrite")).rejects.toSatisfy(
      (error: unknown) =>
        isRefineError(error, "training") && /checkpoint\.bin cannot be written: ENOSPC/.test(error.message),
    );
    expect(await readFile(join(out, "checkpoint.bin"))).toEqual(before);
    expect(await readdir(out)).not.toContain("checkpoint.bin.partial");
  });

  test("refuses a policy that it cannot read", async () => {
    const run = samrefine("train", ...dataset(), "--intensity", "window:40", "--out", join(folder, "refused"));
    await expect(run).rejects.toThrow(/window:40,400/);
  });
});
