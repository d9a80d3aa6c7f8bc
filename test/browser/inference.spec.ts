import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PromptableManifest } from "@samrefine/models";
import { buildModel, type NodeSpec, type TensorSpec } from "@samrefine/models/onnx";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser, openWatchedPage, type WatchedPage } from "../e2e/harness/browser.ts";
import type { InferencePage } from "./inference-page/page.ts";
import { type ServedPage, servePage } from "./serve-page.ts";

// The caches and the ladder where they have to hold: in a browser's workers, on its private file system and its WebGPU, which
// is a software one here. The model is a tiny graph with SAM's interface.
type PageGlobal = typeof globalThis & { readonly inferencePage: InferencePage };

let served: ServedPage;
let browser: Browser;

beforeAll(async () => {
  served = await servePage("inference-page");
  await writeTinySam(join(served.folder, "sam"));
  browser = await launchBrowser(["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]);
});

afterAll(async () => {
  await browser?.close();
  await served?.stop();
});

async function load(watched: WatchedPage): Promise<void> {
  await watched.page.goto(`${served.origin}/index.html`);
  await watched.page.waitForFunction(() => "inferencePage" in globalThis);
}

const open = ({ page }: WatchedPage, withWebgpu: boolean) =>
  page.evaluate((options) => (globalThis as PageGlobal).inferencePage.open(options), { withWebgpu });
const segment = ({ page }: WatchedPage, slices: number) =>
  page.evaluate((count) => (globalThis as PageGlobal).inferencePage.segment(count), slices);
const close = ({ page }: WatchedPage) => page.evaluate(() => (globalThis as PageGlobal).inferencePage.close());

describe("embeddings in the browser's private file system", () => {
  test("a study that is opened again after a reload is not encoded again, until the cache is cleared", async () => {
    const watched = await openWatchedPage(browser, served.origin);
    await load(watched);
    expect((await open(watched, false)).choice).toMatchObject({ backend: "wasm-threads" });
    const first = await segment(watched, 3);
    expect(first.origins).toEqual(["encoded", "encoded", "encoded"]);
    await close(watched);
    await expect.poll(() => storedFiles(watched), { timeout: 20_000 }).toHaveLength(3);
    for (const name of await storedFiles(watched)) expect(name).toMatch(/^[0-9a-f]{64}\.embedding$/);

    await load(watched);
    await open(watched, false);
    const second = await segment(watched, 3);
    expect(second.origins).toEqual(["cache", "cache", "cache"]);
    expect(second.logits).toEqual(first.logits);
    const stats = await watched.page.evaluate(() => (globalThis as PageGlobal).inferencePage.stats());
    expect(stats).toMatchObject({ cacheHits: 3, cacheMisses: 0, runMs: { encoder: 0 } });
    expect(stats.cache?.stored).toMatchObject({ hits: 3, entries: 3, failures: 0 });

    await watched.page.evaluate(() => (globalThis as PageGlobal).inferencePage.clearCache());
    expect(await storedFiles(watched)).toEqual([]);
    expect((await segment(watched, 1)).origins).toEqual(["encoded"]);
    await close(watched);
    await watched.close();
  });
});

describe("the ladder in a browser", () => {
  test("WebGPU is put to the test once, and its answers are WebAssembly's where it runs", async () => {
    const watched = await openWatchedPage(browser, served.origin);
    await load(watched);
    const { choice } = await open(watched, true);
    const [result] = choice.results;
    process.stdout.write(`Pre-flight of WebGPU: ${result?.outcome} ${result?.stage ?? ""} (${result?.reason})\n`);
    // Software may be slower, or not be there at all; wrong it must not be.
    if (result?.outcome === "refused") expect(["open", "timing"]).toContain(result.stage);
    expect(choice.backend).toBe(result?.outcome === "passed" ? "webgpu" : "wasm-threads");
    const answers = await segment(watched, 2);
    if (result?.stage !== "open") {
      const { page } = watched;
      for (const backend of ["webgpu", "wasm-threads"]) {
        const chosen = await page.evaluate((id) => (globalThis as PageGlobal).inferencePage.choose(id), backend);
        expect(chosen).toMatchObject({ backend, decidedBy: "user" });
        const { logits } = await segment(watched, 2);
        for (const [i, value] of answers.logits.entries()) expect(Math.abs(logits[i]! - value)).toBeLessThan(0.02);
      }
    }
    await close(watched);
    // What was decided is known after a reload; nothing is tried again.
    await load(watched);
    expect((await open(watched, true)).choice.results).toEqual(choice.results);
    await close(watched);
    await watched.close();
  });
});

async function storedFiles({ page }: WatchedPage): Promise<readonly string[]> {
  return page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const directory = await root.getDirectoryHandle("samrefine-embeddings", { create: true });
    const names: string[] = [];
    for await (const name of directory.keys()) if (name.endsWith(".embedding")) names.push(name);
    return names;
  });
}

