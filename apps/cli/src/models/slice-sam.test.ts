import type { Image2D, ImageEmbedding, PromptableSegmenter } from "@samrefine/core";
import { expect, test } from "vitest";
import { SliceSam } from "./slice-sam.ts";

const image: Image2D = { geometry: { columns: 2, rows: 1 }, channels: 1, data: new Uint8Array(2) };
const options = { displayRange: { lower: 0, upper: 255 } };
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** As the engine does, it remembers what it encoded. */
function recordingSam() {
  const known = new Set<Image2D>();
  const log: string[] = [];
  let alive = 0;
  const sam: PromptableSegmenter = {
    modelId: "recorder",
    digest: "0",
    capabilities: { box: true, backgroundPoints: true, maskInput: true, singleMaskToken: true, batch: true },
    encode: async (asked): Promise<ImageEmbedding> => {
      const origin = known.has(asked) ? "cache" : "encoded";
      log.push(origin === "cache" ? "remember" : "encode");
      alive++;
      if (origin === "encoded") await pause(60);
      known.add(asked);
      return { geometry: asked.geometry, origin, dispose: async () => void alive-- };
    },
    decode: async (embedding) => {
      log.push(`decode ${embedding.origin}`);
      return [];
    },
    dispose: async () => void log.push("dispose"),
  };
  return { sam, log, alive: () => alive };
}

test("a slice is encoded once for all plans, each is charged for it, and one embedding is alive", async () => {
  const { sam, log, alive } = recordingSam();
  const shared = new SliceSam(sam);
  const plan = async (): Promise<void> => {
    const embedding = await shared.encode(image, options);
    await shared.decode(embedding, []);
    await embedding.dispose();
  };
  const first = await shared.charge(plan);
  const second = await shared.charge(plan);
  const withoutSam = await shared.charge(async () => {});
  expect(log).toEqual(["encode", "decode encoded", "decode encoded"]);
  expect(alive()).toBe(1);
  for (const { seconds } of [first, second]) expect(seconds).toBeGreaterThan(0.05);
  expect(withoutSam.seconds).toBeLessThan(0.05);

  await shared.forgetSlice();
  expect(alive()).toBe(0);
  await shared.charge(plan);
  expect(log.at(-2)).toBe("remember");
  await shared.dispose();
  expect(alive()).toBe(0);
  // The model itself is borrowed.
  expect(log).not.toContain("dispose");
});

test("a plan that encodes crops is charged for each, and the plan after it for the slice's own; one is alive", async () => {
  const { sam, log, alive } = recordingSam();
  const shared = new SliceSam(sam);
  const crops = [{ ...image }, { ...image }];
  const plan = (...images: readonly Image2D[]) =>
    shared.charge(async () => {
      for (const shown of images) {
        const embedding = await shared.encode(shown, options);
        expect(alive()).toBe(1);
        await shared.decode(embedding, []);
        await embedding.dispose();
      }
    });
  await plan(image);
  const cropped = await plan(...crops);
  const again = await plan(image);
  const repeated = await plan(...crops);
  expect(log.filter((entry) => entry === "encode")).toHaveLength(3);
  for (const { seconds } of [cropped, repeated]) expect(seconds).toBeGreaterThan(0.1);
  expect(again.seconds).toBeGreaterThan(0.05);
  expect(again.seconds).toBeLessThan(cropped.seconds);

  // Through a volume and back: what the plan itself asked for before, the engine remembers.
  const back = await plan(image, crops[0]!, image);
  const onwards = await plan(image, ...crops);
  expect(log.filter((entry) => entry === "encode")).toHaveLength(3);
  expect(back.seconds).toBeGreaterThan(0.1);
  expect(back.seconds).toBeLessThan(onwards.seconds - 0.02);

  const stale = await shared.encode(image, options);
  await shared.encode(crops[0]!, options);
  await expect(shared.decode(stale, [])).rejects.toThrow("let go");
  await shared.dispose();
  expect(alive()).toBe(0);
});
