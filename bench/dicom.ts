// Encoding and decoding a BINARY SEG: ours against @cornerstonejs/adapters 5.6.8, which OHIF 3.13.2 carries, on the same label
// map, in turns, each measurement in a process of its own. Prints tables and, with --json FILE, writes the rows.
// Run: npm run bench:dicom [-- --quick] [--rounds N]. Linux (peak memory is read from /proc).
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { bundleAdapters } from "./dicom/bundle-adapters.ts";
import type { Measurement } from "./dicom/contender.ts";
import type { LabelmapSize } from "./dicom/labelmap.ts";
import { compare, median, printTable } from "./harness.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "string" },
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 3 : 7));
const [width, slices] = options.quick ? [256, 60] : [512, 300];
const run = promisify(execFile);
const contender = fileURLToPath(new URL("dicom/contender.ts", import.meta.url));
const scratch = await mkdtemp(join(tmpdir(), "samrefine-bench-"));
const adapters = await bundleAdapters(scratch);

type Side = "ours" | "adapters";
interface Pair {
  readonly encode: Measurement;
  readonly decode: Measurement;
}

async function start(side: Side, operation: "encode" | "decode", size: LabelmapSize): Promise<Measurement> {
  const file = join(scratch, `${side}.dcm`);
  const words = { side, operation, adapters, file, ...size };
  const { stdout } = await run(
    process.execPath,
    [
      ...["--expose-gc", "--max-old-space-size=8192", "--conditions=@samrefine/source", contender],
      ...Object.entries(words).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ],
    { maxBuffer: 1 << 26 },
  );
  // Cornerstone writes to the console, too.
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Measurement;
}

async function measure(side: Side, size: LabelmapSize): Promise<Pair> {
  return { encode: await start(side, "encode", size), decode: await start(side, "decode", size) };
}

const nameOf = ({ columns, rows, slices: count, segments }: LabelmapSize): string =>
  `${columns} x ${rows} x ${count}, ${segments} segments`;
const MEGA = 1e6;

/** Both sides in turns; the side that begins changes from round to round. */
async function compareSides(size: LabelmapSize, times: number): Promise<readonly object[]> {
  const ours: Pair[] = [];
  const other: Pair[] = [];
  for (let round = 0; round < times; round++) {
    const sides = round % 2 === 0 ? (["ours", "adapters"] as const) : (["adapters", "ours"] as const);
    for (const side of sides) {
      const measured = await measure(side, size);
      (side === "ours" ? ours : other).push(measured);
      process.stderr.write(
        `${nameOf(size)}, round ${round + 1}, ${side}: encode ${measured.encode.ms.toFixed(0)} ms, decode ${measured.decode.ms.toFixed(0)} ms\n`,
      );
    }
  }
  const of = (what: string, unit: string, pick: (m: Pair) => number) =>
    compare(`${nameOf(size)}: ${what}`, unit, ours.map(pick), other.map(pick));
  const voxels = size.columns * size.rows * size.slices;
  return [
    of("encode", "ms", (m) => m.encode.ms),
    of("decode", "ms", (m) => m.decode.ms),
    of("encode, peak memory / file", "x", (m) => m.encode.peak / m.encode.fileBytes),
    of("decode, peak memory / label map", "x", (m) => m.decode.peak / voxels),
    of("file", "MB", (m) => m.encode.fileBytes / MEGA),
  ];
}

/** Time per voxel for growing stacks: the same number where the time is linear in the voxels. */
async function growth(base: LabelmapSize): Promise<readonly object[]> {
  const sizes = [0.25, 0.5, 1].map((part) => ({ ...base, slices: Math.round(base.slices * part) }));
  const measured = sizes.map((): Pair[] => []);
  for (let round = 0; round < Math.min(3, rounds); round++) {
    for (const [index, size] of sizes.entries()) measured[index]?.push(await measure("ours", size));
  }
  return sizes.map((size, index) => {
    const megavoxels = (size.columns * size.rows * size.slices) / MEGA;
    const per = (pick: (m: Pair) => number): number => median((measured[index] ?? []).map(pick)) / megavoxels;
    return {
      what: nameOf(size),
      "encode, ms / Mvoxel": per((m) => m.encode.ms),
      "decode, ms / Mvoxel": per((m) => m.decode.ms),
    };
  });
}

try {
  const five = { columns: width, rows: width, slices, segments: 5 };
  const rows = [
    ...(await compareSides(five, rounds)),
    // Many segments, as whole-body networks give; the other side takes long.
    ...(await compareSides({ ...five, segments: 100 }, Math.min(3, rounds))),
  ];
  const linear = await growth(five);
  process.stdout.write("Ratio = ours / @cornerstonejs/adapters 5.6.8: median, smallest and largest of the rounds.\n");
  printTable(rows);
  process.stdout.write("Ours, growing stacks:\n");
  printTable(linear);
  if (options.json !== undefined) {
    const machine = `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} cores`;
    await writeFile(options.json, `${JSON.stringify({ name: "dicom", machine, rows, linear }, null, 2)}\n`);
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}