/** The embedding is the downscaled image; the logits are the embedding plus the token's place. */
async function writeTinySam(target: string): Promise<void> {
  const float = (name: string, dims: readonly (number | string)[]): TensorSpec => ({ name, dataType: "float32", dims });
  const floats = (name: string, dims: readonly number[], ...values: number[]) => ({
    name,
    dataType: "float32" as const,
    dims,
    data: Float32Array.from(values),
  });
  const node = (op: string, inputs: string[], output: string, attributes: NodeSpec["attributes"] = {}): NodeSpec => ({
    op,
    inputs,
    outputs: [output],
    attributes,
  });
  const axes = { name: "space", dataType: "int64" as const, dims: [2], data: BigInt64Array.of(2n, 3n) };
  const encoder = buildModel({
    opset: 18,
    inputs: [float("input", [1, 3, 64, 64])],
    outputs: [float("output", [1, 1, 16, 16])],
    initializers: [floats("kernel", [1, 3, 4, 4], ...new Array<number>(48).fill(1 / 48))],
    nodes: [node("Conv", ["input", "kernel"], "output", { kernel_shape: { ints: [4, 4] }, strides: { ints: [4, 4] } })],
  });
  const decoder = buildModel({
    opset: 18,
    inputs: [
      float("image_embeddings", [1, 1, 16, 16]),
      float("point_coords", ["prompts", "points", 2]),
      float("point_labels", ["prompts", "points"]),
      float("mask_input", ["prompts", 1, 16, 16]),
      float("has_mask_input", [1]),
    ],
    outputs: [float("low_res_masks", ["prompts", 4, 16, 16]), float("iou_predictions", ["prompts", 4])],
    initializers: [axes, floats("nothing", [], 0), floats("tokens", [1, 4, 1, 1], 0, 1, 2, 3)],
    nodes: [
      node("ReduceMean", ["point_coords"], "place", { keepdims: { int: 0 } }),
      node("ReduceMean", ["point_labels"], "label", { keepdims: { int: 0 } }),
      node("Add", ["place", "label"], "asked"),
      node("Mul", ["asked", "nothing"], "noQuestion"),
      node("Mul", ["mask_input", "has_mask_input"], "mask"),
      node("Add", ["image_embeddings", "mask"], "masked"),
      node("Add", ["masked", "noQuestion"], "asked4"),
      node("Add", ["asked4", "tokens"], "low_res_masks"),
      node("ReduceMean", ["low_res_masks", "space"], "iou_predictions", { keepdims: { int: 0 } }),
    ],
  });
  const files = { "encoder.onnx": encoder, "decoder.onnx": decoder };
  const entry = (role: "encoder" | "decoder", url: keyof typeof files) => ({
    role,
    url,
    sha256: createHash("sha256").update(files[url]).digest("hex"),
    bytes: files[url].length,
  });
  const manifest: PromptableManifest = {
    schema: "samrefine-model/1",
    id: "tiny-sam",
    version: "1",
    title: "Tiny SAM",
    task: "promptable-segmentation",
    family: "sam-cut",
    files: [entry("encoder", "encoder.onnx"), entry("decoder", "decoder.onnx")],
    encoder: { input: "input", output: "output" },
    frame: 64,
    lowRes: 16,
    mean: [127.5, 127.5, 127.5],
    standardDeviation: [127.5, 127.5, 127.5],
    licence: "Apache-2.0",
    source: "made by this test",
  };
  await mkdir(target, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(target, name), bytes);
  await writeFile(join(target, "manifest.json"), JSON.stringify(manifest));
}
