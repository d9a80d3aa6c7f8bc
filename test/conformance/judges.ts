// The software that judges, where it is installed. Everything runs in child processes.
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
const venv = process.env.SAMREFINE_JUDGES ?? join(root, ".venv-judges");

export interface IodVerdict {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** Path of dciodvfy (dicom3tools); undefined where it is not installed. */
export function findDciodvfy(): string | undefined {
  const found = spawnSync("sh", ["-c", "command -v dciodvfy"], { encoding: "utf8" }).stdout.trim();
  return found === "" ? undefined : found;
}

/** Path of a program in the judges' Python environment; undefined when setup-judges.sh has not been run. */
export function findInVenv(program: string): string | undefined {
  const path = join(venv, "bin", program);
  return existsSync(path) ? path : undefined;
}

export function judgeIod(dciodvfy: string, file: string): IodVerdict {
  const { stderr, stdout } = spawnSync(dciodvfy, ["-new", file], { encoding: "utf8", maxBuffer: 1 << 26 });
  const lines = `${stdout}\n${stderr}`.split("\n");
  return {
    errors: lines.filter((line) => line.startsWith("Error")),
    warnings: lines.filter((line) => line.startsWith("Warning")),
  };
}

export interface FrameFacts {
  readonly segment: number | null;
  readonly source: string | null;
  /** Of a multi-frame source. */
  readonly sourceFrame?: number;
  readonly position: readonly number[] | null;
  readonly orientation: readonly number[] | null;
  readonly spacing: readonly number[] | null;
  readonly sha256: string;
}

export interface SegmentationFacts {
  readonly kind: string;
  readonly frames: readonly FrameFacts[];
  /** null when highdicom cannot read the file; `highdicomError` says why. */
  readonly bySource:
    | readonly {
        readonly segment: number;
        readonly source: string;
        readonly sourceFrame?: number;
        /** Pixels that are not 0. */
        readonly nonZero: number;
        readonly sha256: string;
      }[]
    | null;
  readonly highdicomError?: string;
}

/** What pydicom and highdicom read in the files. */
export async function judgeVoxels(
  python: string,
  files: readonly string[],
): Promise<ReadonlyMap<string, SegmentationFacts>> {
  const script = join(root, "test/conformance/segmentation_facts.py");
  const { stdout } = await run(python, [script, ...files], { maxBuffer: 1 << 28 });
  const facts = JSON.parse(stdout) as { readonly files: Readonly<Record<string, SegmentationFacts>> };
  return new Map(Object.entries(facts.files));
}

export interface SegmentInSpace {
  readonly voxels: number;
  /** LPS millimetres. */
  readonly centroid: readonly [number, number, number];
}

/** Voxel count and centroid of every segment as dcmqi's converter places it; a string says why it could not. */
export async function judgePlacement(
  converter: string,
  python: string,
  file: string,
): Promise<ReadonlyMap<number, SegmentInSpace> | string> {
  const folder = mkdtempSync(join(tmpdir(), "samrefine-dcmqi-"));
  try {
    const complaint = await run(converter, ["--inputDICOM", file, "--outputDirectory", folder, "-t", "nrrd"], {
      maxBuffer: 1 << 26,
    }).then(
      () => undefined,
      (error: { readonly stdout?: string; readonly stderr?: string }) => `${error.stdout}\n${error.stderr}`,
    );
    const isConverted = readdirSync(folder).some((name) => name.endsWith(".nrrd"));
    if (complaint !== undefined || !isConverted) {
      return (/^.*(ERROR|error|Failed|FATAL).*$/m.exec(complaint ?? "")?.[0] ?? "no output").trim().slice(0, 160);
    }
    const script = join(root, "test/conformance/placement_facts.py");
    const { stdout } = await run(python, [script, folder]);
    const parsed = JSON.parse(stdout) as Readonly<Record<string, SegmentInSpace>>;
    return new Map(Object.entries(parsed).map(([number, value]) => [Number(number), value]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
