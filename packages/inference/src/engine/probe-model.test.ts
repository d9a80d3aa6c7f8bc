import { buildModel } from "@samrefine/models/onnx";
import { expect, test } from "vitest";
import { probeModel } from "./probe-model.ts";

test("the probe is y = Relu(x) on one value", () => {
  const tensor = (name: string) => ({ name, dataType: "float32" as const, dims: [1] });
  const built = buildModel({
    opset: 17,
    inputs: [tensor("x")],
    outputs: [tensor("y")],
    nodes: [{ op: "Relu", inputs: ["x"], outputs: ["y"] }],
  });
  expect(probeModel()).toEqual(built);
});
