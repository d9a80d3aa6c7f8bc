// Every SEG of the matrix goes to dciodvfy (is it well formed?), to pydicom and highdicom (the same voxels, the same
// planes?) and to dcmqi (the same place in the patient?). SAMREFINE_CONFORMANCE_ROWS names a file for the result rows.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeSeg, pixelToPatient, type SegKind, type SegRequest, verifySeg } from "@samrefine/dicom";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findDciodvfy, findInVenv, judgeIod, judgePlacement, judgeVoxels, type SegmentationFacts } from "./judges.ts";
import { kinds, openStudy, requestFor, type Scenario, type StudyOnDisk, scenarios, studies } from "./seg-matrix.ts";

interface Row {
  readonly what: string;
  readonly judge: string;
  readonly errors: number;
  readonly warnings: number;
  readonly detail: string;
}

interface Case {
  readonly what: string;
  readonly study: StudyOnDisk;
  readonly kind: SegKind;
  readonly scenario: Scenario;
  readonly request: SegRequest;
  readonly file: string;
}

const dciodvfy = findDciodvfy();
const python = findInVenv("python");
const converter = findInVenv("segimage2itkimage");
if (dciodvfy === undefined) console.warn("Skipped: dciodvfy is not installed (Debian package dicom3tools).");
if (python === undefined) console.warn("Skipped: no .venv-judges; run test/conformance/setup-judges.sh.");

const folder = mkdtempSync(join(tmpdir(), "samrefine-conformance-"));
const cases: readonly Case[] = studies
  .flatMap((study) => openStudy(study, folder) ?? [])
  .flatMap((study) =>
    kinds.flatMap((kind) =>
      scenarios.flatMap((scenario) => {
        const request = requestFor(study, kind, scenario);
        const what = `${study.name}, ${kind}, ${scenario}`;
        const file = join(folder, `${what.replaceAll(/[^A-Za-z0-9]+/g, "-")}.dcm`);
        return request === undefined ? [] : [{ what, study, kind, scenario, request, file }];
      }),
    ),
  );
const rows: Row[] = [];
let voxelFacts: ReturnType<typeof judgeVoxels> = Promise.resolve(new Map());

function note(
  what: string,
  judge: string,
  problems: readonly string[],
  warnings: readonly string[],
  detail = "",
): void {
  rows.push({
    what,
    judge,
    errors: problems.length,
    warnings: warnings.length,
    detail: [detail, ...problems].filter(Boolean).join("; "),
  });
}

beforeAll(() => {
  for (const { request, file } of cases) {
    const { bytes } = encodeSeg(request);
    verifySeg(bytes, request);
    writeFileSync(file, bytes);
  }
  if (python === undefined) return;
  // Python reads while dciodvfy judges; its failure is told where its facts are wanted.
  voxelFacts = judgeVoxels(
    python,
    cases.map(({ file }) => file),
  );
  voxelFacts.catch(() => undefined);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  const target = process.env.SAMREFINE_CONFORMANCE_ROWS;
  if (target !== undefined) writeFileSync(target, `${JSON.stringify({ rows }, null, 1)}\n`);
});

function digest(values: Uint8Array): string {
  return createHash("sha256").update(values).digest("hex");
}

function same(a: readonly number[] | null, b: readonly number[] | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((value, i) => Math.abs(value - (b[i] ?? Number.NaN)) < 1e-6);
}

/** Stored values 0..255 that a reader must find for one segment on one instance; undefined = none. */
function storedValues(request: SegRequest, segment: number, index: number): Uint8Array | undefined {
  const mask = request.masks(segment, index);
  if (mask === undefined) return undefined;
  if (mask instanceof Uint8Array) return mask;
  const stored = new Uint8Array(mask.length);
  for (let i = 0; i < mask.length; i++) stored[i] = Math.round((mask[i] ?? 0) * 255);
  return stored;
}

describe.skipIf(dciodvfy === undefined || cases.length === 0)("dciodvfy", () => {
  // Attributes that are copied from the source bring the source's own warnings along.
  const inherited = new Map<string, ReadonlySet<string>>();

  test.each(cases)("$what", ({ what, study, kind, file }) => {
    if (!inherited.has(study.name)) {
      inherited.set(study.name, new Set(judgeIod(dciodvfy ?? "", study.files[0] ?? "").warnings));
    }
    const verdict = judgeIod(dciodvfy ?? "", file);
    const warnings = verdict.warnings.filter((line) => !inherited.get(study.name)?.has(line));
    // Versions without the Label Map Segmentation class (DICOM 2024d) judge its elements only, by the older rule that
    // segment numbers begin at one; there, segment 0 is the background that the newer class prescribes.
    const isUnknownClass =
      kind === "LABELMAP" && verdict.errors.some((line) => line.includes("Information Object Not found"));
    const errors = isUnknownClass
      ? verdict.errors.filter((line) => !/Information Object Not found|with SegmentNumber of 0$/.test(line))
      : verdict.errors;
    const fromSource = verdict.warnings.length - warnings.length;
    const detail = [
      isUnknownClass ? "SOP class unknown to this dciodvfy: elements judged, modules not" : "",
      fromSource > 0 ? `${fromSource} warnings of the source itself` : "",
    ];
    note(what, "dciodvfy", errors, warnings, detail.filter(Boolean).join("; "));
    expect(errors).toEqual([]);
    expect(warnings).toEqual([]);
  });
});

