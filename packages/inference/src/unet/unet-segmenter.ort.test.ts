import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Image2D, neighbouringSlices } from "@samrefine/core";
import { sha256Hex } from "@samrefine/models";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createNodeEngine, type InferenceEngine } from "../node.ts";
import { writeTinyDeepUnet, writeTinyUnet } from "../testing/tiny-models.ts";

const intensity = { lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY, subtract: 0, multiply: 1 };
const geometry = { rows: 1, columns: 4, spacingMm: { x: 2, y: 3 } };
const image: Image2D = { geometry, channels: 1, data: Float32Array.of(1, -2, 3, 0.5) };
const sigmoid = (logit: number) => 1 / (1 + Math.exp(-logit));

/** The left neighbour's value, and everywhere 1. */
const twoClasses = {
  rows: 1,
  columns: 4,
  channels: [
    { weight: 1, bias: 0 },
    { weight: 0, bias: 1 },
  ],
};

let root: string;
let folder: string;
let engine: InferenceEngine;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "samrefine-unet-"));
  engine = await createNodeEngine({ threads: 1 });
});
beforeEach(async () => {
  folder = await mkdtemp(join(root, "model-"));
});
afterEach(async () => {
  expect((await engine.stats()).sessions).toBe(0);
});
afterAll(async () => {
  await engine.dispose();
  await rm(root, { recursive: true, force: true });
});

