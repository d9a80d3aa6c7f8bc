import { isRefineError, RefineError } from "@samrefine/core";
import { createRawSession } from "@samrefine/inference/node";
import { webRawSessions } from "@samrefine/inference/web";
import { describe, expect, test } from "vitest";
import { diskDataset, memoryStore } from "../testing/disk-dataset.ts";
import { decodeCheckpoint } from "./checkpoint.ts";
import { defaultConfiguration, type TrainingConfiguration } from "./configuration.ts";
import { CHECKPOINT_FILE, train } from "./train.ts";

const tiny: TrainingConfiguration = {
  ...defaultConfiguration,
  steps: 200,
  grid: { rows: 32, columns: 32 },
  network: { kind: "scb-unet", width: 4, levels: 3 },
  learningRate: 5e-3,
  augmentation: { affine: 0.05, flip: "horizontal", noise: 0.2 },
  averageDecay: 0.9,
  validation: { every: 50, cases: 2 },
};

const base = () => ({ dataset: diskDataset(), createSession: createRawSession, store: memoryStore() });

const parametersOf = (store: ReturnType<typeof memoryStore>) => decodeCheckpoint(store.files.get(CHECKPOINT_FILE)!);

describe("train", () => {
  test("learns disks", async () => {
    const result = await train({ ...base(), configuration: tiny });
    expect(result.final?.meanDice).toBeGreaterThan(0.9);
    expect(result.history.losses).toHaveLength(200);
    expect(result.history.validations.map(({ step }) => step)).toEqual([50, 100, 150, 200]);
  });

  test("an interrupted and resumed run ends bitwise where an uninterrupted one does", async () => {
    const configuration = { ...tiny, steps: 12, validation: { every: 4, cases: 1 } };
    const whole = base();
    await train({ ...whole, configuration });

    const parts = base();
    const controller = new AbortController();
    const interrupted = train({
      ...parts,
      configuration,
      signal: controller.signal,
      onStep: ({ step }) => step === 7 && controller.abort("enough"),
    });
    await expect(interrupted).rejects.toBe("enough");
    expect(parametersOf(parts.store).step).toBe(7);
    await train({ ...parts, configuration, resume: true });

    const expected = parametersOf(whole.store);
    const found = parametersOf(parts.store);
    expect(found.step).toBe(12);
    expect(found.history).toEqual(expected.history);
    expect(found.vectors).toEqual(expected.vectors);
  });

  test("an interruption while validating loses no step and no validation", async () => {
    const configuration = { ...tiny, steps: 6, validation: { every: 3, cases: 1 } };
    const whole = base();
    await train({ ...whole, configuration });

    const parts = base();
    const controller = new AbortController();
    let sessions = 0;
    const createSession: typeof createRawSession = (bytes, options) => {
      // The first session runs the steps, the second the validation after step 3.
      if (++sessions === 2) controller.abort("enough");
      return createRawSession(bytes, options);
    };
    await expect(train({ ...parts, configuration, createSession, signal: controller.signal })).rejects.toBe("enough");
    expect(parametersOf(parts.store)).toMatchObject({ step: 3, history: { validations: [] } });
    await train({ ...parts, configuration, resume: true });
    expect(parametersOf(parts.store)).toEqual(parametersOf(whole.store));
  });

  test("the same seed gives the same run, another seed another", async () => {
    const configuration = { ...tiny, steps: 3 };
    const run = async (seed: number) => {
      const { history } = await train({ ...base(), configuration: { ...configuration, seed } });
      return history.losses;
    };
    const first = await run(1);
    expect(await run(1)).toEqual(first);
    expect(await run(2)).not.toEqual(first);
  });

  test("the browser's WebAssembly build computes the same losses as the native one", async () => {
    const configuration = { ...tiny, steps: 4, validation: { every: 4, cases: 1 } };
    const native = await train({ ...base(), configuration });
    const wasm = await train({ ...base(), createSession: webRawSessions(), configuration });
    expect(wasm.backend).toContain("WebAssembly");
    wasm.history.losses.forEach((loss, step) => {
      // Sums in another order, four optimiser steps apart.
      expect(Math.abs(loss - native.history.losses[step]!)).toBeLessThan(1e-3);
    });
  });

  test("volumes train on neighbouring slices", async () => {
    const configuration = { ...tiny, channels: 3, foregroundShare: 0.3 };
    const result = await train({ ...base(), dataset: diskDataset({ depth: 5 }), configuration });
    expect(result.network.inputChannels).toBe(3);
    expect(result.final?.meanDice).toBeGreaterThan(0.75);
  });

  test("a loss that is not finite stops the run, names the batch and keeps the last good checkpoint", async () => {
    const run = base();
    const configuration: TrainingConfiguration = {
      ...tiny,
      steps: 4,
      clipNorm: null,
      learningRate: 1e30,
      optimiser: { kind: "sgd", momentum: 0, weightDecay: 1e10 },
      schedule: { kind: "constant" },
      validation: { every: 1, cases: 1 },
    };
    const failure = await train({ ...run, configuration }).catch((error: unknown) => error);
    expect(isRefineError(failure, "training")).toBe(true);
    expect(String(failure)).toMatch(/not finite at step \d.*labeled\d slice 0/);
    const { step, vectors } = parametersOf(run.store);
    expect(step).toBeGreaterThan(0);
    expect(step).toBeLessThan(4);
    expect(Object.keys(vectors)).toContain("parameters");
  });

  test("refuses a checkpoint of another configuration", async () => {
    const run = base();
    await train({ ...run, configuration: { ...tiny, steps: 1 } });
    const resumed = train({ ...run, configuration: { ...tiny, steps: 1, seed: 9 }, resume: true });
    await expect(resumed).rejects.toSatisfy(
      (error: unknown) => isRefineError(error, "training") && /seed = 1; this run has 9/.test(error.message),
    );
  });

  test("refuses cases that train and validate, and a label that no case holds", async () => {
    const dataset = diskDataset();
    const overlapping = { ...dataset, caseIds: () => ["labeled0"] };
    const unseen = { ...dataset, labels: [...dataset.labels, { name: "square", value: 2 }] };
    for (const [broken, message] of [
      [overlapping, /for training and for validation: labeled0/],
      [unseen, /"square"/],
    ] as const) {
      const run = train({ ...base(), dataset: broken, configuration: { ...tiny, steps: 1 } });
      await expect(run).rejects.toSatisfy(
        (error: unknown) => isRefineError(error, "dataset") && message.test(error.message),
      );
    }
  });

  test("images smaller than the grid are enlarged to it", async () => {
    const configuration = { ...tiny, steps: 60 };
    const result = await train({ ...base(), dataset: diskDataset({ size: 12 }), configuration });
    expect(result.final?.meanDice).toBeGreaterThan(0.6);
  });

  test("refuses a data set without a labelled case", async () => {
    const dataset = { ...diskDataset(), caseIds: () => [] };
    await expect(train({ ...base(), dataset, configuration: tiny })).rejects.toSatisfy(
      (error: unknown) => isRefineError(error, "dataset") && /no labelled case/.test(error.message),
    );
  });

  test("a failure of the store ends the run with what it says, and keeps the checkpoint before", async () => {
    const run = base();
    let writes = 0;
    const store: typeof run.store = {
      ...run.store,
      async write(name, bytes) {
        if (++writes === 2) throw new RefineError("training", "The disk is full.");
        await run.store.write(name, bytes);
      },
    };
    const configuration = { ...tiny, steps: 3, validation: { every: 1, cases: 1 } };
    await expect(train({ ...run, store, configuration })).rejects.toThrow("The disk is full.");
    expect(parametersOf(run.store).step).toBe(1);
  });

  test("refuses a checkpoint of another network", async () => {
    const run = base();
    await train({ ...run, configuration: { ...tiny, steps: 1 } });
    const network = { ...tiny.network, width: 2 };
    const resumed = train({ ...run, configuration: { ...tiny, steps: 1, network }, resume: true });
    await expect(resumed).rejects.toSatisfy(
      (error: unknown) => isRefineError(error, "training") && /another network.*width=4.*width=2/.test(error.message),
    );
  });

  test("refuses a grid that the network cannot halve", async () => {
    const configuration = { ...tiny, grid: { rows: 30, columns: 32 } };
    await expect(train({ ...base(), configuration })).rejects.toSatisfy((error: unknown) =>
      isRefineError(error, "configuration"),
    );
  });
});
