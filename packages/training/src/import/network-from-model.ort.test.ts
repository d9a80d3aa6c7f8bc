import { readFileSync } from "node:fs";
import { createRandom, isRefineError } from "@samrefine/core";
import type { RawTensor } from "@samrefine/inference";
import { createRawSession } from "@samrefine/inference/node";
import { buildModel, type NodeSpec, storeWeightsAsHalf, type TensorValue } from "@samrefine/models/onnx";
import { describe, expect, test } from "vitest";
import { elementCount } from "../graph/graph.ts";
import { exportModel } from "../network/export-model.ts";
import { type Network, parameterLayout } from "../network/network.ts";
import { initialParameters } from "../network/parameters.ts";
import { adamW } from "../optimiser/adamw.ts";
import { sgd } from "../optimiser/sgd.ts";
import { segmentationLoss } from "../recipes/segmentation-loss.ts";
import { buildTrainingStep } from "../run/training-step.ts";
import { networkFromModel } from "./network-from-model.ts";

const random = createRandom(11);
const normals = (length: number, deviation = 1): Float32Array =>
  Float32Array.from({ length }, () => deviation * random.normal());
const flat = (data: Float32Array): RawTensor => ({ data, dims: [data.length] });

const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

/** Loss and gradient of a network at given parameters, on one random batch. */
async function lossOf(network: Network, batch: number) {
  const { rows, columns } = network.grid!;
  const imageShape = [batch, network.inputChannels, rows, columns];
  const targetShape = [batch, network.outputChannels, rows, columns];
  const step = buildTrainingStep({
    networks: [network],
    buildLoss: ({ graph, student, input }) =>
      segmentationLoss(graph, student(input("image", imageShape)), input("target", targetShape), { kind: "bce" }),
    optimiser: sgd({ momentum: 0, weightDecay: 0 }),
    keepAverage: false,
    outputGradient: true,
  });
  const session = await createRawSession(step.model);
  const image = { data: normals(elementCount(imageShape)), dims: imageShape };
  const target = { data: normals(elementCount(targetShape)).map((v) => (v > 0.5 ? 1 : 0)), dims: targetShape };
  return {
    start: initialParameters(step.layout, createRandom(1)),
    trainedLength: step.layout.trainedLength,
    async at(parameters: Float32Array) {
      const { loss, gradient } = await session.run({
        ...{ image, target, parameters: flat(parameters) },
        ...{ momentum: flat(new Float32Array(parameters.length)), learningRate: flat(new Float32Array(1)) },
      });
      return { loss: loss!.data[0]!, gradient: gradient!.data };
    },
    dispose: () => session.dispose(),
  };
}

/** Compares the gradient with the central difference along a direction. */
async function expectGradient(network: Network, stepLength: number, tolerance: number, along?: Float32Array) {
  const { start, trainedLength, at, dispose } = await lossOf(network, 2);
  try {
    const { gradient } = await at(start);
    const towards = (along ?? gradient).slice(0, trainedLength);
    const length = norm(towards);
    expect(length).toBeGreaterThan(1e-3);
    const moved = (sign: number) =>
      start.map((value, index) => value + (sign * stepLength * (towards[index] ?? 0)) / length);
    const numeric = ((await at(moved(1))).loss - (await at(moved(-1))).loss) / (2 * stepLength);
    const analytic = towards.reduce((sum, value, index) => sum + (value * gradient[index]!) / length, 0);
    expect(Math.abs(numeric - analytic)).toBeLessThan(tolerance * norm(gradient.subarray(0, trainedLength)));
  } finally {
    await dispose();
  }
}

const shipped = new URL("../../../../models/unet-hippocampus/model.onnx", import.meta.url);

describe("a shipped model", () => {
  const bytes = readFileSync(shipped);
  const network = networkFromModel(bytes, "unet-hippocampus");

  test("gives, built anew, what the file gives, also when its weights are stored as halves", async () => {
    const dims = [1, network.inputChannels, 64, 64];
    const image = { data: normals(elementCount(dims)), dims };
    const logits = async (model: Uint8Array) => {
      const session = await createRawSession(model);
      const { logits } = await session.run({ image });
      await session.dispose();
      return logits!.data;
    };
    const rebuilt = (of: Network) =>
      exportModel(of, initialParameters(parameterLayout(of), createRandom(1)), { rows: 64, columns: 64 });
    expect(await logits(rebuilt(network))).toEqual(await logits(bytes));
    const halved = storeWeightsAsHalf(bytes).bytes;
    expect(await logits(rebuilt(networkFromModel(halved)))).toEqual(await logits(halved));
  });

  test("has the gradient of the central difference, along itself and along a random direction", async () => {
    await expectGradient(network, 1e-2, 0.02);
    await expectGradient(network, 3e-2, 0.02, normals(parameterLayout(network).length));
  });
});

