import type { Graph, Shape, Tensor } from "../graph/graph.ts";
import { reshape, transpose } from "../graph/primitives.ts";

/** The same elements in another shape; the gradient goes back to the old one. */
export function reshaped(graph: Graph, x: Tensor, shape: Shape): Tensor {
  const y = reshape(graph, x, shape);
  return y === x ? x : graph.record(y, [{ input: x, gradient: (dy) => reshape(graph, dy, x.shape) }]);
}

/** Axes in another order: axis i of the result is axis `permutation[i]` of x; the gradient goes the other way. */
export function permuted(graph: Graph, x: Tensor, permutation: readonly number[]): Tensor {
  const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
  return graph.record(transpose(graph, x, permutation), [
    { input: x, gradient: (dy) => transpose(graph, dy, inverse) },
  ]);
}
