// One training step of the U-Net (width 16, batch 4), ours against PyTorch: each in a process of its own, in turns, after a
// warm-up. Then where ours spends its time (--profile), how its cost grows with pixels and batch (--scaling), and the memory
// of a run of 1,000 steps (--memory); with none of the three, all but the comparison is left out. Prints tables and, with
// --json FILE, writes the rows of the comparison. Without PyTorch our side is measured alone.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { median } from "./harness.ts";
import { findTorch, type Torch } from "./training/find-torch.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "string" },
    quick: { type: "boolean", default: false },
    threads: { type: "string", default: "2" },
    python: { type: "string" },
    profile: { type: "boolean", default: false },
    scaling: { type: "boolean", default: false },
    memory: { type: "boolean", default: false },
  },
});
const rounds = options.quick ? 5 : 20;
const warmUp = 2;
const batch = 4;

interface Measurement {
  readonly milliseconds: number;
  readonly megabytes: number;
}

interface Contender {
  readonly process: ChildProcess;
  step(): Promise<Measurement>;
}

interface Row {
  readonly what: string;
  readonly ours: number;
  readonly other: number | null;
  readonly ratio: number | null;
  /** Smallest and largest ratio of a round. */
  readonly min: number | null;
  readonly max: number | null;
  readonly unit: string;
  readonly runs: number;
}

const here = (file: string): string => fileURLToPath(new URL(`training/${file}`, import.meta.url));

function start(command: string, words: readonly string[]): Contender {
  const child = spawn(command, words, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    async step() {
      child.stdin.write("step\n");
      const { value, done } = await lines.next();
      if (done) throw new Error(`${command} ended before the benchmark did.`);
      const [milliseconds, megabytes] = String(value).split(" ").map(Number) as [number, number];
      return { milliseconds, megabytes };
    },
  };
}

async function compare(size: number, torch: Torch | undefined): Promise<readonly Row[]> {
  const words = ["--size", String(size), "--batch", String(batch), "--threads", options.threads];
  const ours = start(process.execPath, ["--conditions=@samrefine/source", here("contender.ts"), ...words]);
  const other = torch && start(torch.python, [here("contender.py"), ...words]);
  const measured: { ours: Measurement[]; other: Measurement[] } = { ours: [], other: [] };
  try {
    for (let round = 0; round < rounds + warmUp; round++) {
      const pair = { ours: await ours.step(), other: await other?.step() };
      if (round < warmUp) continue;
      measured.ours.push(pair.ours);
      if (pair.other) measured.other.push(pair.other);
    }
  } finally {
    ours.process.kill();
    other?.process.kill();
  }
  return [
    summarise(`one step, ${size} x ${size}, batch ${batch}`, "ms", measured, (m) => m.milliseconds),
    summarise(`peak memory, ${size} x ${size}, batch ${batch}`, "MB", measured, (m) => m.megabytes),
  ];
}

/** Medians of both sides, and the median and spread of the ratios within each round. */
function summarise(
  what: string,
  unit: string,
  measured: { readonly ours: readonly Measurement[]; readonly other: readonly Measurement[] },
  pick: (measurement: Measurement) => number,
): Row {
  const ours = measured.ours.map(pick);
  const other = measured.other.map(pick);
  const ratios = other.map((value, round) => ours[round]! / value);
  const hasOther = other.length > 0;
  return {
    what,
    ours: median(ours),
    other: hasOther ? median(other) : null,
    ratio: hasOther ? median(ratios) : null,
    min: hasOther ? Math.min(...ratios) : null,
    max: hasOther ? Math.max(...ratios) : null,
    unit,
    runs: ours.length,
  };
}

const torch = findTorch(options.python);
const rows: Row[] = [];
for (const size of options.quick ? [128] : [128, 256]) rows.push(...(await compare(size, torch)));

const other = torch ? `PyTorch ${torch.version}` : "PyTorch: not found, install it or name an interpreter by --python";
process.stdout.write(`${cpus()[0]?.model}, ${options.threads} threads; other = ${other}\n`);
for (const { what, ours, other: theirs, ratio, min, max, unit } of rows) {
  const beside =
    theirs === null
      ? ""
      : `, other ${theirs.toFixed(0)} ${unit}, ratio ${ratio!.toFixed(2)} (${min!.toFixed(2)} to ${max!.toFixed(2)})`;
  process.stdout.write(`${what}: ours ${ours.toFixed(0)} ${unit}${beside}\n`);
}
if (options.json !== undefined) {
  const report = { name: "train", machine: cpus()[0]?.model, threads: Number(options.threads), other, rows };
  await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
}

/** The other parts, each in a process of its own, so that what one leaves in memory is not measured by the next. */
function runPart(file: string, words: readonly string[]): void {
  const parameters = [
    "--conditions=@samrefine/source",
    "--expose-gc",
    here(file),
    ...words,
    "--threads",
    options.threads,
  ];
  execFileSync(process.execPath, parameters, { stdio: "inherit" });
}
if (options.profile)
  for (const size of options.quick ? ["128"] : ["128", "256"]) runPart("profile.ts", ["--size", size]);
if (options.scaling) runPart("scaling.ts", []);
if (options.memory) runPart("steady-memory.ts", []);
