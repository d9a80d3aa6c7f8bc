// How the cost of a training step grows: pixels at a fixed batch, batch at a fixed size. Time is that of the processor over all
// threads, which a busy machine disturbs least. "per pixel" is against the first row: 1 is linear.
import { parseArgs } from "node:util";
import { createRawSession } from "@samrefine/inference/node";
import { printTable, spread } from "../harness.ts";
import { BenchRun, benchStep } from "./bench-step.ts";

const { values } = parseArgs({ options: { threads: { type: "string", default: "2" } } });
const rounds = 7;
const warmUp = 2;

async function stepSeconds(size: number, batch: number): Promise<number> {
  const step = benchStep({ size, batch });
  const session = await createRawSession(step.model, { threads: Number(values.threads) });
  const run = new BenchRun(step, { size, batch });
  const milliseconds: number[] = [];
  for (let round = 0; round < rounds + warmUp; round++) {
    const before = process.cpuUsage();
    run.advance(await session.run(run.feeds()));
    const { user, system } = process.cpuUsage(before);
    if (round >= warmUp) milliseconds.push((user + system) / 1000);
  }
  await session.dispose();
  return spread(milliseconds).median;
}

for (const [what, sizes] of [
  ["pixels, batch 4", [64, 96, 128, 192, 256].map((size) => ({ size, batch: 4 }))],
  ["batch, 128 x 128", [1, 2, 4, 8].map((batch) => ({ size: 128, batch }))],
] as const) {
  const rows: { size: string; batch: number; "processor ms per step": number; "per pixel": number }[] = [];
  let first: number | undefined;
  for (const { size, batch } of sizes) {
    const milliseconds = await stepSeconds(size, batch);
    const perPixel = milliseconds / (size * size * batch);
    first ??= perPixel;
    rows.push({
      size: `${size} x ${size}`,
      batch,
      "processor ms per step": milliseconds,
      "per pixel": perPixel / first,
    });
  }
  process.stdout.write(`Cost over ${what}\n`);
  printTable(rows);
}
