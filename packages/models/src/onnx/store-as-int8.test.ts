import { expect, test } from "vitest";
import { buildModel } from "./build-model.ts";
import { decodeModel } from "./model-proto.ts";
import { storeWeightsAsInt8 } from "./store-as-int8.ts";

test("every row of a weight gets a scale of its own, and loses at most half a step of it", () => {
  const [rows, columns] = [4, 500];
  const weights = Float32Array.from(
    { length: rows * columns },
    (_, i) => Math.sin(i) * 10 ** (Math.floor(i / columns) - 2),
  );
  const floats = (name: string, dims: readonly number[], data: Float32Array) => ({
    name,
    dataType: "float32" as const,
    dims,
    data,
  });
  const model = buildModel({
    opset: 17,
    inputs: [{ name: "x", dataType: "float32", dims: [1, rows] }],
    outputs: [{ name: "y", dataType: "float32", dims: [1, columns] }],
    initializers: [
      floats("weights", [rows, columns], weights),
      floats("vector", [2000], weights),
      floats("few", [2, 2], weights.subarray(0, 4)),
    ],
    nodes: [
      { op: "MatMul", inputs: ["x", "weights"], outputs: ["a"] },
      { op: "ReduceSum", inputs: ["vector"], outputs: ["b"] },
      { op: "ReduceSum", inputs: ["few"], outputs: ["c"] },
      { op: "Sum", inputs: ["a", "b", "c"], outputs: ["y"] },
    ],
  });
  const { bytes, quantised, kept } = storeWeightsAsInt8(model);
  expect({ quantised, kept }).toEqual({ quantised: 1, kept: 1 });
  const { graph } = decodeModel(bytes);
  const raw = (name: string) =>
    new Uint8Array(graph.initializer!.find((tensor) => tensor.name === name)!.rawData!).buffer;
  const [stored, scales] = [new Int8Array(raw("weights/int8")), new Float32Array(raw("weights/scale"))];
  for (const [i, value] of stored.entries()) {
    const scale = scales[Math.floor(i / columns)]!;
    expect(Math.abs(value * scale - weights[i]!)).toBeLessThanOrEqual(scale * 0.5001);
  }
  expect(graph.node?.slice(0, 2)).toMatchObject([
    { opType: "Cast", input: ["weights/int8"], output: ["weights/float"] },
    { opType: "Mul", input: ["weights/float", "weights/scale"], output: ["weights"] },
  ]);
});
