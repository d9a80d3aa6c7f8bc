import type { IntensityPolicy, IntensityTransform } from "@samrefine/core";
import { expect, it } from "vitest";
import { MeasuredIntensities } from "./measured-intensity.ts";
import type { SeriesSource } from "./series-source.ts";

const never = new AbortController().signal;
const wholeVolume: IntensityPolicy = { kind: "percentiles", lower: 1, upper: 99, scope: "volume" };

function measuring(bytesPerFrame: number) {
  const read: number[] = [];
  const batches: number[][] = [];
  const progress: number[] = [];
  const transform: IntensityTransform = { lower: 0, upper: 9, subtract: 0, multiply: 1 };
  const client = {
    request: async (name: string, argument: unknown) => {
      if (name === "addToMeasure") {
        batches.push((argument as { data: { slice: number } }[]).map(({ data }) => data.slice));
      }
      return name === "finishMeasure" ? transform : undefined;
    },
  };
  const series = {
    sliceCount: 5,
    frame: async (slice: number, signal: AbortSignal) => {
      signal.throwIfAborted();
      read.push(slice);
      return { data: { slice, byteLength: bytesPerFrame } };
    },
  } as unknown as SeriesSource;
  const intensities = new MeasuredIntensities();
  const of = (policy: IntensityPolicy, signal = never) =>
    intensities.of(series, policy, client as never, { signal, onProgress: (slices) => progress.push(slices) });
  return { of, read, batches, progress, transform };
}

it("reads a series once, in batches that memory bounds", async () => {
  const { of, read, batches, progress, transform } = measuring(9e6);
  expect(await of(wholeVolume)).toEqual(transform);
  expect(batches).toEqual([[0, 1], [2, 3], [4]]);
  expect(progress).toEqual([2, 4, 5]);
  expect(await of({ ...wholeVolume })).toEqual(transform);
  expect(read).toHaveLength(5);
  await of({ ...wholeVolume, upper: 98 });
  expect(read).toHaveLength(10);
});

it("reads nothing for a policy that looks at one slice", async () => {
  const { of, read } = measuring(1);
  expect(await of({ kind: "window", center: 40, width: 400 })).toBeUndefined();
  expect(await of({ ...wholeVolume, scope: "image" })).toBeUndefined();
  expect(read).toEqual([]);
});

it("knows nothing of a series whose reading was cancelled", async () => {
  const { of, read } = measuring(1);
  const cancel = new AbortController();
  cancel.abort(new DOMException("Cancelled.", "AbortError"));
  await expect(of(wholeVolume, cancel.signal)).rejects.toThrow("Cancelled.");
  await of(wholeVolume);
  expect(read).toHaveLength(5);
});
