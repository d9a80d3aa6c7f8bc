import { isRefineError, RefineError } from "@samrefine/core";
import type { RawSessionFactory } from "@samrefine/inference";
import { createRawSession } from "@samrefine/inference/node";
import { webgpuRawSessions } from "@samrefine/inference/web";
import { describe, expect, test } from "vitest";
import { decodeCheckpoint } from "../run/checkpoint.ts";
import { defaultConfiguration, type TrainingConfiguration } from "../run/configuration.ts";
import { CHECKPOINT_FILE } from "../run/train.ts";
import { diskDataset, memoryStore } from "../testing/disk-dataset.ts";
import type { LoadedDataset } from "./loaded-dataset.ts";
import type { TrainingEvent } from "./protocol.ts";
import { type BrowserTrainingOptions, startTraining, type TrainingWorker } from "./start-training.ts";
import { type TrainingHost, TrainingServer } from "./training-server.ts";

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
async function setUp(
  changes: Partial<BrowserTrainingOptions> = {},
  host: Pick<TrainingHost, "createGpuSessions"> = {},
) {
  const store = memoryStore();
  const listeners: ((event: { readonly data: TrainingEvent }) => void)[] = [];
  let isTerminated = false;
  const server = new TrainingServer({
    ...host,
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

describe("a GPU that was asked for", () => {
  /** Native sessions whose training steps fail after `steps` of them, as those of a device do that is lost. */
  function sessionsLostAfter(steps: number): RawSessionFactory {
    let done = 0;
    return async (bytes, options = {}) => {
      const session = await createRawSession(bytes, options);
      return {
        ...session,
        async run(feeds) {
          if (options.carried && ++done > steps) {
            throw new RefineError("backend-unavailable", "The GPU was lost: destroyed.");
          }
          return await session.run(feeds);
        },
      };
    };
  }

  test("runs the whole training where it holds", async () => {
    const { options } = await setUp({ webgpu: {} }, { createGpuSessions: () => sessionsLostAfter(100) });
    const { backend } = await startTraining(options).result;
    expect(backend).not.toContain("in place of WebGPU");
  });

  test("is replaced from the last checkpoint when it is lost, and stays so after a pause", async () => {
    const whole = await setUp();
    await startTraining(whole.options).result;
    const steps: number[] = [];
    let opened = 0;
    let paused: Promise<void> | undefined;
    const lost = await setUp(
      {
        webgpu: {},
        onStep: ({ step }) => {
          steps.push(step);
          if (steps.length === 8) paused = training.pause();
        },
      },
      {
        createGpuSessions: () => {
          opened++;
          return sessionsLostAfter(6);
        },
      },
    );
    const training = startTraining(lost.options);
    await expect.poll(() => paused !== undefined).toBe(true);
    await paused;
    training.resume();
    const { backend, history } = await training.result;
    expect(steps).toEqual([1, 2, 3, 4, 5, 6, 5, 6, 7, 8]);
    expect(backend).toMatch(/CPU.*in place of WebGPU \(The GPU was lost: destroyed\.\)/);
    expect(opened).toBe(1);
    expect(history.losses).toHaveLength(8);
    expect(parametersIn(lost.store)).toEqual(parametersIn(whole.store));
  });

  test("begins anew when it is lost before a checkpoint, whatever an earlier run has left", async () => {
    const earlier = await setUp();
    await startTraining(earlier.options).result;
    const steps: number[] = [];
    const lost = await setUp(
      { webgpu: {}, onStep: ({ step }) => steps.push(step) },
      { createGpuSessions: () => sessionsLostAfter(2) },
    );
    for (const [name, bytes] of earlier.store.files) lost.store.files.set(name, bytes);
    await startTraining(lost.options).result;
    expect(steps.slice(0, 4)).toEqual([1, 2, 1, 2]);
  });

  test("is named in the outcome when the worker's script leaves it out, or the browser has none", async () => {
    const without = await setUp({ webgpu: {} });
    expect((await startTraining(without.options).result).backend).toContain("worker's script does not offer WebGPU");
    const none = await setUp({ webgpu: {} }, { createGpuSessions: webgpuRawSessions });
    expect((await startTraining(none.options).result).backend).toContain("has no WebGPU");
  });
});
