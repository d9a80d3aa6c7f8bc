import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDataset } from "../dataset/open-dataset.ts";
import { runCommand } from "../testing/run-command.ts";

/** Enough to find every organ, drawn in a second. */
const COARSE = ["--matrix", "64", "--slices", "11"];

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "samrefine-phantom-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("samrefine phantom", () => {
  test("writes a data set that opens, with images, labels and splits", async () => {
    const out = join(folder, "abdomen");
    const args = ["--kind", "abdomen", "--cases", "2", "--labeled", "1", "--val", "1", ...COARSE, "--out", out];
    expect((await runCommand(["phantom", ...args])).exitCode).toBe(0);
    const dataset = await openDataset(out);
    expect([dataset.caseIds("labeled"), dataset.caseIds("val")]).toEqual([["abdomen_001"], ["abdomen_002"]]);
    const image = await dataset.readCase("abdomen_001");
    const labels = await dataset.readLabels("abdomen_001");
    expect(image.geometry.size).toEqual([64, 64, 11]);
    expect(new Set(labels.slices.flatMap((slice) => [...new Set(slice)])).size).toBe(dataset.labels.length + 1);
  });

  test("refuses splits that need more cases than there are", async () => {
    const run = await runCommand(["phantom", "--kind", "hand", "--cases", "3", "--out", join(folder, "none")]);
    expect(run.exitCode).not.toBe(0);
    expect(run.noted).toMatch(/14 cases, only 3/);
  });

  test("dciodvfy finds no error in what it writes as DICOM", async ({ skip }) => {
    if (!existsSync("/usr/bin/dciodvfy")) skip("dciodvfy is not installed");
    for (const kind of ["hand", "abdomen"]) {
      const out = join(folder, `${kind}-dicom`);
      const args = ["--kind", kind, "--cases", "1", "--images", "1", ...COARSE, "--format", "dicom", "--out", out];
      expect((await runCommand(["phantom", ...args])).exitCode).toBe(0);
      const study = join(out, `${kind}_001`);
      const file = join(study, (await readdir(study))[0]!);
      expect((await readFile(file)).subarray(128, 132).toString()).toBe("DICM");
      const report = execFileSync("/bin/sh", ["-c", '/usr/bin/dciodvfy "$1" 2>&1 || true', "sh", file]).toString();
      expect(report).toMatch(/CTImage|DXImage/);
      expect(report.split("\n").filter((line) => line.startsWith("Error"))).toEqual([]);
    }
  });
});