describe.skipIf(python === undefined || cases.length === 0)("pydicom and highdicom", () => {
  let facts: ReadonlyMap<string, SegmentationFacts> = new Map();
  beforeAll(async () => {
    facts = await voxelFacts;
  });

  test.each(cases)("$what", ({ what, kind, request, file }) => {
    const found = facts.get(file);
    if (found === undefined) throw new Error("not judged");
    const problems: string[] = [];
    for (const [index, frame] of found.frames.entries()) {
      const at = request.sources.findIndex(
        (source) => source.sopInstanceUid === frame.source && source.frameNumber === frame.sourceFrame,
      );
      const source = request.sources[at];
      if (source === undefined) {
        problems.push(`frame ${index} names no source`);
        continue;
      }
      const isPlaced = source.position !== undefined;
      const spacing = isPlaced && source.spacingMm ? [source.spacingMm.y, source.spacingMm.x] : null;
      if (
        !same(frame.position, source.position ?? null) ||
        !same(frame.orientation, source.orientation ?? null) ||
        !same(frame.spacing, spacing)
      ) {
        problems.push(`frame ${index} lies elsewhere`);
      }
      if (kind !== "LABELMAP") {
        const expected = storedValues(request, frame.segment ?? 0, at);
        if (expected === undefined || digest(expected) !== frame.sha256) problems.push(`frame ${index} differs`);
      }
    }
    note(what, "pydicom", problems, []);

    const expected = new Map<string, string>();
    for (const { number } of request.segments) {
      request.sources.forEach((source, index) => {
        const values = storedValues(request, number, index);
        if (values?.some(Boolean))
          expected.set(`${number} ${source.sopInstanceUid} ${source.frameNumber}`, digest(values));
      });
    }
    const read = new Map((found.bySource ?? []).map((f) => [`${f.segment} ${f.source} ${f.sourceFrame}`, f.sha256]));
    const differing = [...new Set([...expected.keys(), ...read.keys()])].filter(
      (key) => expected.get(key) !== read.get(key),
    );
    const verdict = found.highdicomError === undefined ? differing : [found.highdicomError];
    note(what, "highdicom", verdict, [], `${expected.size} masks`);
    expect(problems).toEqual([]);
    expect(verdict).toEqual([]);
  });
});

/** dcmqi resamples nothing: it reads regular volumes, and no probabilities. */
const volumes = cases.filter(({ study, kind }) => study.series.kind === "volume" && kind !== "FRACTIONAL");

describe.skipIf(converter === undefined || volumes.length === 0).concurrent("dcmqi", () => {
  test.each(volumes)("$what", async ({ what, request, file }) => {
    const placed = await judgePlacement(converter ?? "", python ?? "", file);
    if (typeof placed === "string") {
      note(what, "dcmqi", [placed], []);
      throw new Error(placed);
    }
    const problems: string[] = [];
    for (const { number } of request.segments) {
      let voxels = 0;
      const sum = [0, 0, 0];
      request.sources.forEach((source, index) => {
        const values = storedValues(request, number, index);
        for (let i = values?.indexOf(1) ?? -1; i !== -1; i = values?.indexOf(1, i + 1) ?? -1) {
          const at = pixelToPatient(source, i % source.columns, Math.floor(i / source.columns));
          voxels++;
          at?.forEach((coordinate, axis) => {
            sum[axis] = (sum[axis] ?? 0) + coordinate;
          });
        }
      });
      const found = placed.get(number);
      const centroid = sum.map((value) => value / voxels);
      const distance = Math.hypot(...centroid.map((value, axis) => value - (found?.centroid[axis] ?? Number.NaN)));
      // The converter rounds positions to the slice grid of the volume that it makes up.
      if (found?.voxels !== voxels || !(distance < 0.01)) {
        problems.push(`segment ${number}: ${found?.voxels} of ${voxels} voxels, ${distance.toFixed(3)} mm away`);
      }
    }
    note(what, "dcmqi", problems, []);
    expect(problems).toEqual([]);
  });
});
