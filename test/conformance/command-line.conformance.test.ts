// What `samrefine export` and `samrefine segment` write, run as a user runs them and judged by software of others: DICOM SEG to
// NIfTI and seg.nrrd and back, and a study to a SEG.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { encodeSeg, type SegRequest } from "@samrefine/dicom";
import { afterAll, describe, expect, test } from "vitest";
import { findDciodvfy, findInVenv, judgeIod, judgeVoxels } from "./judges.ts";
import { openStudy, requestFor, type StudyOnDisk, studies } from "./seg-matrix.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
const python = findInVenv("python");
const dciodvfy = findDciodvfy();
if (python === undefined) console.warn("Skipped: no .venv-judges; run test/conformance/setup-judges.sh.");

const scratch = mkdtempSync(join(tmpdir(), "samrefine-command-line-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function samrefine(...words: readonly string[]): Promise<void> {
  await run(process.execPath, [join(root, "apps/cli/bin/samrefine.mjs"), ...words], { cwd: root, maxBuffer: 1 << 26 });
}

interface LabelFacts {
  readonly voxels: number;
  readonly sha256: string;
}
interface VolumeFacts {
  readonly affine: readonly number[];
  readonly labels: Readonly<Record<string, LabelFacts>>;
}

async function judgeVolumes(
  files: readonly string[],
): Promise<Readonly<Record<string, Readonly<Record<string, VolumeFacts>>>>> {
  const script = join(root, "test/conformance/volume_facts.py");
  return JSON.parse((await run(python ?? "", [script, ...files], { maxBuffer: 1 << 26 })).stdout);
}

/** Masks of a request as a volume, i fastest, by segment. */
function expectedLabels(request: SegRequest): Readonly<Record<string, LabelFacts>> {
  const labels: Record<string, LabelFacts> = {};
  for (const { number } of request.segments) {
    const hash = createHash("sha256");
    let voxels = 0;
    for (const [index, { rows, columns }] of request.sources.entries()) {
      const mask = request.masks(number, index) ?? new Uint8Array(rows * columns);
      hash.update(mask);
      for (const value of mask) voxels += value;
    }
    labels[number] = { voxels, sha256: hash.digest("hex") };
  }
  return labels;
}

/** A folder that holds the study and nothing else. */
function sourceFolder(study: StudyOnDisk): string {
  const folder = join(scratch, study.name.replaceAll(" ", "-"));
  mkdirSync(folder);
  for (const file of study.files) copyFileSync(file, join(folder, basename(file)));
  return folder;
}

const wanted = ["liver CT", "hippocampus MR", "demo abdominal CT"];
const volumes = studies.filter(({ name }) => wanted.includes(name)).flatMap((study) => openStudy(study, scratch) ?? []);

describe.skipIf(python === undefined)("samrefine export", () => {
  test.each(volumes)("$name: SEG to NIfTI and seg.nrrd and back, the same voxels in the same place", async (study) => {
    if (study.series.kind !== "volume") throw new Error("no volume");
    const { indexToPatient } = study.series.volume;
    const folder = sourceFolder(study);
    const requests = {
      "nii.gz": requestFor(study, "BINARY", "3 segments"),
      "seg.nrrd": requestFor(study, "BINARY", "overlapping"),
    };
    for (const [ending, request] of Object.entries(requests)) {
      if (request === undefined) throw new Error("no request");
      const expected = expectedLabels(request);
      const [seg, file, back] = ["dcm", ending, "back.dcm"].map((end) => `${folder}-${ending}.${end}`) as [
        string,
        string,
        string,
      ];
      writeFileSync(seg, encodeSeg(request).bytes);
      await samrefine("export", "--from", seg, "--to", file, "--source", folder);
      const readings = Object.entries((await judgeVolumes([file]))[file] ?? {});
      expect(readings).toHaveLength(2);
      for (const [software, { affine, labels }] of readings) {
        expect(labels, software).toEqual(expected);
        const worst = Math.max(...affine.map((value, i) => Math.abs(value - (indexToPatient[i] ?? Number.NaN))));
        expect(worst, software).toBeLessThan(1e-3);
      }

      await samrefine("export", "--from", file, "--to", back, "--source", folder, "--labels", "a,b,c");
      const facts = (await judgeVoxels(python ?? "", [back])).get(back);
      expect(facts?.highdicomError).toBeUndefined();
      const masks = new Map<string, string>();
      for (const { number } of request.segments) {
        for (const [index, { sopInstanceUid }] of request.sources.entries()) {
          const mask = request.masks(number, index);
          if (!(mask instanceof Uint8Array) || !mask.includes(1)) continue;
          masks.set(`${number} ${sopInstanceUid}`, createHash("sha256").update(mask).digest("hex"));
        }
      }
      const found = facts?.bySource?.map(({ segment, source, sha256 }) => [`${segment} ${source}`, sha256] as const);
      expect(Object.fromEntries(found ?? [])).toEqual(Object.fromEntries(masks));
      if (dciodvfy !== undefined) expect(judgeIod(dciodvfy, back).errors).toEqual([]);
    }
  });
});

describe.skipIf(python === undefined)("samrefine segment", () => {
  const study = volumes.find(({ name }) => name === "demo abdominal CT");

  test.each(["binary", "fractional", "labelmap"])("writes a %s SEG that others read alike", async (kind) => {
    if (study === undefined) throw new Error("the demo study is always there");
    const folder = join(scratch, `segment-${kind}`);
    mkdirSync(folder);
    for (const file of study.files) copyFileSync(file, join(folder, basename(file)));
    const [out, report] = [join(scratch, `${kind}.dcm`), join(scratch, `${kind}.json`)];
    const model = join(root, "models/unet-phantom-ct/manifest.json");
    await samrefine(
      ...["segment", "--study", folder, "--model", model, "--preset", "raw", "--on-overlap", "highest-number"],
      ...["--kind", kind, "--out", out, "--json", report],
    );
    const { segments, images } = JSON.parse(readFileSync(report, "utf8")) as {
      readonly segments: readonly { readonly number: number; readonly pixels: number }[];
      readonly images: readonly { readonly sopInstanceUid: string }[];
    };
    const facts = (await judgeVoxels(python ?? "", [out])).get(out);
    expect(facts?.highdicomError).toBeUndefined();
    const sources = new Set(images.map(({ sopInstanceUid }) => sopInstanceUid));
    const pixels = new Map<number, number>();
    for (const { segment, source, nonZero } of facts?.bySource ?? []) {
      expect(sources).toContain(source);
      pixels.set(segment, (pixels.get(segment) ?? 0) + nonZero);
    }
    const present = segments.filter((segment) => segment.pixels > 0);
    expect(present.length).toBeGreaterThan(3);
    // Probabilities reach beyond the mask; in a label map a segment may lie below another one.
    for (const { number, pixels: count } of present) {
      if (kind === "fractional") expect(pixels.get(number)).toBeGreaterThanOrEqual(count);
      else if (kind === "labelmap") expect(pixels.get(number)).toBeLessThanOrEqual(count);
      else expect(pixels.get(number)).toBe(count);
    }
    if (dciodvfy !== undefined && kind !== "labelmap") expect(judgeIod(dciodvfy, out).errors).toEqual([]);
  });
});
