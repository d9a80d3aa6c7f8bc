// One side of bench/train.ts: answers every line on stdin with the milliseconds of one training step and the peak memory.
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { createRawSession } from "@samrefine/inference/node";
import { BenchRun, benchStep } from "./bench-step.ts";

const { values } = parseArgs({
  options: { size: { type: "string" }, batch: { type: "string" }, threads: { type: "string" } },
});
const size = { size: Number(values.size), batch: Number(values.batch) };
const step = benchStep(size);
const session = await createRawSession(step.model, { threads: Number(values.threads) });
const run = new BenchRun(step, size);

for await (const _ of createInterface({ input: process.stdin })) {
  const started = performance.now();
  const loss = run.advance(await session.run(run.feeds()));
  const milliseconds = performance.now() - started;
  process.stdout.write(`${milliseconds} ${process.resourceUsage().maxRSS / 1024} ${loss}\n`);
}
