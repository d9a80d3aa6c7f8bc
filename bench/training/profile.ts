// Where the time of one training step goes, by onnxruntime's own profiler: operators with their share, forward, backward and
// optimiser apart. Started by bench/train.ts --profile; alone: --size 128 --batch 4 --threads 2.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { printTable } from "../harness.ts";
import { BenchRun, benchStep } from "./bench-step.ts";

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "128" },
    batch: { type: "string", default: "4" },
    threads: { type: "string", default: "2" },
    steps: { type: "string", default: "6" },
    nodes: { type: "boolean", default: false },
  },
});
const size = { size: Number(values.size), batch: Number(values.batch) };
const steps = Number(values.steps);

interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  readonly args?: { readonly op_name?: string; readonly output_type_shape?: readonly unknown[] };
}

const folder = await mkdtemp(join(tmpdir(), "training-step-"));
const step = benchStep(size);
const session = await InferenceSession.create(step.model, {
  intraOpNumThreads: Number(values.threads),
  interOpNumThreads: 1,
  graphOptimizationLevel: "all",
  logSeverityLevel: 3,
  enableProfiling: true,
  profileFilePrefix: join(folder, "step"),
});
const run = new BenchRun(step, size);
for (let done = 0; done < steps; done++) {
  const feeds = Object.entries(run.feeds()).map(([name, { data, dims }]) => [name, new Tensor("float32", data, dims)]);
  run.advance(await session.run(Object.fromEntries(feeds)));
}
session.endProfiling();
const [file = ""] = await readdir(folder);
const events = JSON.parse(await readFile(join(folder, file), "utf8")) as readonly ProfileEvent[];
await rm(folder, { recursive: true });

interface Total {
  milliseconds: number;
  count: number;
}
const totals = new Map<string, Total>();
let sum = 0;
for (const { cat, name, dur, args } of events) {
  if (cat !== "Node" || !name.endsWith("_kernel_time")) continue;
  const part = partOf(name);
  const shape = values.nodes ? ` ${JSON.stringify(args?.output_type_shape ?? "")}` : "";
  const key = `${part}: ${args?.op_name ?? "?"}${shape}`;
  const total = totals.get(key) ?? { milliseconds: 0, count: 0 };
  total.milliseconds += dur / 1000 / steps;
  total.count += 1 / steps;
  sum += dur / 1000 / steps;
  totals.set(key, total);
}
const rows = [...totals]
  .toSorted(([, a], [, b]) => b.milliseconds - a.milliseconds)
  .slice(0, values.nodes ? 60 : 25)
  .map(([operator, { milliseconds, count }]) => ({
    operator,
    "ms per step": milliseconds,
    "share %": (100 * milliseconds) / sum,
    nodes: Math.round(count),
  }));
process.stdout.write(
  `${size.size} x ${size.size}, batch ${size.batch}, ${values.threads} threads, mean of ${steps} steps: ${sum.toFixed(0)} ms in kernels\n`,
);
printTable(rows);

/** The scope that the graph gave the node; onnxruntime's own nodes have none. */
function partOf(name: string): string {
  if (/backward/.test(name)) return "backward";
  if (/^(down|up|head)/.test(name)) return "forward";
  return /adamw/.test(name) ? "optimiser" : "rest";
}
