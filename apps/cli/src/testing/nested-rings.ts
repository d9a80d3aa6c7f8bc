import { join } from "node:path";
import { buildModel, type NodeSpec } from "@samrefine/models/onnx";
import { writeJson, writeOutput } from "../command-context.ts";
import { encodeGreyPng } from "../dataset/write-case.ts";
import { writeTestModel } from "./write-test-model.ts";

const size = { columns: 96, rows: 96 };

/** Grey value of the ring's wall, by its part: the network of {@link writeRingModel} does not see the outer one. */
const wall = { inner: 190, outer: 150 };
const content = 235;

/**
 * A data set of a ring (label 1) around its content (label 2), like a myocardium and its ventricle: 3 labelled and 3 val
 * images. The outer part of the wall is dimmer than the rest.
 */
export async function writeRingDataset(folder: string): Promise<void> {
  const ids = ["ring1", "ring2", "ring3", "ring4", "ring5", "ring6"];
  for (const [index, id] of ids.entries()) {
    const radii = { content: 11 + (index % 3), seen: 18 + (index % 2), ring: 24 + (index % 3) };
    const [image, labels] = [new Uint8Array(96 * 96).fill(40), new Uint8Array(96 * 96)];
    for (let pixel = 0; pixel < image.length; pixel++) {
      const distance = Math.hypot((pixel % 96) - 44 - index, Math.floor(pixel / 96) - 48);
      if (distance >= radii.ring) continue;
      labels[pixel] = distance < radii.content ? 2 : 1;
      image[pixel] = distance < radii.content ? content : distance < radii.seen ? wall.inner : wall.outer;
    }
    await writeOutput(join(folder, "imagesTr", `${id}_0000.png`), await encodeGreyPng(image, size));
    await writeOutput(join(folder, "labelsTr", `${id}.png`), await encodeGreyPng(labels, size));
  }
  await writeJson(join(folder, "dataset.json"), {
    channel_names: { 0: "MRI" },
    labels: { background: 0, ring: 1, content: 2 },
    file_ending: ".png",
  });
  await writeJson(join(folder, "split.json"), { labeled: ids.slice(0, 3), unlabeled: [], val: ids.slice(3) });
}

/** A real, tiny network that tells ring and content by their brightness and takes the dim outer wall for background. */
export async function writeRingModel(folder: string): Promise<string> {
  const float = (name: string, channels: number) => ({
    ...{ name, dataType: "float32" as const },
    dims: ["batch", channels, size.rows, size.columns],
  });
  const scalar = (name: string, value: number) => ({
    ...{ name, dataType: "float32" as const, dims: [] },
    data: Float32Array.of(value),
  });
  const node = (op: string, inputs: string[], output: string, attributes: NodeSpec["attributes"] = {}): NodeSpec => ({
    ...{ op, inputs, attributes },
    outputs: [output],
  });
  const model = buildModel({
    opset: 18,
    inputs: [float("image", 1)],
    outputs: [float("logits", 2)],
    initializers: [scalar("gain", 20), scalar("dim", -20 * (170 / 255)), scalar("bright", -20 * (212 / 255))],
    nodes: [
      node("Mul", ["image", "gain"], "scaled"),
      node("Add", ["scaled", "dim"], "aboveDim"),
      node("Add", ["scaled", "bright"], "content"),
      node("Neg", ["content"], "belowBright"),
      node("Min", ["aboveDim", "belowBright"], "ring"),
      node("Concat", ["ring", "content"], "logits", { axis: { int: 1 } }),
    ],
  });
  return await writeTestModel(folder, {
    ...{ id: "rings", version: "1", title: "Bright rings and their brighter content", model, grid: size },
    labels: ["ring", "content"].map((label, index) => ({ label, colorRgb: [255, 128 * index, 0] })),
  });
}
