import { readFileSync } from "node:fs";
import type { RawTensor } from "@samrefine/inference";
import { createRawSession } from "@samrefine/inference/node";
import { describe, expect, test } from "vitest";
import { elementCount, Graph, type RandomMask, type Shape, type Tensor } from "./graph/graph.ts";
import { multiply, sumAll } from "./graph/primitives.ts";
import { networkFromModel } from "./import/network-from-model.ts";
import { binaryCrossEntropy } from "./loss/binary-cross-entropy.ts";
import { crossEntropy } from "./loss/cross-entropy.ts";
import { entropy } from "./loss/entropy.ts";
import { meanSquaredError } from "./loss/mean-squared-error.ts";
import { softDice } from "./loss/soft-dice.ts";
import { exportModel } from "./network/export-model.ts";
import { parameterLayout } from "./network/network.ts";
import { scbUnet } from "./network/scb-unet.ts";
import { ssl4misUnet } from "./network/ssl4mis-unet.ts";
import { batchNorm } from "./operator/batch-norm.ts";
import { bilinearUpsample } from "./operator/bilinear-upsample.ts";
import { concatenateChannels } from "./operator/concatenate-channels.ts";
import { convolution } from "./operator/convolution.ts";
import { dropout } from "./operator/dropout.ts";
import { instanceNorm } from "./operator/instance-norm.ts";
import { leakyRelu } from "./operator/leaky-relu.ts";
import { matrixProduct } from "./operator/matrix-product.ts";
import { maxPool } from "./operator/max-pool.ts";
import { sigmoid } from "./operator/sigmoid.ts";
import { softmax } from "./operator/softmax.ts";
import { transposedConvolution } from "./operator/transposed-convolution.ts";
import { adamW } from "./optimiser/adamw.ts";
import { clipByGlobalNorm, globalNorm } from "./optimiser/gradient-clipping.ts";
import type { Optimiser } from "./optimiser/optimiser.ts";
import { sgd } from "./optimiser/sgd.ts";
import { segmentationLoss } from "./recipes/segmentation-loss.ts";
import { buildTrainingStep } from "./run/training-step.ts";

interface GradientCase {
  readonly shapes: readonly Shape[];
  readonly output: string;
  readonly gradients: string;
}

interface NetworkCase {
  readonly width: number;
  readonly levels: number;
  readonly size: number;
  readonly batch: number;
  readonly classes: number;
  readonly loss: number;
  readonly gradient: string;
}

interface Expected {
  readonly gradients: Readonly<Record<string, GradientCase>>;
  readonly unet: NetworkCase;
  readonly ssl4misUnet: NetworkCase;
  readonly optimisers: Readonly<Record<string, { steps: number; length: number; parameters: string }>>;
}

// Made by test/golden/make_training_goldens.py with PyTorch in float64.
const expected = JSON.parse(
  readFileSync(new URL("../../../test/golden/training/expected.json", import.meta.url), "utf8"),
) as Expected;

