import { createRandom } from "@samrefine/core";
import { createRawSession } from "@samrefine/inference/node";
import { describe, expect, test } from "vitest";
import { elementCount, Graph, type Tensor } from "../graph/graph.ts";
import { multiply, sumAll } from "../graph/primitives.ts";
import { binaryCrossEntropy } from "../loss/binary-cross-entropy.ts";
import { crossEntropy } from "../loss/cross-entropy.ts";
import { entropy } from "../loss/entropy.ts";
import { meanSquaredError } from "../loss/mean-squared-error.ts";
import { softDice } from "../loss/soft-dice.ts";
import { bilinearUpsample } from "./bilinear-upsample.ts";
import { concatenateChannels } from "./concatenate-channels.ts";
import { convolution } from "./convolution.ts";
import { instanceNorm } from "./instance-norm.ts";
import { leakyRelu } from "./leaky-relu.ts";
import { maxPool } from "./max-pool.ts";
import { sigmoid } from "./sigmoid.ts";
import { sliceBatch } from "./slice-batch.ts";
import { softmax } from "./softmax.ts";
import { transposedConvolution } from "./transposed-convolution.ts";
import { weightedSum } from "./weighted-sum.ts";

type Build = (graph: Graph, ...inputs: Tensor[]) => Tensor;

interface Case {
  readonly name: string;
  /** Inputs that get gradients. */
  readonly shapes: readonly (readonly number[])[];
  readonly build: Build;
  /** Step of the central difference. Smaller where the function bends within it. */
  readonly step?: number;
}

const random = createRandom(7);
const values = (length: number, draw: () => number): Float32Array => Float32Array.from({ length }, draw);
const zeroOrOne = (): number => (random.next() < 0.4 ? 1 : 0);

function fixed(graph: Graph, shape: readonly number[], draw: () => number): Tensor {
  return graph.constant(values(elementCount(shape), draw), shape);
}

// Drawn once, so that a graph that is built anew gets the same constants.
const target = values(2 * 3 * 4 * 6, zeroOrOne);
const weights = values(2 * 4 * 6, zeroOrOne);
const probabilities = values(2 * 3 * 4 * 6, () => random.next());
const images = [2, 3, 4, 6];

const cases: readonly Case[] = [
  {
    name: "convolution 3 × 3",
    shapes: [
      [2, 3, 4, 6],
      [5, 3, 3, 3],
    ],
    build: (g, x, w) => convolution(g, x!, w!),
  },
  {
    name: "convolution 1 × 1 with bias",
    shapes: [[2, 3, 4, 6], [5, 3, 1, 1], [5]],
    build: (g, x, w, b) => convolution(g, x!, w!, b),
  },
  {
    name: "transposed convolution",
    shapes: [[2, 3, 4, 5], [3, 4, 2, 2], [4]],
    build: (g, x, w, b) => transposedConvolution(g, x!, w!, b!),
  },
  { name: "instance norm", shapes: [images, [3], [3]], build: (g, x, a, b) => instanceNorm(g, x!, a!, b!) },
  { name: "leaky ReLU", shapes: [images], build: (g, x) => leakyRelu(g, x!, 0.2), step: 1e-3 },
  { name: "max pool", shapes: [images], build: (g, x) => maxPool(g, x!), step: 1e-3 },
  { name: "bilinear up-sampling", shapes: [images], build: (g, x) => bilinearUpsample(g, x!, 2) },
  ...(["sigmoid", "softmax"] as const).map(
    (activation): Case => ({
      name: `entropy of a ${activation} with pixel weights`,
      shapes: [images],
      build: (g, x) => entropy(g, x!, { activation, pixelWeights: g.constant(weights, [2, 1, 4, 6]) }),
    }),
  ),
  { name: "sigmoid", shapes: [images], build: (g, x) => sigmoid(g, x!) },
  { name: "softmax", shapes: [images], build: (g, x) => softmax(g, x!) },
  { name: "slice of a batch", shapes: [images], build: (g, x) => sliceBatch(g, x!, 1, 2) },
  {
    name: "concatenation, each input used twice",
    shapes: [images, [2, 2, 4, 6]],
    build: (g, a, b) => concatenateChannels(g, concatenateChannels(g, a!, b!), concatenateChannels(g, b!, a!)),
  },
  {
    name: "binary cross-entropy",
    shapes: [images],
    build: (g, x) => binaryCrossEntropy(g, x!, g.constant(target, images)),
  },
  {
    name: "binary cross-entropy with positive and pixel weights",
    shapes: [images],
    build: (g, x) =>
      binaryCrossEntropy(g, x!, g.constant(target, images), {
        positiveWeights: g.constant(Float32Array.of(1, 7, 20), [1, 3, 1, 1]),
        pixelWeights: g.constant(weights, [2, 1, 4, 6]),
      }),
  },
  ...(["plain", "squared"] as const).flatMap((denominator) =>
    (["image", "batch"] as const).map(
      (over): Case => ({
        name: `soft Dice, ${denominator} over the ${over}, with pixel weights`,
        shapes: [images],
        build: (g, x) =>
          softDice(g, x!, g.constant(target, images), {
            denominator,
            over,
            smooth: 1,
            pixelWeights: g.constant(weights, [2, 1, 4, 6]),
          }),
      }),
    ),
  ),
  {
    name: "cross-entropy with pixel weights",
    shapes: [images],
    build: (g, x) => crossEntropy(g, x!, g.constant(probabilities, images), g.constant(weights, [2, 1, 4, 6])),
  },
  { name: "mean squared error", shapes: [images, images], build: (g, a, b) => meanSquaredError(g, a!, b!) },
  {
    name: "weighted sum",
    shapes: [[], []],
    build: (g, a, b) =>
      weightedSum(g, [
        { value: a!, weight: 3 },
        { value: b!, weight: -0.5 },
      ]),
  },
];

