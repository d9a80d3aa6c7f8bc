import { elementCount, type Graph, type Tensor } from "../graph/graph.ts";
import { divide, multiply, reduceSum, scale, subtract, sumAll, unary } from "../graph/primitives.ts";
import { pixelWeightSum } from "./binary-cross-entropy.ts";

/**
 * Cross-entropy of a softmax over the channels, mean over images and pixels (weighted mean with pixel weights m).
 *
 * ℓ = -Σ_c t_c · logsoftmax(z)_c, dz = m · (softmax(z)·Σ_c t_c - t) / Σm
 *
 * @param logits [N, C, rows, columns], channel 0 is background
 * @param target same shape: one-hot labels or probabilities
 * @param pixelWeights [N, 1, rows, columns]; 0 ignores the pixel
 */
export function crossEntropy(graph: Graph, logits: Tensor, target: Tensor, pixelWeights?: Tensor): Tensor {
  const logProbabilities = graph.emit("LogSoftmax", [logits], logits.shape, { axis: { int: 1 } });
  const perPixel = scale(graph, reduceSum(graph, multiply(graph, target, logProbabilities), [1], true), -1);
  const pixels = elementCount(perPixel.shape);
  const weightSum = pixelWeights ? pixelWeightSum(graph, pixelWeights, perPixel) : graph.scalar(pixels);
  const weighted = (value: Tensor): Tensor => (pixelWeights ? multiply(graph, value, pixelWeights) : value);
  return graph.record(divide(graph, sumAll(graph, weighted(perPixel)), weightSum), [
    {
      input: logits,
      gradient: (dy) => {
        const mass = reduceSum(graph, target, [1], true);
        const expected = multiply(graph, unary(graph, "Exp", logProbabilities), mass);
        return multiply(graph, weighted(subtract(graph, expected, target)), divide(graph, dy, weightSum));
      },
    },
  ]);
}
