import { describe, expect, test } from "vitest";
import { type AttributeValue, buildModel, type NodeSpec, type TensorValue } from "./build-model.ts";
import { cutSamDecoder } from "./cut-sam-decoder.ts";
import { inspectModel } from "./inspect-model.ts";

const floatInput = (name: string, dims: readonly (number | string)[]) => ({
  name,
  dataType: "float32" as const,
  dims,
});
const inputs = [
  floatInput("image_embeddings", [1, 4, 2, 2]),
  floatInput("point_coords", [1, "num_points", 2]),
  floatInput("point_labels", [1, "num_points"]),
  floatInput("mask_input", [1, 1, 8, 8]),
  floatInput("has_mask_input", [1]),
  floatInput("orig_im_size", [2]),
];
const node = (
  op: string,
  from: readonly string[],
  to: string,
  attributes: Record<string, AttributeValue> = {},
): NodeSpec => ({ op, inputs: from, outputs: [to], attributes });
const index = (name: string, ...values: number[]): TensorValue => ({
  name,
  dataType: "int64",
  dims: [values.length],
  data: BigInt64Array.from(values.map(BigInt)),
});

/** The tail of a decoder with the names that no exporter would choose; `flatten` is how x[range, index] was exported. */
function decoder(flatten: "Flatten" | "Reshape" | "none"): Uint8Array {
  const tail =
    flatten === "none"
      ? [node("Identity", ["m4"], "low_res_masks"), node("Identity", ["s4"], "iou_predictions")]
      : [
          node("Shape", ["point_coords"], "n"),
          node("Cast", ["n"], "nf", { to: { int: 1 } }),
          node("ReduceSum", ["nf"], "bias", { keepdims: { int: 0 } }),
          node("Add", ["s4", "bias"], "biased"),
          node("ArgMax", ["biased"], "best", { axis: { int: 1 }, keepdims: { int: 0 } }),
          flatten === "Flatten" ? node("Flatten", ["m4"], "mf") : node("Reshape", ["m4", "flatShape"], "mf"),
          node("Gather", ["mf", "best"], "mg"),
          node("Unsqueeze", ["mg", "one"], "low_res_masks"),
          flatten === "Flatten" ? node("Flatten", ["s4"], "sf") : node("Reshape", ["s4", "flatShape"], "sf"),
          node("Gather", ["sf", "best"], "sg"),
          node("Unsqueeze", ["sg", "one"], "iou_predictions"),
        ];
  return buildModel({
    opset: 17,
    inputs,
    outputs: ["masks", "iou_predictions", "low_res_masks"].map((name) => floatInput(name, ["a", "b"])),
    initializers: [
      index("one", 1),
      index("flatShape", -1),
      { name: "w", dataType: "float32", dims: [1], data: Float32Array.of(2) },
      { name: "unused", dataType: "float32", dims: [1], data: Float32Array.of(2) },
    ],
    nodes: [
      node("Mul", ["image_embeddings", "w"], "e"),
      node("Add", ["e", "point_labels"], "p"),
      node("Add", ["p", "point_coords"], "q"),
      node("Mul", ["mask_input", "has_mask_input"], "mm"),
      node("Add", ["q", "mm"], "x"),
      node("Sigmoid", ["x"], "m4"),
      node("ReduceMean", ["x"], "s4"),
      ...tail,
      node("Mul", ["low_res_masks", "orig_im_size"], "masks"),
    ],
  });
}

describe("cutSamDecoder", () => {
  test.each(["Flatten", "Reshape", "none"] as const)("finds the four tokens behind a %s selection", (flatten) => {
    const cut = inspectModel(cutSamDecoder(decoder(flatten)));
    expect(cut.outputs).toEqual([
      { name: "low_res_masks", dataType: "float32", dims: ["prompts", 4, 8, 8] },
      { name: "iou_predictions", dataType: "float32", dims: ["prompts", 4] },
    ]);
    expect(cut.inputs.map((input) => [input.name, input.dims[0]])).toEqual([
      ["image_embeddings", 1],
      ["point_coords", "prompts"],
      ["point_labels", "prompts"],
      ["mask_input", "prompts"],
      ["has_mask_input", 1],
    ]);
    expect(cut.nodes).toBe(flatten === "none" ? 9 : 7);
    expect(cut.initializers).toBe(1);
  });

  test("a graph that is no decoder is refused by what it lacks", () => {
    const other = buildModel({
      opset: 17,
      inputs: [floatInput("x", [1])],
      outputs: [floatInput("y", [1])],
      nodes: [node("Relu", ["x"], "y")],
    });
    expect(() => cutSamDecoder(other, "unet.onnx")).toThrow(/unet\.onnx is not an official.*"image_embeddings"/);
  });
});
