import { type ImageEmbedding, type PromptableSegmenter, RefineError, type Segmenter } from "@samrefine/core";
import type { InferenceEngine, LadderEngine } from "@samrefine/inference";
import type { PromptableManifest } from "@samrefine/models";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { nextTask } from "../host/next-task.ts";
import type { RefineryClient } from "../refinery/client.ts";
import { createRefinery, type Refinery } from "../refinery/refinery.ts";
import { runSummary } from "./run-summary.ts";
import { makeRun, seriesOf, upperHalf } from "./study-run.fixture.ts";
import { segmentStudy } from "./study-run.ts";

// The run and the refinery as they are, over an engine whose models take their time; one runs at a time, in order of arrival.

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout"] }));
afterEach(() => void vi.useRealTimers());

const RUN_MS = { unet: 100, encoder: 500, decoder: 50 };

function slowEngine(log: string[]) {
  const alive = { now: 0, most: 0 };
  let busyUntil: Promise<void> = Promise.resolve();
  const names = new Map<ImageEmbedding, number>();
  let [segmented, encoded] = [0, 0];
  const model = (kind: keyof typeof RUN_MS, image: number, signal: AbortSignal | undefined): Promise<void> => {
    busyUntil = busyUntil.then(async () => {
      if (signal?.aborted) return;
      log.push(`${kind} ${image}`);
      await new Promise((resolve) => setTimeout(resolve, RUN_MS[kind]));
    });
    return busyUntil.then(() => signal?.throwIfAborted());
  };
  const segmenter: Segmenter = {
    modelId: upperHalf.id,
    digest: "0",
    segment: async ({ geometry, data }, { signal }) => {
      await model("unet", segmented++, signal);
      const mask = { geometry, data: Uint8Array.from(data, (value) => Number(value > 0.5)) };
      return { geometry, segments: [{ number: 1, mask, probability: Float32Array.from(data) }] };
    },
    dispose: async () => {},
  };
  const sam: PromptableSegmenter = {
    modelId: "sam",
    digest: "0",
    capabilities: { box: true, backgroundPoints: true, maskInput: true, singleMaskToken: true, batch: true },
    encode: async ({ geometry }, { signal }) => {
      const image = encoded++;
      alive.most = Math.max(alive.most, ++alive.now);
      const embedding: ImageEmbedding = { geometry, origin: "encoded", dispose: async () => void alive.now-- };
      names.set(embedding, image);
      await model("encoder", image, signal).catch((error: unknown) => {
        alive.now--;
        throw error;
      });
      return embedding;
    },
    decode: async (embedding, prompts, { outputGeometry, signal } = {}) => {
      await model("decoder", names.get(embedding)!, signal);
      const geometry = outputGeometry ?? embedding.geometry;
      const logits = Float32Array.from({ length: 64 }, (_, i) => (i < 32 ? 4 : -4));
      return prompts.map(() => ({
        mask: { geometry, data: Uint8Array.from(logits, (value) => Number(value > 0)) },
        logits: { box: { xMin: 0, yMin: 0, xMax: geometry.columns - 1, yMax: geometry.rows - 1 }, data: logits },
        lowResLogits: { width: 8, height: 8, data: logits },
        predictedIou: 0.9,
        token: 0,
      }));
    },
    dispose: async () => {},
  };
  const unused = (): never => {
    throw new Error("not needed here");
  };
  const engine: LadderEngine = {
    backend: { description: "test" } as InferenceEngine["backend"],
    rungs: ["wasm"],
    choices: () => [],
    choose: unused,
    loadSegmenter: async () => segmenter,
    loadPromptable: async () => sam,
    stats: unused,
    clearCache: unused,
    dispose: async () => {},
  };
  return { engine, alive };
}

/** Lets models run on until the run is over; writing takes real turns of the event loop between them. */
async function untilOver<T>(running: Promise<T>): Promise<T> {
  let isOver = false;
  void running.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await vi.advanceTimersByTimeAsync(RUN_MS.decoder);
    await nextTask();
  }
  return running;
}