/** The generator's own inputs, see `draw` there. */
function draw(seed: number, shape: Shape): Float32Array {
  let state = seed;
  return Float32Array.from({ length: elementCount(shape) }, () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

function binary(seed: number, shape: Shape): Float32Array {
  return draw(seed, shape).map((value) => (value > 0.2 ? 1 : 0));
}

/** Channel c is 1 where `draw` is largest there. */
function oneHot(seed: number, shape: Shape): Float32Array {
  const scores = draw(seed, shape);
  const [count, channels] = [shape[0]!, shape[1]!];
  const plane = elementCount(shape.slice(2));
  const result = new Float32Array(scores.length);
  for (let n = 0; n < count; n++) {
    for (let pixel = 0; pixel < plane; pixel++) {
      const at = (channel: number): number => (n * channels + channel) * plane + pixel;
      const numbers = Array.from({ length: channels }, (_, channel) => channel);
      result[at(numbers.reduce((best, channel) => (scores[at(channel)]! > scores[at(best)]! ? channel : best)))] = 1;
    }
  }
  return result;
}

/** Dropout's masks as the generator has them, by name. */
function dropoutMasks(masks: readonly RandomMask[]): Record<string, RawTensor> {
  return Object.fromEntries(
    masks.map(({ name, shape, probability }, index) => {
      const data = binary(300 + index, shape).map((value) => value / (1 - probability));
      return [name, { data, dims: shape }];
    }),
  );
}

function decode(text: string): Float64Array {
  return new Float64Array(Uint8Array.from(Buffer.from(text, "base64")).buffer);
}

function relativeError(found: ArrayLike<number>, reference: Float64Array): number {
  expect(found.length).toBe(reference.length);
  let difference = 0;
  let norm = 0;
  reference.forEach((value, index) => {
    difference += (found[index]! - value) ** 2;
    norm += value ** 2;
  });
  return Math.sqrt(difference / norm);
}

async function run(graph: Graph, feeds: Readonly<Record<string, RawTensor>>) {
  const session = await createRawSession(graph.toModel("golden"));
  try {
    return await session.run(feeds);
  } finally {
    await session.dispose();
  }
}

const images = [2, 3, 8, 6];
const target = (g: Graph): Tensor => g.constant(binary(101, images), images);
const weights = (g: Graph): Tensor => g.constant(binary(102, [2, 1, 8, 6]), [2, 1, 8, 6]);
const dice = (denominator: "plain" | "squared", over: "image" | "batch") => (g: Graph, z?: Tensor) =>
  softDice(g, sigmoid(g, z!), target(g), { denominator, over, smooth: 1 });

const builds: Readonly<Record<string, (graph: Graph, ...inputs: Tensor[]) => Tensor>> = {
  convolution3x3: (g, x, w) => convolution(g, x!, w!),
  stridedConvolution: (g, x, w, b) => convolution(g, x!, w!, b, { stride: 2 }),
  convolution1x1: (g, x, w, b) => convolution(g, x!, w!, b),
  transposedConvolution: (g, x, w, b) => transposedConvolution(g, x!, w!, b!),
  instanceNorm: (g, x, a, b) => instanceNorm(g, x!, a!, b!),
  batchNorm: (g, x, gamma, beta) => {
    const running = {
      runningMean: g.constant(new Float32Array(3), [3]),
      runningVariance: g.constant(new Float32Array(3).fill(1), [3]),
    };
    return batchNorm(g, x!, { gamma: gamma!, beta: beta!, ...running }).y;
  },
  leakyRelu: (g, x) => leakyRelu(g, x!),
  maxPool: (g, x) => maxPool(g, x!),
  sigmoid: (g, x) => sigmoid(g, x!),
  softmax: (g, x) => softmax(g, x!),
  binaryCrossEntropy: (g, z) => binaryCrossEntropy(g, z!, target(g)),
  weightedBinaryCrossEntropy: (g, z) =>
    binaryCrossEntropy(g, z!, target(g), {
      positiveWeights: g.constant(Float32Array.of(1, 7, 20), [1, 3, 1, 1]),
      pixelWeights: weights(g),
    }),
  dicePlainOverImage: dice("plain", "image"),
  dicePlainOverBatch: dice("plain", "batch"),
  diceSquaredOverImage: dice("squared", "image"),
  diceSquaredOverBatch: dice("squared", "batch"),
  crossEntropy: (g, z) => {
    const classes = g.emit("Softmax", [g.constant(draw(103, images), images)], images, { axis: { int: 1 } });
    return crossEntropy(g, z!, classes, weights(g));
  },
  bilinearUpsample2: (g, x) => bilinearUpsample(g, x!, 2),
  bilinearUpsample3: (g, x) => bilinearUpsample(g, x!, 3),
  sigmoidEntropy: (g, z) => entropy(g, z!, { activation: "sigmoid", pixelWeights: weights(g) }),
  softmaxEntropy: (g, z) => entropy(g, z!, { activation: "softmax" }),
  meanSquaredError: (g, a, b) => meanSquaredError(g, a!, b!),
  dropout: (g, x) => dropout(g, x!, 0.3),
  concatenateChannels: (g, a, b) => concatenateChannels(g, a!, b!),
  matrixProduct: (g, a, b) => matrixProduct(g, a!, b!),
  ceDice: (g, z) => {
    const pixelWeights = weights(g);
    return segmentationLoss(g, z!, g.constant(oneHot(103, images), images), { kind: "ce-dice", pixelWeights }).total;
  },
};

describe("operators and losses against PyTorch float64", () => {
  test.each(Object.keys(expected.gradients))("%s", async (name) => {
    const { shapes, output, gradients } = expected.gradients[name]!;
    const graph = new Graph({ isTraining: true });
    const inputs = shapes.map((shape, index) => graph.track(graph.input(`x${index}`, shape)));
    const value = builds[name]!(graph, ...inputs);
    const projection = graph.constant(draw(50, value.shape), value.shape);
    const loss = graph.record(sumAll(graph, multiply(graph, value, projection)), [
      { input: value, gradient: (dy) => multiply(graph, dy, projection) },
    ]);
    const found = graph.backward(loss);
    graph.output("value", value);
    inputs.forEach((input, index) => {
      graph.output(`g${index}`, found.get(input.name)!);
    });
    const feeds = shapes.map((shape, index) => [`x${index}`, { data: draw(index + 1, shape), dims: shape }] as const);
    const result = await run(graph, { ...Object.fromEntries(feeds), ...dropoutMasks(graph.randomMasks) });
    expect(relativeError(result.value!.data, decode(output))).toBeLessThan(1e-5);
    const all = shapes.flatMap((_, index) => [...result[`g${index}`]!.data]);
    // The bound that a whole network is held to; single operators are about 1e-7 in float32.
    expect(relativeError(all, decode(gradients))).toBeLessThan(1e-5);
  });
});

const { width, levels, size: side, classes } = expected.unet;
const unet = scbUnet({ inputChannels: 1, outputChannels: classes, width, levels });
const exported = exportModel(unet, new Float32Array(parameterLayout(unet).length), { rows: side, columns: side });

test.each([
  ["that was built here", unet],
  ["that was read from an ONNX file", networkFromModel(exported)],
])("the gradient of a whole U-Net %s under BCE + Dice", async (_, network) => {
  const { size, batch, loss, gradient } = expected.unet;
  const step = buildTrainingStep({
    networks: [network],
    buildLoss: ({ graph, student, input }) => {
      const image = input("image", [batch, 1, size, size]);
      const labels = input("target", [batch, classes, size, size]);
      return segmentationLoss(graph, student(image), labels, { kind: "bce-dice" });
    },
    optimiser: sgd(),
    keepAverage: false,
    outputGradient: true,
  });
  const parameters = new Float32Array(step.layout.length);
  step.layout.parameters.forEach(({ offset, shape }, index) => {
    parameters.set(
      draw(200 + index, shape).map((value) => 0.5 * value),
      offset,
    );
  });
  const flat = (data: Float32Array): RawTensor => ({ data, dims: [data.length] });
  const session = await createRawSession(step.model);
  try {
    const result = await session.run({
      parameters: flat(parameters),
      momentum: flat(new Float32Array(parameters.length)),
      learningRate: flat(Float32Array.of(0)),
      image: { data: draw(1, [batch, 1, size, size]), dims: [batch, 1, size, size] },
      target: { data: binary(2, [batch, classes, size, size]), dims: [batch, classes, size, size] },
    });
    expect(result.loss!.data[0]).toBeCloseTo(loss, 5);
    expect(relativeError(result.gradient!.data, decode(gradient))).toBeLessThan(1e-4);
  } finally {
    await session.dispose();
  }
});

test("the gradient of a whole U-Net with batch norm and dropout under half of (cross-entropy + Dice)", async () => {
  const { width, levels, size, batch, classes, loss, gradient } = expected.ssl4misUnet;
  const step = buildTrainingStep({
    networks: [ssl4misUnet({ inputChannels: 1, outputChannels: classes, width, levels })],
    buildLoss: ({ graph, student, input }) => {
      const image = input("image", [batch, 1, size, size]);
      const labels = input("target", [batch, classes, size, size]);
      return segmentationLoss(graph, student(image), labels, { kind: "ce-dice" });
    },
    optimiser: sgd(),
    keepAverage: false,
    outputGradient: true,
  });
  const parameters = new Float32Array(step.layout.length);
  const trained = step.layout.parameters.filter(({ offset }) => offset < step.layout.trainedLength);
  for (const [index, { offset, shape }] of trained.entries()) {
    parameters.set(
      draw(200 + index, shape).map((value) => 0.5 * value),
      offset,
    );
  }
  const flat = (data: Float32Array): RawTensor => ({ data, dims: [data.length] });
  const session = await createRawSession(step.model);
  try {
    const result = await session.run({
      parameters: flat(parameters),
      momentum: flat(new Float32Array(parameters.length)),
      learningRate: flat(Float32Array.of(0)),
      image: { data: draw(1, [batch, 1, size, size]), dims: [batch, 1, size, size] },
      target: { data: oneHot(2, [batch, classes, size, size]), dims: [batch, classes, size, size] },
      ...dropoutMasks(step.randomMasks),
    });
    expect(result.loss!.data[0]).toBeCloseTo(loss, 5);
    const found = result.gradient!.data.subarray(0, step.layout.trainedLength);
    expect(relativeError(found, decode(gradient))).toBeLessThan(1e-4);
  } finally {
    await session.dispose();
  }
});

describe("optimisers against PyTorch float64", () => {
  test.each([
    ["adamw", adamW({ weightDecay: 0.1 }), 0.01, undefined],
    ["sgd", sgd({ momentum: 0.9, weightDecay: 1e-2 }), 0.01, undefined],
    ["clippedSgd", sgd({ momentum: 0, weightDecay: 0 }), 0.1, 0.5],
  ] as const)("%s", async (name, optimiser: Optimiser, rate, clip) => {
    const { steps, length, parameters: reference } = expected.optimisers[name]!;
    const graph = new Graph();
    const scalarNames = Object.keys(optimiser.scalars(0));
    const gradient = graph.input("gradient", [length]);
    const { parameters, state } = optimiser.update(graph, {
      parameters: graph.input("parameters", [length]),
      gradient: clip ? clipByGlobalNorm(graph, gradient, globalNorm(graph, gradient), clip) : gradient,
      state: optimiser.stateNames.map((stateName) => graph.input(stateName, [length])),
      learningRate: graph.input("learningRate", [1]),
      scalars: Object.fromEntries(scalarNames.map((scalar) => [scalar, graph.input(scalar, [1])])),
    });
    graph.output("next.parameters", parameters);
    state.forEach((value, index) => {
      graph.output(`next.${optimiser.stateNames[index]}`, value);
    });
    const session = await createRawSession(graph.toModel(name));
    const names = ["parameters", ...optimiser.stateNames];
    let values = [draw(1, [length]), ...optimiser.stateNames.map(() => new Float32Array(length))];
    try {
      for (let step = 0; step < steps; step++) {
        const scalars = { ...optimiser.scalars(step), learningRate: rate };
        const result = await session.run({
          gradient: { data: draw(10 + step, [length]), dims: [length] },
          ...Object.fromEntries(names.map((n, index) => [n, { data: values[index]!, dims: [length] }])),
          ...Object.fromEntries(
            Object.entries(scalars).map(([n, value]) => [n, { data: Float32Array.of(value), dims: [1] }]),
          ),
        });
        values = names.map((n) => result[`next.${n}`]!.data);
      }
    } finally {
      await session.dispose();
    }
    expect(relativeError(values[0]!, decode(reference))).toBeLessThan(1e-6);
  });
});