describe("the U-Net adapter", () => {
  test("sigmoid channels are thresholded at 0.5 and may overlap", async () => {
    const { manifest, manifestPath } = await writeTinyUnet(folder, twoClasses);
    const unet = await engine.loadSegmenter(manifest, manifestPath);
    const stack = await unet.segment(image, { intensity });
    // Logits are the left neighbours: 0, 1, -2, 3.
    expect([...stack.segments[0]!.mask.data]).toEqual([0, 1, 0, 1]);
    expect([...stack.segments[1]!.mask.data]).toEqual([1, 1, 1, 1]);
    expect(stack.segments.map((segment) => segment.number)).toEqual([1, 2]);
    for (const [i, logit] of [0, 1, -2, 3].entries()) {
      expect(stack.segments[0]!.probability![i]).toBeCloseTo(sigmoid(logit), 6);
    }
    expect(unet.digest).toBe(manifest.files[0]!.sha256);
    await unet.dispose();
  });

  test("logits where they are asked for, unless something is averaged", async () => {
    const { manifest, manifestPath } = await writeTinyUnet(folder, twoClasses);
    const unet = await engine.loadSegmenter(manifest, manifestPath);
    const { segments } = await unet.segment(image, { intensity, values: "logits" });
    expect(segments.map(({ logits }) => [...logits!])).toEqual([
      [0, 1, -2, 3],
      [1, 1, 1, 1],
    ]);
    expect(segments.map(({ mask }) => [...mask.data])).toEqual([
      [0, 1, 0, 1],
      [1, 1, 1, 1],
    ]);
    expect(segments.some(({ probability }) => probability)).toBe(false);
    const averaged = await unet.segment(image, { intensity, values: "logits", testTimeAugmentation: "flips" });
    expect(averaged.segments.every(({ logits, probability }) => !logits && probability)).toBe(true);
    await unet.dispose();
  });

  test("the result lies on the network's grid with the spacing that follows", async () => {
    const { manifest, manifestPath } = await writeTinyUnet(folder, { rows: 2, columns: 8 });
    const unet = await engine.loadSegmenter(manifest, manifestPath);
    const stack = await unet.segment(image, { intensity });
    expect(stack.geometry).toEqual({ rows: 2, columns: 8, spacingMm: { x: 1, y: 1.5 } });
    await unet.dispose();
  });

  test("softmax leaves the background out and gives each pixel to the most probable class", async () => {
    const { manifest, manifestPath } = await writeTinyUnet(folder, {
      rows: 1,
      columns: 4,
      activation: "softmax",
      channels: [
        { weight: 0, bias: 0.5 },
        { weight: 1, bias: 0 },
        { weight: -1, bias: 0 },
      ],
    });
    const unet = await engine.loadSegmenter(manifest, manifestPath);
    const stack = await unet.segment(image, { intensity });
    expect(stack.segments.map((segment) => [...segment.mask.data])).toEqual([
      [0, 1, 0, 1],
      [0, 0, 1, 0],
    ]);
    const [e0, e1, e2] = [Math.exp(0.5), Math.exp(1), Math.exp(-1)];
    expect(stack.segments[0]!.probability![1]).toBeCloseTo(e1 / (e0 + e1 + e2), 6);
    // Ahead of the background, which is at 0.5, or behind it.
    expect(stack.segments.map((segment) => segment.logits![1])).toEqual([
      expect.closeTo(0.5, 5),
      expect.closeTo(-2, 5),
    ]);
    await unet.dispose();
  });

  test("test-time augmentation averages the probabilities of mirrored runs", async () => {
    const { manifest, manifestPath } = await writeTinyUnet(folder, { rows: 1, columns: 4 });
    const unet = await engine.loadSegmenter(manifest, manifestPath);
    const stack = await unet.segment(image, { intensity, testTimeAugmentation: "horizontal-flip" });
    // Mirrored, the left neighbour is the right one: -2, 3, 0.5, 0.
    const expected = [
      [0, -2],
      [1, 3],
      [-2, 0.5],
      [3, 0],
    ].map(([a, b]) => (sigmoid(a!) + sigmoid(b!)) / 2);
    for (const [i, value] of expected.entries()) expect(stack.segments[0]!.probability![i]).toBeCloseTo(value, 6);
    // This network does not look up or down, so that vertical mirroring adds nothing.
    const flips = await unet.segment(image, { intensity, testTimeAugmentation: "flips" });
    for (const [i, value] of expected.entries()) expect(flips.segments[0]!.probability![i]).toBeCloseTo(value, 6);
    await unet.dispose();
  });

  test("a sliding window over the image's own pixels sees what a network of that size would see", async () => {
    const wide = { rows: 5, columns: 17 };
    const data = Float32Array.from({ length: 5 * 17 }, (_, i) => Math.sin(i * 1.7) * 3);
    const large: Image2D = { geometry: wide, channels: 1, data };
    const whole = await writeTinyUnet(join(folder, "whole"), wide);
    const window = await writeTinyUnet(join(folder, "window"), { rows: 4, columns: 6 });
    const windowed = await engine.loadSegmenter(
      { ...window.manifest, tiling: { overlap: 0.5, blend: "gaussian" } },
      window.manifestPath,
    );
    const full = await engine.loadSegmenter(whole.manifest, whole.manifestPath);
    const progress: number[] = [];
    const stack = await windowed.segment(large, { intensity, onProgress: ({ completed }) => progress.push(completed) });
    const expected = await full.segment(large, { intensity });
    expect(stack.geometry).toEqual(wide);
    const [found, wanted] = [stack.segments[0]!.probability!, expected.segments[0]!.probability!];
    // The network looks one pixel to the left: only a window's first column lacks something, and the Gaussian gives it
    // little weight. Everything that no first column covers is exact.
    let exact = 0;
    for (const [i, value] of wanted.entries()) {
      expect(Math.abs(found[i]! - value)).toBeLessThan(0.06);
      if (Math.abs(found[i]! - value) < 1e-6) exact++;
    }
    expect(exact).toBeGreaterThan(60);
    // Two rows of five windows.
    expect(progress).toEqual(Array.from({ length: 10 }, (_, i) => i + 1));
    const flipped = await windowed.segment(large, { intensity, testTimeAugmentation: "horizontal-flip" });
    const flippedWhole = await full.segment(large, { intensity, testTimeAugmentation: "horizontal-flip" });
    for (const [i, value] of flippedWhole.segments[0]!.probability!.entries()) {
      expect(Math.abs(flipped.segments[0]!.probability![i]! - value)).toBeLessThan(0.06);
    }
    await windowed.dispose();
    await full.dispose();
  });

  test("a network with a spacing gets the image at that spacing, padded to its window", async () => {
    const { manifest, manifestPath } = await writeTinyUnet(folder, { rows: 4, columns: 6 });
    const unet = await engine.loadSegmenter({ ...manifest, spacingMm: { x: 1, y: 1 } }, manifestPath);
    // 4 x 1 pixels of 2 x 3 mm are 8 x 3 pixels of 1 mm; the window is wider than neither, but higher.
    const stack = await unet.segment({ ...image, data: Float32Array.of(1, 1, 1, 1) }, { intensity });
    expect(stack.geometry).toEqual({ rows: 3, columns: 8, spacingMm: { x: 1, y: 1 } });
    const { probability } = stack.segments[0]!;
    // Left of the image is nothing, which counts as 0; elsewhere the left neighbour is 1. The second window begins at column
    // 2 and sees nothing to its left either, but its border weighs little against the middle of the first.
    const weight = (x: number) => Math.exp(-0.5 * ((x - 2.5) / 0.75) ** 2);
    const mixed = (weight(2) * sigmoid(1) + weight(0) * sigmoid(0)) / (weight(2) + weight(0));
    for (const [i, value] of [sigmoid(0), sigmoid(1), mixed].entries()) expect(probability![i]).toBeCloseTo(value, 5);
    const noSpacing = { ...image, geometry: { rows: 1, columns: 4 } };
    await expect(unet.segment(noSpacing, { intensity })).rejects.toMatchObject({ code: "invalid-geometry" });
    await unet.dispose();
  });

  test("a 3D network sees the neighbouring slices along its depth and answers for the middle one", async () => {
    const { manifest, manifestPath } = await writeTinyDeepUnet(folder, { depth: 4, rows: 2, columns: 3, slices: 3 });
    const unet = await engine.loadSegmenter(manifest, manifestPath);
    const place = { rows: 2, columns: 3 };
    const volume = Array.from(
      { length: 5 },
      (_, k): Image2D => ({
        geometry: place,
        channels: 1,
        data: Float32Array.from({ length: 6 }, (_, i) => Math.sin(k * 2.3 + i)),
      }),
    );
    for (const k of [0, 2, 4]) {
      const stack = await unet.segment(neighbouringSlices(volume, k, 3), {
        intensity,
        testTimeAugmentation: "horizontal-flip",
      });
      const [before, after] = [volume[Math.max(k - 1, 0)]!, volume[Math.min(k + 1, 4)]!];
      for (const [i, p] of stack.segments[0]!.probability!.entries()) {
        expect(p).toBeCloseTo(sigmoid(before.data[i]! - after.data[i]!), 5);
      }
    }
    await unet.dispose();
  });

  test("refuses an image with other channels, and a result that is not a number", async () => {
    const { manifest, manifestPath } = await writeTinyUnet(folder, { channels: [{ weight: Number.NaN, bias: 0 }] });
    const unet = await engine.loadSegmenter(manifest, manifestPath);
    const rgb: Image2D = { geometry, channels: 3, data: new Uint8Array(12) };
    await expect(unet.segment(rgb, { intensity })).rejects.toMatchObject({
      code: "shape-mismatch",
      details: { found: 3, expected: 1 },
    });
    await expect(unet.segment(image, { intensity })).rejects.toMatchObject({ code: "inference" });
    await expect(unet.segment(image, { intensity, values: "logits" })).rejects.toMatchObject({ code: "inference" });
    await unet.dispose();
    await unet.dispose();
    await expect(unet.segment(image, { intensity })).rejects.toMatchObject({ code: "disposed" });
  });

  test("a model disposed in the middle of a task ends the task, and says so", async () => {
    const { manifest, manifestPath } = await writeTinyUnet(folder);
    const unet = await engine.loadSegmenter(manifest, manifestPath);
    const task = unet.segment(image, { intensity, testTimeAugmentation: "flips" });
    const rejection = expect(task).rejects.toMatchObject({ code: "disposed" });
    await unet.dispose();
    await rejection;
  });

  test("time in the model is counted under its role", async () => {
    const { manifest, manifestPath } = await writeTinyUnet(folder);
    const unet = await engine.loadSegmenter(manifest, manifestPath);
    const before = (await engine.stats()).runMs.unet;
    await unet.segment(image, { intensity });
    expect((await engine.stats()).runMs.unet).toBeGreaterThan(before);
    await unet.dispose();
  });
});

