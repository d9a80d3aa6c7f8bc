import { expect, test } from "vitest";
import { fromHalf } from "../half-float.ts";
import { buildModel, type TensorValue } from "./build-model.ts";
import { inspectModel } from "./inspect-model.ts";
import { decodeModel } from "./model-proto.ts";
import { storeWeightsAsHalf } from "./store-as-half.ts";

const constant = (name: string, values: Float32Array): TensorValue => ({
  name,
  dataType: "float32",
  dims: [values.length],
  data: values,
});
const weights = Float32Array.from({ length: 4000 }, (_, i) => Math.sin(i) / 3);
const model = buildModel({
  opset: 17,
  inputs: [{ name: "x", dataType: "float32", dims: [4000] }],
  outputs: [{ name: "y", dataType: "float32", dims: [4000] }],
  initializers: [
    constant("weights", weights),
    constant(
      "huge",
      weights.map((value) => value * 1e9),
    ),
    constant("few", weights.subarray(0, 10)),
  ],
  nodes: [
    { op: "Mul", inputs: ["x", "weights"], outputs: ["a"] },
    { op: "Constant", inputs: [], outputs: ["more"], attributes: { value: { tensor: constant("value", weights) } } },
    { op: "Mul", inputs: ["a", "more"], outputs: ["b"] },
    { op: "Mul", inputs: ["b", "huge"], outputs: ["y"] },
  ],
});

test("large constants are stored as halves behind a Cast, others stay as they are", () => {
  const { bytes, halved, kept } = storeWeightsAsHalf(model);
  expect({ halved, kept }).toEqual({ halved: 2, kept: 1 });
  expect(bytes.length).toBeLessThan(model.length - 15_800);
  const { graph } = decodeModel(bytes);
  const byName = new Map((graph.initializer ?? []).map((tensor) => [tensor.name, tensor]));
  expect([...byName.keys()].sort()).toEqual(["few", "huge", "more/half", "weights/half"]);
  const raw = new Uint8Array(byName.get("weights/half")!.rawData!);
  for (const [i, value] of fromHalf(new Uint16Array(raw.buffer)).entries()) {
    expect(Math.abs(value - weights[i]!)).toBeLessThanOrEqual(Math.abs(weights[i]!) / 2048 + 1e-7);
  }
  expect(graph.node?.[0]).toMatchObject({ opType: "Cast", input: ["weights/half"], output: ["weights"] });
  expect(graph.node?.map(({ opType }) => opType)).toEqual(["Cast", "Cast", "Mul", "Mul", "Mul"]);
  expect(inspectModel(bytes)).toMatchObject({
    inputs: inspectModel(model).inputs,
    outputs: inspectModel(model).outputs,
  });
  // Again changes nothing more.
  expect(storeWeightsAsHalf(bytes)).toMatchObject({ halved: 0, kept: 1 });
});