interface Layer {
  readonly name: string;
  readonly nodes: readonly NodeSpec[];
  readonly constants?: Readonly<Record<string, readonly number[]>>;
  readonly integers?: Readonly<Record<string, readonly number[]>>;
}

/** A file: image [N, 2, 4, 6] → 3 × 3 convolution to "x" [N, 4, 4, 6] → the layer → "logits". */
function modelOf({ nodes, constants = {}, integers = {} }: Layer, dims: readonly number[] = [4, 4, 6]): Uint8Array {
  const floats = Object.entries({ stem: [4, 2, 3, 3], ...constants }).map(
    ([name, shape]): TensorValue => ({
      ...{ name, dims: shape, dataType: "float32" },
      data: normals(elementCount(shape), 0.5).map((v) => v + (name === "positive" ? 4 : 0)),
    }),
  );
  const whole = Object.entries(integers).map(
    ([name, values]): TensorValue => ({
      ...{ name, dims: [values.length], dataType: "int64" },
      data: BigInt64Array.from(values, BigInt),
    }),
  );
  const scales: TensorValue = { name: "scales", dims: [4], dataType: "float32", data: Float32Array.of(1, 1, 2, 2) };
  return buildModel({
    opset: 18,
    inputs: [{ name: "image", dataType: "float32", dims: ["N", 2, 4, 6] }],
    outputs: [{ name: "logits", dataType: "float32", dims: ["N", ...dims] }],
    initializers: [...floats, ...whole, scales],
    nodes: [
      { op: "Conv", inputs: ["image", "stem"], outputs: ["x"], attributes: { pads: { ints: [1, 1, 1, 1] } } },
      ...nodes,
    ],
  });
}

const node = (op: string, inputs: readonly string[], attributes: NodeSpec["attributes"] = {}, output = "logits") => ({
  ...{ op, inputs, outputs: [output], attributes, name: `the ${op}` },
});
const square = { strides: { ints: [2, 2] }, kernel_shape: { ints: [2, 2] } };
const halved = { strides: { ints: [2, 2] }, pads: { ints: [1, 1, 1, 1] } };

const layers: readonly Layer[] = [
  { name: "Add of a constant per channel", nodes: [node("Add", ["x", "c"])], constants: { c: [4, 1, 1] } },
  { name: "Sub from a constant", nodes: [node("Sub", ["c", "x"])], constants: { c: [1, 4, 1, 6] } },
  { name: "Mul, both sides computed", nodes: [node("Relu", ["x"], {}, "y"), node("Mul", ["x", "y"])] },
  { name: "Div by a constant", nodes: [node("Div", ["x", "positive"])], constants: { positive: [4, 1, 1] } },
  {
    name: "Div of a constant",
    nodes: [node("Sigmoid", ["x"], {}, "y"), node("Div", ["c", "y"])],
    constants: { c: [6] },
  },
  { name: "MatMul by a matrix", nodes: [node("MatMul", ["x", "m"])], constants: { m: [6, 6] } },
  {
    name: "attention: Reshape, Transpose, MatMul of two computed values, Softmax over the last axis",
    integers: { pixels: [0, 4, -1], whole: [-1, 4, 4, 6] },
    nodes: [
      node("Reshape", ["x", "pixels"], {}, "a"),
      node("Transpose", ["a"], { perm: { ints: [0, 2, 1] } }, "b"),
      node("MatMul", ["a", "b"], {}, "c"),
      node("Softmax", ["c"], { axis: { int: -1 } }, "d"),
      node("MatMul", ["d", "a"], {}, "e"),
      node("Reshape", ["e", "whole"]),
    ],
  },
  {
    name: "Gemm with a turned matrix",
    integers: { rows: [-1, 6], whole: [-1, 4, 4, 6] },
    constants: { m: [6, 6], c: [6] },
    nodes: [
      node("Reshape", ["x", "rows"], {}, "a"),
      node("Gemm", ["a", "m", "c"], { transB: { int: 1 } }, "b"),
      node("Reshape", ["b", "whole"]),
    ],
  },
  {
    name: "a step down by a strided convolution, up by Resize, joined",
    constants: { w: [3, 4, 3, 3], b: [3], head: [4, 7, 1, 1] },
    nodes: [
      node("Conv", ["x", "w", "b"], halved, "small"),
      node("Resize", ["small", "", "scales"], { mode: { string: "linear" } }, "large"),
      node("Concat", ["x", "large"], { axis: { int: 1 } }, "joined"),
      node("Conv", ["joined", "head"]),
    ],
  },
  {
    name: "a step down by MaxPool, up by ConvTranspose, with batch normalisation",
    constants: { w: [4, 4, 2, 2], gamma: [4], beta: [4], mean: [4], positive: [4] },
    nodes: [
      node("MaxPool", ["x"], square, "small"),
      node("BatchNormalization", ["small", "gamma", "beta", "mean", "positive"], {}, "normal"),
      node("LeakyRelu", ["normal"], { alpha: { float: 0.2 } }, "bent"),
      node("ConvTranspose", ["bent", "w"], { strides: { ints: [2, 2] } }),
    ],
  },
];

