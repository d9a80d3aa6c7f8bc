import { isRefineError } from "@samrefine/core";
import { createRawSession } from "@samrefine/inference/node";
import { expect, test } from "vitest";
import { decodeCheckpoint } from "../run/checkpoint.ts";
import { defaultConfiguration, type TrainingConfiguration } from "../run/configuration.ts";
import { CHECKPOINT_FILE } from "../run/train.ts";
import { diskDataset, memoryStore } from "../testing/disk-dataset.ts";
import type { LoadedDataset } from "./loaded-dataset.ts";
import type { TrainingEvent } from "./protocol.ts";
import { type BrowserTrainingOptions, startTraining, type TrainingWorker } from "./start-training.ts";
import { TrainingServer } from "./training-server.ts";

const configuration: TrainingConfiguration = {
  ...defaultConfiguration,
  steps: 8,
  batchSize: 2,
  grid: { rows: 32, columns: 32 },
  network: { kind: "scb-unet", width: 2, levels: 2 },
  validation: { every: 4, cases: 1 },
};

async function loadedDisks(): Promise<LoadedDataset> {
  const { caseIds, readCase, readLabels, ...description } = diskDataset();
  const split = { labeled: caseIds("labeled"), val: caseIds("val") };
  const ids = [...split.labeled, ...split.val];
  const cases = await Promise.all(ids.map(async (id) => ({ image: await readCase(id), labels: await readLabels(id) })));
  return { ...description, split, cases };
}

/** The two sides of a run joined by copies of their messages, with the native runtime and a store in memory. */
async function setUp(changes: Partial<BrowserTrainingOptions> = {}) {
  const store = memoryStore();
  const listeners: ((event: { readonly data: TrainingEvent }) => void)[] = [];
  let isTerminated = false;
  const server = new TrainingServer({
    createSessions: () => createRawSession,
    openStore: async () => ({ ...store, remove: async () => store.files.clear() }),
    post: (event) => {
      for (const listener of listeners) listener({ data: structuredClone(event) });
    },
  });
  const worker: TrainingWorker = {
    postMessage: (command) => void server.handle(structuredClone(command)),
    addEventListener: (type: string, listener: (event: never) => void) => {
      if (type === "message") listeners.push(listener as (typeof listeners)[number]);
    },
    terminate: () => {
      isTerminated = true;
    },
  };
  const options: BrowserTrainingOptions = {
    runId: "disks",
    dataset: await loadedDisks(),
    configuration,
    resume: false,
    createWorker: () => worker,
    ...changes,
  };
  return { options, store, isTerminated: () => isTerminated };
}

const parametersIn = (store: ReturnType<typeof memoryStore>) =>
  decodeCheckpoint(store.files.get(CHECKPOINT_FILE)!).vectors.parameters;

test("a paused run rests at a checkpoint and ends where the uninterrupted one does", async () => {
  const whole = await setUp();
  const { model, networkId } = await startTraining(whole.options).result;
  expect(model.length).toBeGreaterThan(1000);
  expect(networkId).toContain("scb-unet");
  expect(whole.isTerminated()).toBe(true);

  const steps: number[] = [];
  let paused: Promise<void> | undefined;
  const parts = await setUp({
    onStep: ({ step }) => {
      steps.push(step);
      if (step === 3) paused = training.pause();
    },
  });
  const training = startTraining(parts.options);
  await expect.poll(() => paused !== undefined).toBe(true);
  await paused;
  expect(steps).toEqual([1, 2, 3]);
  expect(decodeCheckpoint(parts.store.files.get(CHECKPOINT_FILE)!).step).toBe(3);
  training.resume();
  await training.result;
  expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(parametersIn(parts.store)).toEqual(parametersIn(whole.store));
});

test("a cancelled run rejects with the reason and leaves no checkpoint", async () => {
  const controller = new AbortController();
  const run = await setUp({
    signal: controller.signal,
    onStep: ({ step }) => step === 5 && controller.abort("enough"),
  });
  await expect(startTraining(run.options).result).rejects.toBe("enough");
  expect(run.store.files.size).toBe(0);
  expect(run.isTerminated()).toBe(true);
});

test("a pause after the end resolves, and an error keeps its code", async () => {
  const finished = await setUp();
  const training = startTraining(finished.options);
  await training.result;
  await training.pause();
  const wrong = await setUp({ configuration: { ...configuration, grid: { rows: 33, columns: 32 } } });
  await expect(startTraining(wrong.options).result).rejects.toSatisfy((error: unknown) =>
    isRefineError(error, "configuration"),
  );
});

test("the outcome says what ran when a provider was asked for", async () => {
  const { options } = await setUp({ provider: "webgpu" });
  const { backend } = await startTraining(options).result;
  // With a GPU it is "WebGPU, native", otherwise the CPU and why.
  expect(backend).toMatch(/WebGPU, native|WebGPU was asked for/);
});
