import { elementCount, type Graph, type Tensor } from "../graph/graph.ts";
import { add, divide, multiply, reduceSum, scale, subtract, sumAll, unary } from "../graph/primitives.ts";
import { pixelWeightSum } from "./binary-cross-entropy.ts";

export interface EntropyOptions {
  /** "sigmoid": channels are independent, each pixel of each channel has an entropy. "softmax": one per pixel. */
  readonly activation: "sigmoid" | "softmax";
  /** [N, 1, rows, columns], with "sigmoid" also [N, C, rows, columns]; 0 ignores the pixel. Default 1. */
  readonly pixelWeights?: Tensor;
}

/**
 * Entropy of the prediction, mean over images and pixels (weighted mean with pixel weights m): what is small where the network
 * has made up its mind, without saying in favour of what (entropy minimisation).
 *
 * - sigmoid: H = ln(1 + e^-|z|) + max(-z, 0) + z·(1 - p), dz = -m·z·p·(1 - p) / Σm, p = σ(z)
 * - softmax: H = -Σ_c p_c·ln p_c, dz_c = -m·p_c·(ln p_c + H) / Σm
 *
 * @param logits [N, C, rows, columns]
 */
export function entropy(graph: Graph, logits: Tensor, { activation, pixelWeights }: EntropyOptions): Tensor {
  const { values, slope } = activation === "sigmoid" ? ofSigmoid(graph, logits) : ofSoftmax(graph, logits);
  const weighted = (value: Tensor): Tensor => (pixelWeights ? multiply(graph, value, pixelWeights) : value);
  const weightSum = pixelWeights
    ? pixelWeightSum(graph, pixelWeights, values)
    : graph.scalar(elementCount(values.shape));
  return graph.record(divide(graph, sumAll(graph, weighted(values)), weightSum), [
    { input: logits, gradient: (dy) => multiply(graph, weighted(slope()), divide(graph, dy, weightSum)) },
  ]);
}

interface PixelEntropy {
  readonly values: Tensor;
  /** dH/dz, in the shape of the logits. */
  readonly slope: () => Tensor;
}

function ofSigmoid(graph: Graph, z: Tensor): PixelEntropy {
  const one = graph.scalar(1);
  const p = unary(graph, "Sigmoid", z);
  const decay = unary(graph, "Exp", unary(graph, "Neg", unary(graph, "Abs", z)));
  const softplus = add(
    graph,
    unary(graph, "Log", add(graph, one, decay)),
    unary(graph, "Relu", unary(graph, "Neg", z)),
  );
  const rest = subtract(graph, one, p);
  return {
    values: add(graph, softplus, multiply(graph, z, rest)),
    slope: () => scale(graph, multiply(graph, z, multiply(graph, p, rest)), -1),
  };
}

function ofSoftmax(graph: Graph, z: Tensor): PixelEntropy {
  const logProbabilities = graph.emit("LogSoftmax", [z], z.shape, { axis: { int: 1 } });
  const p = unary(graph, "Exp", logProbabilities);
  const values = scale(graph, reduceSum(graph, multiply(graph, p, logProbabilities), [1], true), -1);
  return { values, slope: () => scale(graph, multiply(graph, p, add(graph, logProbabilities, values)), -1) };
}
