import { describe, expect, test } from "vitest";
import { type ModelManifest, parseManifest } from "./manifest.ts";
import { frameFit, recogniseDecoder } from "./promptable-family.ts";

const official = ["image_embeddings", "point_coords", "point_labels", "mask_input", "has_mask_input"];

describe("recogniseDecoder", () => {
  // methods.md 6.1 to 6.4, as the exports name them.
  test.each([
    ["sam-official", [...official, "orig_im_size"]],
    ["sam-cut", official],
    ["transformers-sam", ["image_embeddings", "image_positional_embeddings", "input_points", "input_labels"]],
    [
      "transformers-sam2",
      ["image_embeddings.0", "image_embeddings.1", "image_embeddings.2", "input_points", "input_labels", "input_boxes"],
    ],
    [
      "sam2",
      [
        "image_embed",
        "high_res_feats_0",
        "high_res_feats_1",
        "point_coords",
        "point_labels",
        "mask_input",
        "has_mask_input",
      ],
    ],
    ["efficient-sam", ["image_embeddings", "batched_point_coords", "batched_point_labels", "orig_im_size"]],
    [undefined, ["image", "prompt"]],
  ])("%s", (family, inputs) => {
    expect(recogniseDecoder({ inputs })).toBe(family);
    expect(recogniseDecoder({ inputs: [...inputs].reverse() })).toBe(family);
  });
});

const base = {
  schema: "samrefine-model/1",
  id: "sam",
  version: "1",
  title: "SAM",
  task: "promptable-segmentation",
  files: [{ role: "encoder", url: "e.onnx", sha256: "0".repeat(64), bytes: 1 }],
  licence: "Apache-2.0",
  source: "here",
  frame: 1024,
  lowRes: 256,
  mean: [0, 0, 0],
  standardDeviation: [255, 255, 255],
};

describe("a promptable manifest", () => {
  const fitOf = (manifest: ModelManifest) => manifest.task === "promptable-segmentation" && frameFit(manifest);

  test("SAM 2 stretches, SAM letterboxes, and a manifest may say otherwise", () => {
    expect(fitOf(parseManifest({ ...base, family: "sam2" }, "m"))).toBe("stretch");
    expect(fitOf(parseManifest({ ...base, family: "transformers-sam" }, "m"))).toBe("letterbox");
    const encoder = { input: "images", output: "embeddings" };
    const medSam = { ...base, family: "sam-official", encoder, fit: "stretch", contrast: "min-max", prompts: ["box"] };
    expect(fitOf(parseManifest(medSam, "m"))).toBe("stretch");
  });

  test.each([
    ["encoder", { ...base, family: "sam-official" }],
    ["encoder", { ...base, family: "sam2", encoder: { input: "a", output: "b" } }],
    ["family", { ...base, family: "sam3" }],
    ["prompts.0", { ...base, family: "sam2", prompts: ["text"] }],
  ])("what is wrong at %s is named", (path, value) => {
    expect(() => parseManifest(value, "m")).toThrow(
      expect.objectContaining({ code: "model-manifest", details: { origin: "m", path } }),
    );
  });
});
