// The memory of a run over its steps: `train` itself on small phantoms, 1,000 steps with validations and checkpoints. Fails when
// the resident set at the end is more than a tenth above that after the first 200 steps.
import { parseArgs } from "node:util";
import { createRawSession } from "@samrefine/inference/node";
import { defaultConfiguration, type RunStore, train } from "@samrefine/training";
import { printTable } from "../harness.ts";
import { phantomDataset } from "./phantom-dataset.ts";

const { values } = parseArgs({
  options: { threads: { type: "string", default: "2" }, steps: { type: "string", default: "1000" } },
});
const steps = Number(values.steps);
const collect = (globalThis as { readonly gc?: () => void }).gc;
const rows: { step: number; "resident MB": number; "heap MB": number; "buffers MB": number }[] = [];
const files = new Map<string, Uint8Array>();
const store: RunStore = {
  async write(name, bytes) {
    files.set(name, bytes.slice());
  },
  async read(name) {
    return files.get(name);
  },
};

await train({
  dataset: phantomDataset({ labeled: 8, val: 2 }),
  configuration: {
    ...defaultConfiguration,
    steps,
    grid: { rows: 64, columns: 64 },
    network: { kind: "scb-unet", width: 8, levels: 4 },
    validation: { every: 100, cases: 2 },
  },
  createSession: createRawSession,
  session: { threads: Number(values.threads) },
  store,
  onStep({ step }) {
    if (step % 100 !== 0) return;
    collect?.();
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
    rows.push({ step, "resident MB": rss / 1e6, "heap MB": heapUsed / 1e6, "buffers MB": arrayBuffers / 1e6 });
  },
});
process.stdout.write(`Memory of a run of ${steps} steps, 64 x 64, batch 4, width 8\n`);
printTable(rows);
const early = Math.max(...rows.slice(0, 2).map((row) => row["resident MB"]));
const late = rows.at(-1)!["resident MB"];
process.stdout.write(`After ${steps} steps ${(late / early).toFixed(2)} of the memory after 200.\n`);
if (late > 1.1 * early) process.exitCode = 1;
