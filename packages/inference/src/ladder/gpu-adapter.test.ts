import { describe, expect, test } from "vitest";
import { folderMemory } from "./backend-memory.ts";
import { type GpuAdapterLike, gpuRefusal, readGpu } from "./gpu-adapter.ts";
import { agreement } from "./probe.ts";

const adapter: GpuAdapterLike = {
  features: new Set(["shader-f16"]),
  limits: { maxStorageBufferBindingSize: 128 * 2 ** 20, maxBufferSize: 256 * 2 ** 20 },
  info: { vendor: "nvidia", architecture: "ampere" },
};

describe("readGpu", () => {
  test("the facts of an adapter", async () => {
    expect(await readGpu({ requestAdapter: async () => adapter })).toEqual({
      description: "nvidia ampere",
      shaderF16: true,
      storageBufferBytes: 128 * 2 ** 20,
      bufferBytes: 256 * 2 ** 20,
      isSoftware: false,
    });
  });

  test.each([
    ["no WebGPU", undefined, /no WebGPU/],
    ["no adapter", { requestAdapter: async () => null }, /no GPU/],
    ["a driver that throws", { requestAdapter: () => Promise.reject(new Error("blocklisted")) }, /blocklisted/],
  ])("%s is a reason, not a crash", async (_, gpu, reason) => {
    await expect(readGpu(gpu)).rejects.toMatchObject({
      code: "backend-unavailable",
      message: expect.stringMatching(reason),
    });
  });
});

test("limits are compared with what the manifest says, or with the largest file", async () => {
  const facts = await readGpu({ requestAdapter: async () => adapter });
  expect(gpuRefusal(facts, {}, 40e6)).toBeUndefined();
  // The attention of SlimSAM in half floats, which integrated GPUs with 128 MiB cannot bind.
  expect(gpuRefusal(facts, { storageBufferBytes: 384 * 2 ** 20 }, 40e6)).toMatch(/384 MiB.*at most 128 MiB/);
  expect(gpuRefusal({ ...facts, bufferBytes: 2 ** 20 }, {}, 40e6)).toMatch(/allocates at most 1 MiB/);
  expect(gpuRefusal({ ...facts, shaderF16: false }, { shaderF16: true }, 1)).toMatch(/shader-f16/);
});

test("agreement counts places, and knows nothing better than not a number", () => {
  expect(agreement(Float32Array.of(0, 0.5, 1, 1), Float32Array.of(0.05, 0.5, 1, 0.5))).toBe(0.75);
  expect(agreement(Float32Array.of(0, Number.NaN), Float32Array.of(0, Number.NaN))).toBe(0);
  expect(agreement(new Float32Array(2), new Float32Array(3))).toBe(0);
  expect(agreement(new Float32Array(), new Float32Array())).toBe(0);
});

test("decisions come back from a folder; whatever else lies there is no decision", async () => {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const memory = folderMemory({
    list: async () => [],
    read: async (name) => files.get(name),
    write: async (name, bytes) => void files.set(name, bytes),
    remove: async (name) => void files.delete(name),
  });
  const decision = { backend: "webgpu", decidedBy: "user", results: [] } as const;
  await memory.write("a", decision);
  expect(await memory.read("a")).toEqual(decision);
  for (const text of ["{", "null", '{"backend":1}']) {
    files.set("b.backend", new TextEncoder().encode(text));
    expect(await memory.read("b")).toBeUndefined();
  }
  await memory.write("a", undefined);
  expect(await memory.read("a")).toBeUndefined();
});
