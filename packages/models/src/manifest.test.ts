import { presetPlan } from "@samrefine/core";
import { describe, expect, test } from "vitest";
import { parseManifest, type SegmentationManifest } from "./manifest.ts";

const concept = { value: "39607008", scheme: "SCT", meaning: "Lung" };
const label = (number: number) => ({
  number,
  label: "Lung",
  colorRgb: [1, 2, 3] as [number, number, number],
  category: concept,
  type: concept,
});
const manifest: SegmentationManifest = {
  schema: "samrefine-model/1",
  id: "lung",
  version: "1",
  title: "Lung",
  task: "semantic-segmentation",
  files: [{ role: "model", url: "m.onnx", sha256: "0".repeat(64), bytes: 1 }],
  licence: "CC-BY-4.0",
  source: "here",
  tensors: { input: "x", output: "y" },
  input: { rows: 256, columns: 256, channels: 1 },
  intensity: { kind: "percentiles", lower: 1, upper: 99, scope: "image" },
  activation: "sigmoid",
  labels: [label(1), label(2)],
  appliesTo: [{ modalities: ["DX"] }],
};
const withPlan = { ...manifest, trainedOn: ["case_1"], plan: presetPlan("raw") };

describe("parseManifest", () => {
  test("a manifest survives JSON, with its plan", () => {
    expect(parseManifest(JSON.parse(JSON.stringify(withPlan)), "m.json")).toEqual(withPlan);
  });

  test.each<[path: string, value: unknown]>([
    ["files.0.sha256", { ...manifest, files: [{ ...manifest.files[0], sha256: "ABC" }] }],
    ["colour", { ...manifest, colour: 1 }],
    ["intensity.scope", { ...manifest, intensity: { ...manifest.intensity, scope: "study" } }],
    ["labels", { ...manifest, labels: [label(1), label(3)] }],
    ["input", { ...manifest, input: { ...manifest.input, channels: 8, depth: 8 } }],
    ["input", { ...manifest, input: { ...manifest.input, channels: 9, depth: 8 } }],
    ["task", { ...manifest, task: "detection" }],
    ["id", { ...manifest, id: "Lung Fields" }],
    ["plan", { ...manifest, plan: { ...presetPlan("raw"), samWeight: 2 } }],
    ["(root)", null],
  ])("what is wrong at %s is named", (path, value) => {
    expect(() => parseManifest(value, "m.json")).toThrow(
      expect.objectContaining({ code: "model-manifest", details: { origin: "m.json", path } }),
    );
  });

  test("a plan that is wrong says where in the plan", () => {
    const wrong = { ...manifest, plan: { ...presetPlan("raw"), samWeight: 2 } };
    expect(() => parseManifest(wrong, "m.json")).toThrow(/samWeight/);
  });
});