test.each(layers)("$name", async (layer) => {
  const network = networkFromModel(modelOf(layer));
  const { length } = parameterLayout(network);
  await expectGradient(network, 1e-2, 0.01);
  await expectGradient(network, 1e-2, 0.01, normals(length));
});

test("an imported network goes on learning from where the file is, and carries its running statistics", async () => {
  const network = networkFromModel(modelOf(layers.at(-1)!));
  const shape = [2, 2, 4, 6];
  const optimiser = adamW();
  const step = buildTrainingStep({
    networks: [network],
    buildLoss: ({ graph, student, input }) =>
      segmentationLoss(graph, student(input("image", shape)), input("target", [2, 4, 4, 6]), { kind: "bce" }),
    optimiser,
    keepAverage: false,
  });
  const session = await createRawSession(step.model);
  const image = { data: normals(elementCount(shape)), dims: shape };
  const target = { data: new Float32Array(2 * 4 * 4 * 6).fill(1), dims: [2, 4, 4, 6] };
  const { length, trainedLength } = step.layout;
  const start = initialParameters(step.layout, createRandom(1));
  let state: Record<string, Float32Array> = Object.fromEntries(
    step.stateNames.map((name) => [name, name === "parameters" ? start : new Float32Array(length)]),
  );
  const losses: number[] = [];
  for (let n = 0; n < 20; n++) {
    const scalars = { ...optimiser.scalars(n), learningRate: 0.05 };
    const outputs = await session.run({
      ...{ image, target },
      ...Object.fromEntries(Object.entries(state).map(([name, data]) => [name, flat(data)])),
      ...Object.fromEntries(Object.entries(scalars).map(([name, value]) => [name, flat(Float32Array.of(value))])),
    });
    state = Object.fromEntries(step.stateNames.map((name) => [name, outputs[`next.${name}`]!.data]));
    losses.push(outputs.loss!.data[0]!);
  }
  await session.dispose();
  expect(losses.at(-1)).toBeLessThan(0.5 * losses[0]!);
  expect(length - trainedLength).toBe(8);
  expect(state.parameters!.subarray(trainedLength)).not.toEqual(start.subarray(trainedLength));
});

describe("what cannot be differentiated is refused by name", () => {
  const refusal = (bytes: Uint8Array): unknown => {
    try {
      return networkFromModel(bytes, "net.onnx");
    } catch (error) {
      return error;
    }
  };

  test.each([
    ["an operator without a rule", { nodes: [node("Erf", ["x"])] }, /net\.onnx .*Erf \(first at the node "the Erf"\)/],
    [
      "a dilated convolution",
      { nodes: [node("Conv", ["x", "w"], { dilations: { ints: [2, 2] } })], constants: { w: [4, 4, 3, 3] } },
      /Conv node "the Conv" has dilations 2, 2/,
    ],
    [
      "a Resize to the nearest pixel",
      { nodes: [node("Resize", ["x", "", "scales"], { mode: { string: "nearest" } })] },
      /Resize node "the Resize" has mode nearest/,
    ],
  ] as const)("%s", (_, layer, message) => {
    const error = refusal(modelOf({ name: "", ...layer }));
    expect(isRefineError(error, "training")).toBe(true);
    expect((error as Error).message).toMatch(message);
  });

  test("a perturbation of features", () => {
    const network = networkFromModel(modelOf({ name: "", nodes: [node("Identity", ["x"])] }));
    const unimatchLike = () =>
      buildTrainingStep({
        networks: [network],
        buildLoss: ({ graph, student, input }) => {
          const logits = student(input("image", [2, 2, 4, 6]), 0, { from: 1, probability: 0.5 });
          return segmentationLoss(graph, logits, input("target", [2, 4, 4, 6]), { kind: "bce" });
        },
        optimiser: sgd(),
        keepAverage: false,
      });
    expect(unimatchLike).toThrow(/other recipe|could perturb/);
  });
});
