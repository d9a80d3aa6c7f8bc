import { sha256Hex } from "@samrefine/models";
import { describe, expect, it } from "vitest";
import { type BroughtFile, readBroughtModel } from "./brought-model.ts";

const model = Uint8Array.of(8, 9, 18, 1);
const concept = { value: "1", scheme: "SCT", meaning: "a" };

async function manifestOf(change: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  return {
    schema: "samrefine-model/1",
    task: "semantic-segmentation",
    id: "mine",
    version: "1",
    title: "Mine",
    licence: "CC0",
    source: "test",
    files: [{ role: "model", url: "model.onnx", sha256: await sha256Hex(model), bytes: model.length }],
    tensors: { input: "x", output: "y" },
    input: { rows: 8, columns: 8, channels: 1 },
    intensity: { kind: "window", center: 0, width: 10 },
    activation: "sigmoid",
    labels: [{ number: 1, label: "thing", colorRgb: [1, 2, 3], category: concept, type: concept }],
    appliesTo: [],
    ...change,
  };
}

function file(path: string, content: unknown): BroughtFile {
  const bytes =
    content instanceof Uint8Array ? new Uint8Array(content) : new TextEncoder().encode(JSON.stringify(content));
  return { path, bytes: bytes.length, read: async () => bytes };
}

describe("readBroughtModel", () => {
  it("takes the manifest and what it names out of a folder, and nothing else", async () => {
    const { manifest, files } = await readBroughtModel([
      file("mine/readme.txt", "hello"),
      file("mine/model.onnx", model),
      file("mine/manifest.json", await manifestOf()),
    ]);
    expect(manifest.id).toBe("mine");
    expect([...files.keys()]).toEqual(["model.onnx", "manifest.json"]);
    expect(files.get("model.onnx")).toEqual(model);
  });

  it("takes files that were dropped together without a folder", async () => {
    const brought = [file("manifest.json", await manifestOf()), file("model.onnx", model)];
    expect((await readBroughtModel(brought)).manifest.title).toBe("Mine");
  });

  const damaged = Uint8Array.of(8, 9, 18, 2);
  it.each([
    ["no manifest", async () => [file("model.onnx", model)], "model-manifest", /one manifest\.json; 0 were found/],
    [
      "two models",
      async () => [file("a/manifest.json", await manifestOf()), file("b/manifest.json", await manifestOf())],
      "model-manifest",
      /2 were found/,
    ],
    ["no JSON", async () => [file("manifest.json", model)], "model-manifest", /is not JSON/],
    [
      "another schema",
      async () => [file("manifest.json", await manifestOf({ activation: "relu" }))],
      "model-manifest",
      /not valid at activation/,
    ],
    [
      "a missing file",
      async () => [file("m/manifest.json", await manifestOf()), file("model.onnx", model)],
      "model-manifest",
      /model\.onnx, but it was not brought along/,
    ],
    [
      "a damaged file",
      async () => [file("manifest.json", await manifestOf()), file("model.onnx", damaged)],
      "model-integrity",
      /not the one its manifest names/,
    ],
    [
      "a file elsewhere",
      async () => [
        file(
          "manifest.json",
          await manifestOf({ files: [{ role: "model", url: "../x", sha256: "0".repeat(64), bytes: 1 }] }),
        ),
      ],
      "model-manifest",
      /does not lie beside it/,
    ],
    [
      "an id that is taken",
      async () => [file("manifest.json", await manifestOf({ id: "site" })), file("model.onnx", model)],
      "model-manifest",
      /already offers a model with the id site/,
    ],
  ])("refuses %s", async (_, make, code, message) => {
    await expect(readBroughtModel(await make(), ["site"])).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});