describe("every operator's gradient equals the central difference along a random direction", () => {
  test.each(cases)("$name", async ({ shapes, build, step = 1e-2 }) => {
    // A random projection of the output makes a scalar in which every output element counts differently.
    const graph = new Graph();
    const inputs = shapes.map((shape, index) => graph.track(graph.input(`x${index}`, shape)));
    const output = build(graph, ...inputs);
    const projection = fixed(graph, output.shape, () => random.normal());
    const product = multiply(graph, output, projection);
    const loss = graph.record(sumAll(graph, product), [
      { input: output, gradient: (dy) => multiply(graph, dy, projection) },
    ]);
    const gradients = graph.backward(loss);
    graph.output("loss", loss);
    inputs.forEach((input, index) => {
      graph.output(`g${index}`, gradients.get(input.name)!);
    });
    const session = await createRawSession(graph.toModel("gradient-check"));
    try {
      const at = shapes.map((shape) => values(elementCount(shape), () => random.normal()));
      const feeds = (data: readonly Float32Array[]) =>
        Object.fromEntries(data.map((d, index) => [`x${index}`, { data: d, dims: shapes[index]! }]));
      const result = await session.run(feeds(at));
      for (const [index, shape] of shapes.entries()) {
        const direction = values(elementCount(shape), () => random.normal());
        const lossAt = async (sign: number): Promise<number> => {
          const moved = at.map((d, i) => (i === index ? d.map((v, e) => v + sign * step * direction[e]!) : d));
          return (await session.run(feeds(moved))).loss!.data[0]!;
        };
        const numeric = ((await lossAt(1)) - (await lossAt(-1))) / (2 * step);
        const gradient = result[`g${index}`]!.data;
        const analytic = gradient.reduce((sum, g, e) => sum + g * direction[e]!, 0);
        const scale = Math.hypot(...gradient) * Math.hypot(...direction) + 1e-3;
        // float32 losses of size ~10 over a step of 1e-2 leave about 1e-4 of noise; curvature adds its share.
        expect(Math.abs(numeric - analytic) / scale, `input ${index}: ${numeric} against ${analytic}`).toBeLessThan(
          4e-3,
        );
      }
    } finally {
      await session.dispose();
    }
  });
});
