import { parseManifest } from "@samrefine/models";
import { describe, expect, it } from "vitest";
import { loadCatalogue } from "./model-catalogue.ts";

const digest = "a".repeat(64);
const common = { schema: "samrefine-model/1", version: "1", licence: "CC0", source: "test" };
const unet = {
  ...common,
  task: "semantic-segmentation",
  id: "unet-test",
  title: "Test",
  files: [{ role: "model", url: "model.onnx", sha256: digest, bytes: 1 }],
  tensors: { input: "x", output: "y" },
  input: { rows: 8, columns: 8, channels: 1 },
  intensity: { kind: "window", center: 0, width: 10 },
  activation: "sigmoid",
  labels: [
    {
      number: 1,
      label: "thing",
      colorRgb: [1, 2, 3],
      category: { value: "1", scheme: "SCT", meaning: "a" },
      type: { value: "2", scheme: "SCT", meaning: "b" },
    },
  ],
  appliesTo: [{ modalities: ["CT"] }],
};
const sam = (id: string) => ({
  ...common,
  task: "promptable-segmentation",
  id,
  title: id,
  files: [{ role: "encoder", url: "e.onnx", sha256: digest, bytes: 1 }],
  family: "sam-cut",
  encoder: { input: "x", output: "y" },
  frame: 1024,
  lowRes: 256,
  mean: [0, 0, 0],
  standardDeviation: [1, 1, 1],
});

function server(files: Record<string, unknown>): typeof fetch {
  return async (input) => {
    const body = files[String(input)];
    return body === undefined ? new Response("", { status: 404 }) : new Response(JSON.stringify(body));
  };
}
const index = (manifests: string[]) => ({ schema: "samrefine-index/1", manifests });

describe("loadCatalogue", () => {
  it("resolves manifests against the index and prefers the configured promptable model", async () => {
    const catalogue = await loadCatalogue("http://h/m/index.json", {
      promptableModel: "sam-b",
      fetch: server({
        "http://h/m/index.json": index(["u/manifest.json", "a/manifest.json", "b/manifest.json"]),
        "http://h/m/u/manifest.json": unet,
        "http://h/m/a/manifest.json": sam("sam-a"),
        "http://h/m/b/manifest.json": sam("sam-b"),
      }),
    });
    expect(catalogue.segmentation.map(({ url }) => url)).toEqual(["http://h/m/u/manifest.json"]);
    expect(catalogue.promptable?.manifest.id).toBe("sam-b");
    expect(catalogue.problems).toEqual([]);
  });

  it("leaves out one bad manifest, says so, and keeps the rest", async () => {
    const catalogue = await loadCatalogue("http://h/index.json", {
      fetch: server({
        "http://h/index.json": index(["bad.json", "gone.json", "sam.json"]),
        "http://h/bad.json": { ...unet, activation: "relu" },
        "http://h/sam.json": sam("sam-a"),
      }),
    });
    expect(catalogue.segmentation).toEqual([]);
    expect(catalogue.promptable?.manifest.id).toBe("sam-a");
    expect(catalogue.problems).toHaveLength(2);
    expect(catalogue.problems.join()).toContain("activation");
    expect(catalogue.problems.join()).toContain("404");
  });

  it("offers what the user brought beside the index, and asks that SAM first", async () => {
    const own = [
      { manifest: parseManifest(sam("sam-own"), "own"), url: "opfs://samrefine-models/sam-own/manifest.json" },
      {
        manifest: parseManifest({ ...unet, id: "unet-own" }, "own"),
        url: "opfs://samrefine-models/unet-own/manifest.json",
      },
    ];
    const catalogue = await loadCatalogue("http://h/index.json", {
      own: Promise.resolve({ entries: own, problems: ["One of them is broken."] }),
      promptableModel: "sam-a",
      fetch: server({ "http://h/index.json": index(["sam.json"]), "http://h/sam.json": sam("sam-a") }),
    });
    expect(catalogue.promptable?.manifest.id).toBe("sam-own");
    expect(catalogue.segmentation.map(({ manifest }) => manifest.id)).toEqual(["unet-own"]);
    expect(catalogue.own).toEqual(own);
    expect(catalogue.problems).toEqual(["One of them is broken."]);
  });

  it("fails with a code when the index is missing", async () => {
    await expect(loadCatalogue("http://h/index.json", { fetch: server({}) })).rejects.toMatchObject({
      code: "model-fetch",
    });
  });
});
