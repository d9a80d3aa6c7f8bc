import type { Graph, Tensor } from "../graph/graph.ts";
import { add, multiply, reduceMean, reduceSum, reshape, scale, subtract, unary } from "../graph/primitives.ts";
import { shareBetweenRules } from "./share-between-rules.ts";

const EPSILON = 1e-5;
/** Share of the batch in the running statistics, PyTorch's default. */
const MOMENTUM = 0.1;

export interface BatchNormInputs {
  /** All [C]. */
  readonly gamma: Tensor;
  readonly beta: Tensor;
  readonly runningMean: Tensor;
  readonly runningVariance: Tensor;
}

export interface BatchNormOutput {
  readonly y: Tensor;
  /** Running statistics after this batch, [C] each; undefined where the running ones were used. */
  readonly next: { readonly mean: Tensor; readonly variance: Tensor } | undefined;
}

/**
 * Batch normalisation, in training by the statistics of the batch over images and pixels (M values per channel), otherwise by
 * the running ones.
 *
 * x̂ = (x - mean) / √(variance + ε), y = γ·x̂ + β
 * running ← 0.9·running + 0.1·batch, with the variance divided by M - 1
 *
 * - dβ = Σ dy, dγ = Σ dy·x̂
 * - dx = γ/σ · (dy - (Σ dy)/M - x̂ · (Σ dy·x̂)/M)
 *
 * @param x [N, C, rows, columns]
 */
export function batchNorm(graph: Graph, x: Tensor, inputs: BatchNormInputs): BatchNormOutput {
  const { gamma, beta, runningMean, runningVariance } = inputs;
  if (!graph.isTraining) {
    const y = graph.emit("BatchNormalization", [x, gamma, beta, runningMean, runningVariance], x.shape, {
      epsilon: { float: EPSILON },
    });
    return { y, next: undefined };
  }
  const [count, channels, rows, columns] = x.shape as [number, number, number, number];
  const values = count * rows * columns;
  const column = [1, channels, 1, 1];
  const overBatch = [0, 2, 3];
  const mean = reduceMean(graph, x, overBatch, true);
  const centred = subtract(graph, x, mean);
  const variance = reduceMean(graph, multiply(graph, centred, centred), overBatch, true);
  const deviation = unary(graph, "Sqrt", add(graph, variance, graph.scalar(EPSILON)));
  const inverse = graph.emit("Reciprocal", [deviation], column);
  const normalised = multiply(graph, centred, inverse);
  const gammaColumn = reshape(graph, gamma, column);
  const y = add(graph, multiply(graph, normalised, gammaColumn), reshape(graph, beta, column));

  const sums = shareBetweenRules((dy) => ({
    sum: reduceSum(graph, dy, overBatch, true),
    product: reduceSum(graph, multiply(graph, dy, normalised), overBatch, true),
  }));
  const blend = (running: Tensor, batch: Tensor): Tensor =>
    add(graph, scale(graph, running, 1 - MOMENTUM), scale(graph, reshape(graph, batch, [channels]), MOMENTUM));
  return {
    y: graph.record(y, [
      { input: beta, gradient: (dy) => reshape(graph, sums(dy).sum, [channels]) },
      { input: gamma, gradient: (dy) => reshape(graph, sums(dy).product, [channels]) },
      {
        input: x,
        gradient: (dy) => {
          const { sum, product } = sums(dy);
          const centredGradient = subtract(graph, dy, scale(graph, sum, 1 / values));
          const alongNormalised = multiply(graph, normalised, scale(graph, product, 1 / values));
          const factor = multiply(graph, gammaColumn, inverse);
          return multiply(graph, subtract(graph, centredGradient, alongNormalised), factor);
        },
      },
    ]),
    next: {
      mean: blend(runningMean, mean),
      variance: blend(runningVariance, scale(graph, variance, values / Math.max(values - 1, 1))),
    },
  };
}
