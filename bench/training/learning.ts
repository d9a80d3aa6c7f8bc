// Does our trainer learn what PyTorch learns? Both train the same network on the very same batches, each from weights of its
// own drawn from the same distribution, once per seed; both are measured by the same code on the held-out cases. Tasks: the
// phantom hands, and the tooth data set where it is there (SAMREFINE_DATA). Needs PyTorch.
import { execFileSync } from "node:child_process";
import { createWriteStream, existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openDataset } from "@samrefine/cli/open-dataset";
import type { DatasetSource } from "@samrefine/core";
import type { RawSessionFactory } from "@samrefine/inference";
import { createRawSession } from "@samrefine/inference/node";
import {
  augmentationProfiles,
  defaultConfiguration,
  encodeCheckpoint,
  type RunStore,
  type TrainingConfiguration,
  train,
} from "@samrefine/training";
import { printTable } from "../harness.ts";
import { findTorch } from "./find-torch.ts";
import { phantomDataset } from "./phantom-dataset.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "5" },
    steps: { type: "string", default: "300" },
    threads: { type: "string", default: "1" },
    python: { type: "string" },
    json: { type: "string" },
  },
});
const steps = Number(values.steps);
const torch = findTorch(values.python);
if (!torch) throw new Error("PyTorch was not found; name an interpreter that has it by --python.");

interface Task {
  readonly name: string;
  readonly dataset: DatasetSource;
  readonly configuration: Omit<TrainingConfiguration, "seed">;
}

const common = {
  ...defaultConfiguration,
  steps,
  network: { kind: "scb-unet", width: 8, levels: 4 },
  intensity: { kind: "percentiles", lower: 1, upper: 99, scope: "image" },
  augmentation: augmentationProfiles.radiograph,
  validation: { every: steps, cases: 100 },
} as const satisfies Partial<TrainingConfiguration>;

async function tasks(): Promise<readonly Task[]> {
  const phantoms = { name: "phantom hands", dataset: phantomDataset({ labeled: 8, val: 10 }) };
  const found: Task[] = [{ ...phantoms, configuration: { ...common, grid: { rows: 64, columns: 64 } } }];
  const teeth = join(process.env.SAMREFINE_DATA ?? "../shared/data", "Dataset501_Teeth");
  if (!existsSync(teeth)) {
    process.stdout.write(`${teeth} is not there, so the phantoms are the only task.\n`);
    return found;
  }
  const grid = { rows: 64, columns: 160 };
  return [
    ...found,
    { name: "Dataset501_Teeth", dataset: await openDataset(teeth), configuration: { ...common, grid } },
  ];
}

function memoryStore(files = new Map<string, Uint8Array>()): RunStore {
  return {
    async write(name, bytes) {
      files.set(name, bytes.slice());
    },
    read: async (name) => files.get(name),
  };
}

/** Trains by our trainer and writes every batch, with its learning rate, to a file. */
async function trainHere({ dataset, configuration }: Task, seed: number, path: string) {
  const file = createWriteStream(path);
  const recording: RawSessionFactory = async (model, options) => {
    const session = await createRawSession(model, options);
    return {
      ...session,
      async run(feeds) {
        const { learningRate, image, target } = feeds;
        if (learningRate && image && target) {
          for (const { data } of [learningRate, image, target]) file.write(Buffer.from(Float32Array.from(data).buffer));
        }
        return await session.run(feeds);
      },
    };
  };
  const session = { threads: Number(values.threads) };
  const run = { dataset, configuration: { ...configuration, seed }, session, store: memoryStore() };
  const result = await train({ ...run, createSession: recording });
  file.end();
  await finished(file);
  return result;
}

/** Lets PyTorch train on these batches and measures what it made as a run of ours that had come to its end. */
async function trainThere({ dataset, configuration }: Task, seed: number, folder: string, networkId: string) {
  const { batchSize, grid, network } = configuration;
  const [batches, out] = [join(folder, "batches.bin"), join(folder, "parameters.bin")];
  const numbers = { seed, threads: values.threads, steps, batch: batchSize, ...grid, ...network };
  const { kind: _kind, ...given } = { ...numbers, classes: dataset.labels.length };
  const words = Object.entries({ ...given, batches, out }).flatMap(([name, value]) => [`--${name}`, String(value)]);
  execFileSync(torch!.python, [fileURLToPath(new URL("learner.py", import.meta.url)), ...words], { stdio: "inherit" });
  const parameters = new Float32Array(new Uint8Array(await readFile(out)).buffer);
  const checkpoint = encodeCheckpoint({
    configuration: { ...configuration, seed },
    networkId,
    step: steps,
    history: { losses: [], validations: [] },
    vectors: { parameters },
  });
  const store = memoryStore(new Map([["checkpoint.bin", checkpoint]]));
  const run = { dataset, configuration: { ...configuration, seed }, store, resume: true };
  return await train({ ...run, createSession: createRawSession });
}

const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
const deviation = (list: readonly number[]): number =>
  Math.sqrt(list.reduce((sum, value) => sum + (value - mean(list)) ** 2, 0) / (list.length - 1));

const folder = await mkdtemp(join(tmpdir(), "learning-"));
const rows: { task: string; seed: number; ours: number; pytorch: number }[] = [];
try {
  for (const task of await tasks()) {
    for (let seed = 1; seed <= Number(values.seeds); seed++) {
      const ours = await trainHere(task, seed, join(folder, "batches.bin"));
      const theirs = await trainThere(task, seed, folder, ours.network.id);
      const row = { task: task.name, seed, ours: 100 * ours.final!.meanDice, pytorch: 100 * theirs.final!.meanDice };
      rows.push(row);
      process.stdout.write(
        `${row.task}, seed ${seed}: ours ${row.ours.toFixed(2)}, PyTorch ${row.pytorch.toFixed(2)}\n`,
      );
    }
  }
} finally {
  await rm(folder, { recursive: true });
}
process.stdout.write(`Dice in per cent after ${steps} steps; PyTorch ${torch.version}\n`);
printTable(rows);
const summary = [...new Set(rows.map(({ task }) => task))].map((task) => {
  const own = rows.filter((row) => row.task === task);
  const [ours, pytorch] = [own.map((row) => row.ours), own.map((row) => row.pytorch)];
  return {
    ...{ task, seeds: own.length, ours: mean(ours), "ours, sd": deviation(ours) },
    ...{ pytorch: mean(pytorch), "pytorch, sd": deviation(pytorch), difference: mean(ours) - mean(pytorch) },
  };
});
printTable(summary);
if (values.json !== undefined) {
  await writeFile(
    values.json,
    `${JSON.stringify({ name: "learning", steps, torch: torch.version, rows, summary }, null, 2)}\n`,
  );
}