describe("a file that is not what its manifest says", () => {
  test("another digest", async () => {
    const { manifest, manifestPath } = await writeTinyUnet(folder);
    const path = join(folder, "tiny.onnx");
    const bytes = await readFile(path);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(path, bytes);
    await expect(engine.loadSegmenter(manifest, manifestPath)).rejects.toMatchObject({
      code: "model-integrity",
      details: { origin: path },
    });
  });

  test("no model at all, though the digest holds", async () => {
    const { manifest, manifestPath } = await writeTinyUnet(folder);
    const path = join(folder, "tiny.onnx");
    const text = new TextEncoder().encode("version https://git-lfs.github.com/spec/v1");
    await writeFile(path, text);
    const file = { ...manifest.files[0]!, sha256: await sha256Hex(text), bytes: text.length };
    await expect(engine.loadSegmenter({ ...manifest, files: [file] }, manifestPath)).rejects.toMatchObject({
      code: "inference",
      message: expect.stringContaining(path),
    });
  });

  test("other tensors, other shapes", async () => {
    const { manifest, manifestPath } = await writeTinyUnet(folder);
    const renamed = { ...manifest, tensors: { input: "image", output: "mask" } };
    await expect(engine.loadSegmenter(renamed, manifestPath)).rejects.toMatchObject({
      code: "shape-mismatch",
      details: { found: ["logits"], expected: ["mask"] },
    });
    const twoLabels = { ...manifest, labels: [...manifest.labels, { ...manifest.labels[0]!, number: 2 }] };
    const unet = await engine.loadSegmenter(twoLabels, manifestPath);
    await expect(unet.segment(image, { intensity })).rejects.toMatchObject({
      code: "shape-mismatch",
      details: { expected: [1, 2, 4, 6] },
    });
    await unet.dispose();
  });

  test("a missing file names its path", async () => {
    const { manifest, manifestPath } = await writeTinyUnet(folder);
    await rm(join(folder, "tiny.onnx"));
    await expect(engine.loadSegmenter(manifest, manifestPath)).rejects.toMatchObject({
      code: "model-fetch",
      message: expect.stringContaining(join(folder, "tiny.onnx")),
    });
  });
});
