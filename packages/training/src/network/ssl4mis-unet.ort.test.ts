import { createRawSession } from "@samrefine/inference/node";
import { describe, expect, test } from "vitest";
import { decodeCheckpoint } from "../run/checkpoint.ts";
import { defaultConfiguration, type TrainingConfiguration } from "../run/configuration.ts";
import { CHECKPOINT_FILE, train } from "../run/train.ts";
import { diskDataset, memoryStore } from "../testing/disk-dataset.ts";
import { parameterLayout } from "./network.ts";
import { scbUnet } from "./scb-unet.ts";
import { ssl4misUnet } from "./ssl4mis-unet.ts";

const configuration: TrainingConfiguration = {
  ...defaultConfiguration,
  steps: 100,
  grid: { rows: 32, columns: 32 },
  network: { kind: "ssl4mis-unet", width: 4, levels: 3 },
  learningRate: 5e-3,
  averageDecay: 0.9,
  validation: { every: 50, cases: 4 },
};
const base = () => ({ dataset: diskDataset(), createSession: createRawSession, store: memoryStore() });
const checkpointOf = (store: ReturnType<typeof memoryStore>) => decodeCheckpoint(store.files.get(CHECKPOINT_FILE)!);

describe("the U-Net with batch norm and dropout", () => {
  test("is as large as its description says", () => {
    // Twice [3 x 3 convolution with bias, 2 + 2 statistics] per stage and a 3 x 3 head, for width 2 and two levels.
    const stage = (inputs: number, channels: number) =>
      9 * inputs * channels + 9 * channels ** 2 + 2 * channels + 8 * channels;
    const expected = stage(1, 2) + stage(2, 4) + (4 * 2 * 4 + 2) + stage(4, 2) + (9 * 2 * 3 + 3);
    const layout = parameterLayout(ssl4misUnet({ inputChannels: 1, outputChannels: 3, width: 2, levels: 2 }));
    expect(layout.length).toBe(expected);
    expect(layout.length - layout.trainedLength).toBe(4 * (2 + 4 + 2));
  });

  test("learns by batch statistics and is exported with running ones, as is its average", async () => {
    const run = base();
    const result = await train({ ...run, configuration });
    expect(result.final?.meanDice).toBeGreaterThan(0.8);
    const { vectors } = checkpointOf(run.store);
    const { trainedLength } = parameterLayout(result.network);
    const carried = vectors.parameters!.subarray(trainedLength);
    expect(vectors.average!.subarray(trainedLength)).toEqual(carried);
    expect([...carried].some((value) => value !== 0 && value !== 1)).toBe(true);
  });

  test("resumes bit for bit: masks follow from the step", async () => {
    const short = { ...configuration, steps: 4, validation: { every: 2, cases: 1 } };
    const whole = base();
    await train({ ...whole, configuration: short });
    const parts = base();
    const controller = new AbortController();
    const onStep = ({ step }: { readonly step: number }) => step === 3 && controller.abort("enough");
    await expect(train({ ...parts, configuration: short, signal: controller.signal, onStep })).rejects.toBe("enough");
    await train({ ...parts, configuration: short, resume: true });
    expect(checkpointOf(parts.store)).toEqual(checkpointOf(whole.store));
  });
});

test("the U-Net with instance norm has the size of the published one at its width", () => {
  const { length, trainedLength } = parameterLayout(scbUnet({ inputChannels: 1, outputChannels: 3, width: 16 }));
  expect(length).toBe(1_942_323);
  expect(trainedLength).toBe(length);
});