/** A study of radiographs, one image per series, on its way through U-Net and SAM. */
async function startStudy(images: number, unreadable?: number) {
  const log: string[] = [];
  const { engine, alive } = slowEngine(log);
  const refinery = createRefinery(async () => engine);
  await refinery.loadSegmenter({ manifest: upperHalf, url: "" }, {});
  await refinery.loadPromptable({ manifest: { id: "sam" } as PromptableManifest, url: "" }, {});
  const request = ((name: "segmentSlice", argument, options = {}) =>
    refinery[name](argument as Parameters<Refinery["segmentSlice"]>[0], options)) as RefineryClient["request"];
  const made = makeRun({ request }, "ours");
  const { announceInTurn } = made.run.book;
  made.run.book.announceInTurn = (record, slices) => {
    log.push(`write ${record.segmentationId}`);
    return announceInTurn(record, slices);
  };
  const series = Array.from({ length: images }, (_, image) =>
    seriesOf(String(image), 1, () => {
      log.push(`read ${image}`);
      if (image === unreadable) throw new RefineError("unsupported-dicom", "This file is broken.");
    }),
  );
  const cancel = new AbortController();
  return { ...made, log, alive, cancel, running: segmentStudy(made.run, series, cancel.signal) };
}

test("the next image is read and its U-Net run while SAM is at work, and written images come one by one", async () => {
  const { log, alive, running, steps } = await startStudy(4);
  const outcome = await untilOver(running);
  expect(outcome.series.map(({ finished }) => finished)).toEqual([1, 1, 1, 1]);
  expect(steps).toHaveLength(1);
  expect(alive).toEqual({ now: 0, most: 1 });
  const at = (event: string) => {
    expect(log).toContain(event);
    return log.indexOf(event);
  };
  for (let image = 0; image < 3; image++) {
    const next = image + 1;
    // Read and proposed for before SAM is asked about this one; encoded before this one is fused and written.
    expect(at(`read ${next}`)).toBeLessThan(at(`decoder ${image}`));
    expect(at(`unet ${next}`)).toBeLessThan(at(`decoder ${image}`));
    expect(at(`encoder ${next}`)).toBeLessThan(at(`write ${image}`));
    // SAM stays with an image until it is through.
    expect(log.lastIndexOf(`decoder ${image}`)).toBeLessThan(at(`encoder ${next}`));
    expect(at(`write ${image}`)).toBeLessThan(at(`write ${next}`));
  }
});

test("no more than the next image is held: the one after it is read once the first is written", async () => {
  const { log, running } = await startStudy(4);
  await untilOver(running);
  for (let image = 0; image < 2; image++) {
    expect(log.indexOf(`write ${image}`)).toBeLessThan(log.indexOf(`read ${image + 2}`));
  }
});

test("cancelling ends the run with the model run that is under way, and keeps what is written", async () => {
  const { log, running, cancel, steps, alive } = await startStudy(4);
  while (!log.includes("encoder 1")) await vi.advanceTimersByTimeAsync(10);
  const before = log.filter((event) => /unet|encoder|decoder/.test(event)).length;
  cancel.abort(new DOMException("Cancelled.", "AbortError"));
  await vi.advanceTimersByTimeAsync(RUN_MS.encoder);
  const outcome = await running;
  expect(outcome.isCancelled).toBe(true);
  expect(runSummary(outcome, 0).text).toMatch(/^Cancelled: [01] of 4 images are finished and kept\.$/);
  expect(steps.length).toBe(outcome.series.filter(({ finished }) => finished > 0).length);
  await vi.runAllTimersAsync();
  expect(log.filter((event) => /unet|encoder|decoder/.test(event)).length).toBe(before);
  expect(alive.now).toBe(0);
});

test("a series that cannot be read does not end the others", async () => {
  const { running, written } = await startStudy(4, 1);
  const outcome = await untilOver(running);
  expect(outcome.series.map(({ failedSlices }) => failedSlices.size)).toEqual([0, 1, 0, 0]);
  expect(written).toEqual(["0/0", "2/0", "3/0"]);
});
