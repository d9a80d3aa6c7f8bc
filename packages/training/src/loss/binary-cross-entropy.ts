import { elementCount, type Graph, type Tensor } from "../graph/graph.ts";
import { add, divide, meanAll, multiply, scale, subtract, sumAll, unary } from "../graph/primitives.ts";

export interface BinaryCrossEntropyOptions {
  /** Positive weight per class, [1, C, 1, 1]: how much a foreground pixel counts. Default 1. */
  readonly positiveWeights?: Tensor;
  /** Weight per pixel, [N, 1, rows, columns] or [N, C, rows, columns]; 0 ignores the pixel. Default 1. */
  readonly pixelWeights?: Tensor;
}

/**
 * Binary cross-entropy on logits, mean over images, classes and pixels (weighted mean with pixel weights m).
 *
 * ℓ = (1 - t)·z + k·(ln(1 + e^-|z|) + max(-z, 0)), k = 1 + (w - 1)·t
 *
 * dz = m·(k·σ(z) - w·t) / Σm
 *
 * @param logits [N, C, rows, columns]
 * @param target same shape, 0..1
 */
export function binaryCrossEntropy(
  graph: Graph,
  logits: Tensor,
  target: Tensor,
  { positiveWeights, pixelWeights }: BinaryCrossEntropyOptions = {},
): Tensor {
  const one = graph.scalar(1);
  const weightedTarget = positiveWeights ? multiply(graph, target, positiveWeights) : target;
  const factor = positiveWeights ? add(graph, one, subtract(graph, weightedTarget, target)) : undefined;
  const inFactor = (value: Tensor): Tensor => (factor ? multiply(graph, value, factor) : value);

  const decay = unary(graph, "Exp", unary(graph, "Neg", unary(graph, "Abs", logits)));
  const softplus = add(
    graph,
    unary(graph, "Log", add(graph, one, decay)),
    unary(graph, "Relu", unary(graph, "Neg", logits)),
  );
  const perPixel = add(graph, multiply(graph, subtract(graph, one, target), logits), inFactor(softplus));

  const count = elementCount(logits.shape);
  const weightSum = pixelWeights ? pixelWeightSum(graph, pixelWeights, logits) : undefined;
  const loss =
    pixelWeights && weightSum
      ? divide(graph, sumAll(graph, multiply(graph, perPixel, pixelWeights)), weightSum)
      : meanAll(graph, perPixel);
  return graph.record(loss, [
    {
      input: logits,
      gradient: (dy) => {
        const slope = subtract(graph, inFactor(unary(graph, "Sigmoid", logits)), weightedTarget);
        if (!pixelWeights || !weightSum) return multiply(graph, slope, scale(graph, dy, 1 / count));
        return multiply(graph, multiply(graph, slope, pixelWeights), divide(graph, dy, weightSum));
      },
    },
  ]);
}

/** Σ of the weights as broadcast to the shape of `values`, at least 1e-8 so that a batch of ignored pixels has loss 0. */
export function pixelWeightSum(graph: Graph, weights: Tensor, values: Tensor): Tensor {
  const repeats = elementCount(values.shape) / elementCount(weights.shape);
  return add(graph, scale(graph, sumAll(graph, weights), repeats), graph.scalar(1e-8));
}
