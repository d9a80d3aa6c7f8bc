import { elementCount, type Graph, type Tensor } from "../graph/graph.ts";
import { divide, multiply, scale, subtract, sumAll } from "../graph/primitives.ts";
import { pixelWeightSum } from "./binary-cross-entropy.ts";

/**
 * Mean squared difference, the consistency term of the mean-teacher family: Σ m·(a - b)² / Σm, m = 1 by default.
 *
 * da = 2·m·(a - b) / Σm, db = -da (a teacher's prediction is emitted without gradient and gets none)
 *
 * @param a [N, C, rows, columns]
 * @param b same shape
 * @param pixelWeights [N, 1, rows, columns] or [N, C, rows, columns]
 */
export function meanSquaredError(graph: Graph, a: Tensor, b: Tensor, pixelWeights?: Tensor): Tensor {
  const difference = subtract(graph, a, b);
  const weighted = pixelWeights ? multiply(graph, difference, pixelWeights) : difference;
  const weightSum = pixelWeights ? pixelWeightSum(graph, pixelWeights, a) : graph.scalar(elementCount(a.shape));
  const slope = (dy: Tensor, sign: number): Tensor =>
    multiply(graph, weighted, divide(graph, scale(graph, dy, 2 * sign), weightSum));
  return graph.record(divide(graph, sumAll(graph, multiply(graph, weighted, difference)), weightSum), [
    { input: a, gradient: (dy) => slope(dy, 1) },
    { input: b, gradient: (dy) => slope(dy, -1) },
  ]);
}
