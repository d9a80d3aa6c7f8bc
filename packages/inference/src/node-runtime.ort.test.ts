import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createNodeEngine } from "./node.ts";
import { writeTinyUnet } from "./testing/tiny-models.ts";

const intensity = { lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY, subtract: 0, multiply: 1 };
const image = { geometry: { rows: 1, columns: 4 }, channels: 1, data: Float32Array.of(1, -2, 3, 0.5) };
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "samrefine-node-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

// Without a GPU adapter the provider webgpu answers from the CPU and says so; with one it must give the same masks.
test.each(["cpu", "wasm", "webgpu"] as const)("%s segments, and says what runs", async (provider) => {
  const { manifest, manifestPath } = await writeTinyUnet(join(folder, provider), { rows: 1, columns: 4 });
  const engine = await createNodeEngine({ provider, threads: 1 });
  const unet = await engine.loadSegmenter(manifest, manifestPath);
  const { segments } = await unet.segment(image, { intensity });
  expect([...segments[0]!.mask.data]).toEqual([0, 1, 0, 1]);
  const { backend } = engine;
  expect(backend.onnxruntimeVersion).toMatch(/^1\.30/);
  if (backend.provider === provider)
    expect(backend.description).toMatch({ cpu: /CPU/, wasm: /WebAssembly/, webgpu: /WebGPU/ }[provider]);
  else expect(backend).toMatchObject({ provider: "cpu", description: expect.stringContaining("WebGPU was asked for") });
  await engine.dispose();
});
