// One side of bench/train.ts: answers every line on stdin with the milliseconds of one training step and the peak memory.
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { createRandom } from "@samrefine/core";
import { createRawSession } from "@samrefine/inference/node";
import { adamW, buildTrainingStep, initialState, scbUnet, segmentationLoss } from "@samrefine/training";

const { values } = parseArgs({
  options: { size: { type: "string" }, batch: { type: "string" }, threads: { type: "string" } },
});
const size = Number(values.size);
const batch = Number(values.batch);
const classes = 3;

const optimiser = adamW();
const step = buildTrainingStep({
  networks: [scbUnet({ inputChannels: 1, outputChannels: classes, width: 16 })],
  buildLoss: ({ graph, student, input }) =>
    segmentationLoss(
      graph,
      student(input("image", [batch, 1, size, size])),
      input("target", [batch, classes, size, size]),
      { kind: "bce" },
    ),
  optimiser,
  keepAverage: false,
});
const session = await createRawSession(step.model, { threads: Number(values.threads) });
let state = initialState(step, createRandom(1));
const random = createRandom(2);
const image = Float32Array.from({ length: batch * size * size }, () => random.normal());
const target = Float32Array.from({ length: batch * classes * size * size }, () => (random.next() < 0.3 ? 1 : 0));

let done = 0;
for await (const _ of createInterface({ input: process.stdin })) {
  const started = performance.now();
  const scalars = { learningRate: 1e-3, ...optimiser.scalars(done++) };
  const result = await session.run({
    image: { data: image, dims: [batch, 1, size, size] },
    target: { data: target, dims: [batch, classes, size, size] },
    ...Object.fromEntries(step.stateNames.map((name) => [name, { data: state[name]!, dims: [step.layout.length] }])),
    ...Object.fromEntries(
      Object.entries(scalars).map(([name, value]) => [name, { data: Float32Array.of(value), dims: [1] }]),
    ),
  });
  state = Object.fromEntries(step.stateNames.map((name) => [name, result[`next.${name}`]!.data]));
  const milliseconds = performance.now() - started;
  process.stdout.write(`${milliseconds} ${process.resourceUsage().maxRSS / 1024} ${result.loss!.data[0]}\n`);
}
