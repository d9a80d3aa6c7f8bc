import type { Graph, Tensor } from "../graph/graph.ts";
import { add, multiply, reduceSum, reshape, scale } from "../graph/primitives.ts";
import { shareBetweenRules } from "./share-between-rules.ts";

export const INSTANCE_NORM_EPSILON = 1e-5;

/**
 * Instance normalisation with scale and shift, statistics per image and channel over the M = rows · columns pixels.
 *
 * x̂ = (x - mean) / σ, σ = √(variance + ε), y = γ·x̂ + β
 *
 * - dβ = Σ dy, dγ = Σ dy·x̂ (over images and pixels)
 * - dx = γ/σ · (dy - (Σ dy)/M - x̂ · (Σ dy·x̂)/M) (sums over the pixels of one image and channel)
 *
 * While recording, x̂ and 1/σ come from a LayerNormalization over [N, C, M], which hands both out; otherwise the plain
 * InstanceNormalization node is used, as in the exported model.
 *
 * @param x [N, C, rows, columns]
 * @param gamma [C]
 * @param beta [C]
 */
export function instanceNorm(graph: Graph, x: Tensor, gamma: Tensor, beta: Tensor): Tensor {
  const epsilon = { float: INSTANCE_NORM_EPSILON };
  if (!graph.isRecording) return graph.emit("InstanceNormalization", [x, gamma, beta], x.shape, { epsilon });

  const [count, channels, rows, columns] = x.shape as [number, number, number, number];
  const pixels = rows * columns;
  const flat = [count, channels, pixels];
  const ones = graph.constant(new Float32Array(pixels).fill(1), [pixels], `ones${pixels}`);
  const [normalised, , inverseDeviation] = graph.emitMany(
    "LayerNormalization",
    [reshape(graph, x, flat), ones],
    [flat, undefined, [count, channels, 1]],
    { axis: { int: -1 }, epsilon },
  ) as [Tensor, Tensor, Tensor];
  const gammaColumn = reshape(graph, gamma, [1, channels, 1]);
  const shifted = perChannelAffine(graph, normalised, gamma, beta);

  const sums = shareBetweenRules((dy) => {
    const flatGradient = reshape(graph, dy, flat);
    return {
      flatGradient,
      sum: reduceSum(graph, flatGradient, [2], true),
      product: reduceSum(graph, multiply(graph, flatGradient, normalised), [2], true),
    };
  });
  return graph.record(reshape(graph, shifted, x.shape), [
    { input: beta, gradient: (dy) => reduceSum(graph, sums(dy).sum, [0, 2]) },
    { input: gamma, gradient: (dy) => reduceSum(graph, sums(dy).product, [0, 2]) },
    {
      input: x,
      gradient: (dy) => {
        const { flatGradient, sum, product } = sums(dy);
        const factor = multiply(graph, inverseDeviation, gammaColumn);
        const meanFactor = scale(graph, factor, -1 / pixels);
        const perPlane = (value: Tensor): Tensor => reshape(graph, value, [count * channels]);
        const planes = reshape(graph, flatGradient, [1, count * channels, pixels]);
        const centred = perChannelAffine(graph, planes, perPlane(factor), perPlane(multiply(graph, meanFactor, sum)));
        const alongNormalised = multiply(graph, normalised, multiply(graph, meanFactor, product));
        return reshape(graph, add(graph, reshape(graph, centred, flat), alongNormalised), x.shape);
      },
    },
  ]);
}

/** value · factor + shift per channel, in one pass over the pixels: a BatchNormalization of mean 0 and variance 1 - ε. */
function perChannelAffine(graph: Graph, value: Tensor, factor: Tensor, shift: Tensor): Tensor {
  const channels = value.shape[1]!;
  const zeros = graph.constant(new Float32Array(channels), [channels], `zeros${channels}`);
  const ones = graph.constant(new Float32Array(channels).fill(1), [channels], `ones${channels}`);
  return graph.emit("BatchNormalization", [value, factor, shift, zeros, ones], value.shape, { epsilon: { float: 0 } });
}
