// Kernels of packages/core against the C code that Python users call: connected components, exact Euclidean distance
// transform, HD95 with ASSD, dilation by a disk. Each side in a process of its own, one thread, in turns, on the same 512 x
// 512 x 200 masks; every answer is compared. Time is processor time, which other work on the machine touches least; our
// garbage collector's threads count. Prints a table and, with --json FILE, writes the rows. Installs the other side into a
// virtual environment of its own once (--python names an interpreter that has it already).
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { VolumeSize } from "@samrefine/core";
import { type Comparison, compare, median, printTable } from "./harness.ts";
import { drawMasks } from "./kernels/draw-volume.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "string" },
    quick: { type: "boolean", default: false },
    /** Only the rows whose name contains this. */
    only: { type: "string", default: "" },
    python: { type: "string" },
    rounds: { type: "string" },
  },
});

const size: VolumeSize = options.quick ? [256, 256, 100] : [512, 512, 200];
const here = (file: string): string => fileURLToPath(new URL(`kernels/${file}`, import.meta.url));

interface Row {
  readonly what: string;
  readonly kernel: string;
  readonly tool: string;
  /** Largest ratio that is aimed at. */
  readonly target: number | null;
  readonly rounds: number;
  /** Relative difference of the two answers that rounding explains. */
  readonly tolerance: number;
}

const rows: readonly Row[] = [
  { what: "components, 6 neighbours: scipy", kernel: "components-6", tool: "scipy", target: 1 },
  { what: "components, 26 neighbours: scipy", kernel: "components-26", tool: "scipy", target: 1 },
  { what: "components, 6 neighbours: cc3d", kernel: "components-6", tool: "cc3d", target: 2 },
  { what: "components, 26 neighbours: cc3d", kernel: "components-26", tool: "cc3d", target: 2 },
  { what: "distance transform: scipy", kernel: "distance-transform", tool: "scipy", target: 0.7 },
  { what: "HD95 + ASSD: MedPy", kernel: "surface", tool: "medpy", target: 0.5 },
  { what: "dilation, disk of 8: scikit-image", kernel: "dilation-disk-8", tool: "scikit-image", target: 1 },
  // The same pixels through a distance transform, which scikit-image recommends for large disks.
  { what: "dilation, disk of 8: scikit-image, isotropic", kernel: "dilation-disk-8", tool: "isotropic", target: null },
].map((row) => ({
  ...row,
  rounds: Number(options.rounds ?? (options.quick ? 3 : row.kernel === "surface" ? 3 : 5)),
  // Distances are 32-bit floats here and 64-bit there.
  tolerance: row.kernel === "distance-transform" || row.kernel === "surface" ? 1e-5 : 0,
}));

interface Measurement {
  readonly milliseconds: number;
  readonly bytesPerVoxel: number;
  readonly answer: number;
}

interface Contender {
  readonly process: ChildProcess;
  run(): Promise<Measurement>;
}

function start(command: string, words: readonly string[]): Contender {
  // One thread on both sides: BLAS and OpenMP would otherwise take what they find.
  const env = { ...process.env, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" };
  const child = spawn(command, words, { stdio: ["pipe", "pipe", "inherit"], env });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    async run() {
      child.stdin.write("run\n");
      const { value, done } = await lines.next();
      if (done) throw new Error(`${command} ended before the benchmark did.`);
      const [milliseconds = 0, bytesPerVoxel = 0, answer = 0] = String(value).split(" ").map(Number);
      return { milliseconds, bytesPerVoxel, answer };
    },
  };
}

/** The interpreter of a virtual environment with the pinned tools, made at the first run. */
function preparePython(): string {
  if (options.python !== undefined) return options.python;
  const requirements = here("requirements.txt");
  const key = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
  const folder = join(tmpdir(), `samrefine-bench-kernels-${key}`);
  const python = join(folder, "bin", "python");
  if (existsSync(join(folder, "complete"))) return python;
  process.stdout.write(`Installing ${requirements} into ${folder}\n`);
  execFileSync("python3", ["-m", "venv", folder], { stdio: "inherit" });
  execFileSync(python, ["-m", "pip", "install", "--quiet", "-r", requirements], { stdio: "inherit" });
  execFileSync("touch", [join(folder, "complete")]);
  return python;
}

interface Measured extends Comparison {
  readonly target: number | null;
  readonly oursBytesPerVoxel: number;
  readonly otherBytesPerVoxel: number;
}

async function measure(row: Row, python: string, folder: string): Promise<Measured> {
  const words = ["--kernel", row.kernel, "--folder", folder, "--size", size.join("x")];
  const ours = start(process.execPath, ["--conditions=@samrefine/source", here("contender.ts"), ...words]);
  const other = start(python, [here("contender.py"), ...words, "--tool", row.tool]);
  const measured: { ours: Measurement[]; other: Measurement[] } = { ours: [], other: [] };
  try {
    // The first round warms up: code is compiled and pages are touched.
    for (let round = 0; round <= row.rounds; round++) {
      const pair = { ours: await ours.run(), other: await other.run() };
      const difference = Math.abs(pair.ours.answer - pair.other.answer);
      if (difference > row.tolerance * Math.abs(pair.other.answer)) {
        throw new Error(`${row.what}: we answer ${pair.ours.answer}, the other side ${pair.other.answer}.`);
      }
      if (round === 0) continue;
      measured.ours.push(pair.ours);
      measured.other.push(pair.other);
    }
  } finally {
    ours.process.kill();
    other.process.kill();
  }
  const milliseconds = (side: readonly Measurement[]) => side.map((one) => one.milliseconds);
  const peak = (side: readonly Measurement[]) => median(side.map((one) => one.bytesPerVoxel));
  return {
    ...compare(row.what, "ms", milliseconds(measured.ours), milliseconds(measured.other)),
    target: row.target,
    oursBytesPerVoxel: peak(measured.ours),
    otherBytesPerVoxel: peak(measured.other),
  };
}

const python = preparePython();
const folder = await mkdtemp(join(tmpdir(), "samrefine-kernels-"));
const results: Measured[] = [];
try {
  const { reference, prediction } = drawMasks(size);
  await writeFile(join(folder, "reference.raw"), reference);
  await writeFile(join(folder, "prediction.raw"), prediction);
  const share = reference.reduce((sum, value) => sum + value, 0) / reference.length;
  process.stdout.write(
    `${size.join(" x ")}, ${(100 * share).toFixed(1)} % foreground, ${cpus()[0]?.model}, 1 thread\n`,
  );
  for (const row of rows.filter(({ what }) => what.includes(options.only))) {
    results.push(await measure(row, python, folder));
    printTable(results.slice(-1));
  }
} finally {
  await rm(folder, { recursive: true });
}
printTable(results);
if (options.json !== undefined) {
  const report = { name: "kernels", machine: cpus()[0]?.model, threads: 1, size, rows: results };
  await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
}
